//! Rows of which the newest event wins, held against the event that they name.
//!
//! Each event was held against the rows that it makes, unless these are newer. So a row is right when the event that it names
//! makes it, which is looked at here.

use std::collections::HashSet;

use deadpool_postgres::Object;
use fairlead_application::{
    subscription::Entry,
    verify::{RowFault, VerifyError},
};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{PAGE, ReadModel, reason};
use crate::{
    connect::log_error,
    verify::{Findings, cursor::Cursor, not_ending},
};

impl ReadModel {
    /// Tells of rows that are not of their event. Those that name none were told already.
    pub(super) async fn unmade(
        &self,
        client: &Object,
        organization: Option<Uuid>,
        findings: &mut Findings<'_>,
    ) -> Result<(), VerifyError> {
        let (table, not_ending) = (self.projection.table(), not_ending("l"));
        let sql = format!(
            "select o.position, o.incarnation, o.tenant_id, o.stream_id, o.version, to_jsonb(l) from {table} l
               join engine.outbox o on o.position = l.position and o.tenant_id = l.tenant_id
               join engine.events e on e.tenant_id = o.tenant_id and e.stream_id = o.stream_id
                                   and e.version = o.version and e.event_id = l.event_id
              where ($1::uuid is null or l.tenant_id = $1) and {not_ending} order by o.position"
        );
        let mut cursor = Cursor::declare(client, "newest_rows", PAGE, &sql, &[&organization]).await?;
        while let rows @ [_, ..] = &*cursor.page(client).await? {
            let rows: Vec<(Entry, Value)> = rows.iter().map(named).collect::<Result<_, _>>().map_err(log_error)?;
            let mut entries: Vec<_> = rows.iter().map(|(entry, _)| *entry).collect();
            entries.dedup_by_key(|entry| entry.position);
            let mut made = HashSet::new();
            for entries in entries.chunks(self.projection.read_at_once()) {
                // What can't be read was told with its stream.
                match self.projection.rows(client, &[], entries).await {
                    Ok(rows) => made.extend(rows.iter().map(|row| self.identity(row))),
                    Err(failure) => drop(reason(failure)?),
                }
            }
            for (entry, _) in rows.iter().filter(|(_, row)| !made.contains(&self.identity(row))) {
                self.tell(Some((entry.tenant, entry.stream)), RowFault::Surplus, findings);
            }
        }
        Ok(client.batch_execute("close newest_rows").await.map_err(log_error)?)
    }

    /// Which row it is, and of which event.
    fn identity(&self, row: &Value) -> String {
        let columns = self.projection.key().split(", ").chain(["position"]);
        columns.map(|column| row[column].to_string()).collect::<Vec<_>>().join(" ")
    }
}

/// The event that a row names, and the row.
fn named(row: &Row) -> Result<(Entry, Value), tokio_postgres::Error> {
    let (position, incarnation) = (row.try_get(0)?, row.try_get(1)?);
    let entry =
        Entry { position, incarnation, tenant: row.try_get(2)?, stream: row.try_get(3)?, version: row.try_get(4)? };
    Ok((entry, row.try_get(5)?))
}
