//! Read models, held against the rows that their own projections make.

mod unmade;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use deadpool_postgres::Object;
use fairlead_application::{
    consistency::slot_bit,
    log::LogError,
    recorded::DecodeError,
    subscription::Entry,
    verify::{Fault, ReadModelSummary, RowFault, VerifyError},
};
use serde_json::Value;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::{Findings, cursor::Cursor, not_ending, streams::Checked};
use crate::{
    connect::log_error,
    projection::{Projection, ProjectionError},
    work::Savepoint,
};

/// Entries, or rows, dealt with at once.
const PAGE: u32 = 1_000;

const PARTITIONS: &str = "select s.slots, coalesce(c.position, 0)
                            from engine.subscriptions s
                            left join lateral (select c.position from engine.checkpoints c
                                                where c.name = s.name and c.partition = s.partition
                                                order by c.number desc limit 1) c on true
                           where s.name = $1";
const PARKED: &str = "select k.tenant_id, k.stream_id
                        from unnest($1::uuid[], $2::uuid[]) as w (tenant_id, stream_id)
                        join engine.parked k using (tenant_id, stream_id) where k.subscription = $3";

/// A read model.
pub(super) struct ReadModel {
    projection: Arc<dyn Projection>,
    /// Slots, and the position up to which events of their streams are handled.
    partitions: Vec<(u64, i64)>,
    summary: ReadModelSummary,
}

impl ReadModel {
    pub(super) async fn new(client: &Object, projection: Arc<dyn Projection>) -> Result<Self, LogError> {
        let name = projection.name();
        let rows = client.query(PARTITIONS, &[&name]).await.map_err(log_error)?;
        let partitions = rows.iter().map(|row| (row.get::<_, i64>(0).cast_unsigned(), row.get(1))).collect();
        let summary = ReadModelSummary { name, compared: 0, behind: 0, parked: 0 };
        Ok(Self { projection, partitions, summary })
    }

    pub(super) fn into_summary(self) -> ReadModelSummary {
        self.summary
    }

    /// Compares the rows of some streams, but for those that it has not handled.
    pub(super) async fn compare(
        &mut self,
        client: &Object,
        checked: &[Checked],
        findings: &mut Findings<'_>,
    ) -> Result<(), VerifyError> {
        let concerned: Vec<_> = checked.iter().filter(|one| self.projection.is_made_of(&one.aggregate)).collect();
        let parked = self.parked(client, &concerned).await?;
        let mut handled = Vec::with_capacity(concerned.len());
        for one in concerned.into_iter().filter(|one| one.readable) {
            if parked.contains(&(one.tenant, one.stream)) {
                self.summary.parked += 1;
            } else if self.is_behind(one) {
                self.summary.behind += 1;
            } else {
                self.summary.compared += 1;
                handled.push(one);
            }
        }
        let rows = Savepoint("rows");
        rows.set(client).await.map_err(log_error)?;
        let mut faults = Vec::new();
        match self.differences(client, &handled, &mut faults).await {
            Ok(()) => rows.release(client).await.map_err(log_error)?,
            Err(failure) => {
                reason(failure)?;
                rows.roll_back(client).await.map_err(log_error)?;
                faults.clear();
                self.one_by_one(client, &handled, &mut faults).await?;
            }
        }
        for (place, fault) in faults {
            self.tell(place, fault, findings);
        }
        Ok(())
    }

    /// Finds the streams that can't be projected.
    async fn one_by_one(
        &self,
        client: &Object,
        handled: &[&Checked],
        faults: &mut Vec<Finding>,
    ) -> Result<(), VerifyError> {
        for &one in handled {
            let row = Savepoint("row");
            row.set(client).await.map_err(log_error)?;
            match self.differences(client, &[one], faults).await {
                Ok(()) => row.release(client).await.map_err(log_error)?,
                Err(failure) => {
                    let reason = reason(failure)?;
                    row.roll_back(client).await.map_err(log_error)?;
                    faults.push((Some((one.tenant, one.stream)), RowFault::Fails(reason)));
                }
            }
        }
        Ok(())
    }

    fn tell(&self, place: Option<(Uuid, Uuid)>, fault: RowFault, findings: &mut Findings<'_>) {
        let fault = Fault::Row { read_model: self.projection.name(), fault };
        match place {
            Some((tenant, stream)) => findings.of(tenant, stream, self.projection.scanned(), fault),
            None => findings.of_all(fault),
        }
    }

    fn is_behind(&self, one: &Checked) -> bool {
        let slot = slot_bit(one.tenant.into(), one.stream);
        let reached = self.partitions.iter().find(|(slots, _)| slots & slot != 0).map_or(0, |(_, reached)| *reached);
        !one.placed || one.entries.iter().any(|entry| entry.position > reached)
    }

    async fn parked(&self, client: &Object, streams: &[&Checked]) -> Result<HashSet<(Uuid, Uuid)>, LogError> {
        let (tenants, ids): (Vec<_>, Vec<_>) = streams.iter().map(|one| (one.tenant, one.stream)).unzip();
        let rows = client.query(PARKED, &[&tenants, &ids, &self.projection.name()]).await.map_err(log_error)?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// The rows of streams that are not as they should be.
    async fn differences(
        &self,
        client: &Object,
        handled: &[&Checked],
        faults: &mut Vec<Finding>,
    ) -> Result<(), ProjectionError> {
        let streams: Vec<_> = handled.iter().map(|one| (one.tenant, one.stream)).collect();
        if self.projection.scanned().is_some() {
            let rows = self.projection.rows(client, &streams, &[]).await?;
            let living: HashSet<_> = rows.iter().filter_map(stream_of).collect();
            self.differing(client, rows, faults, |row| (stream_of(row), None)).await?;
            let beside = self.projection.differing_beside(client, &streams).await?;
            let differs = || RowFault::Differs(None, vec!["attributes".to_owned()]);
            faults.extend(beside.into_iter().map(|stream| (Some(stream), differs())));
            let gone: Vec<_> = streams.into_iter().filter(|stream| !living.contains(stream)).collect();
            return self.not_gone(client, &gone, faults).await;
        }
        let entries: Vec<Entry> = handled.iter().flat_map(|one| one.entries.iter().copied()).collect();
        for entries in entries.chunks(self.projection.read_at_once()) {
            let by_position: HashMap<_, _> = entries.iter().map(|entry| (entry.position, entry)).collect();
            let rows = self.projection.rows(client, &streams, entries).await?;
            let place = |row: &Value| {
                let entry = row["position"].as_i64().and_then(|position| by_position.get(&position));
                (entry.map(|entry| (entry.tenant, entry.stream)), entry.map(|entry| entry.version))
            };
            self.differing(client, rows, faults, place).await?;
        }
        Ok(())
    }

    /// Which of the rows that should be there are missing, or are others.
    async fn differing(
        &self,
        client: &Object,
        rows: Vec<Value>,
        faults: &mut Vec<Finding>,
        place: impl Fn(&Value) -> (Option<(Uuid, Uuid)>, Option<i64>),
    ) -> Result<(), ProjectionError> {
        // What the projection leaves to the database is the database's business.
        let Some(Value::Object(first)) = rows.first() else { return Ok(()) };
        let columns: Vec<String> = first.keys().cloned().collect();
        let table = self.projection.table();
        // What a newer event has made is looked at with that event.
        let newer = if self.projection.newest_wins() { "coalesce(l.position > e.position, false)" } else { "false" };
        let on: Vec<_> = self.projection.key().split(", ").map(|column| format!("l.{column} = e.{column}")).collect();
        let sql = format!(
            "select to_jsonb(e), to_jsonb(l) from jsonb_populate_recordset(null::{table}, $1) e
               left join {table} l on {}
              where to_jsonb(e) is distinct from to_jsonb(l) and not {newer} and not (to_jsonb(l) is null and {})",
            on.join(" and "),
            self.projection.expired()
        );
        for row in client.query(&sql, &[&Json(Value::Array(rows))]).await? {
            let (expected, found): (Value, Option<Value>) = (row.get(0), row.get(1));
            let (stream, version) = place(&expected);
            let Some(found) = found else {
                faults.push((stream, RowFault::Missing(version)));
                continue;
            };
            let differing = columns.iter().filter(|column| expected[column.as_str()] != found[column.as_str()]);
            let differing: Vec<_> = differing.cloned().collect();
            if !differing.is_empty() {
                faults.push((stream, RowFault::Differs(version, differing)));
            }
        }
        Ok(())
    }

    /// Which rows are still there of streams that should have none.
    async fn not_gone(
        &self,
        client: &Object,
        gone: &[(Uuid, Uuid)],
        faults: &mut Vec<Finding>,
    ) -> Result<(), ProjectionError> {
        let (tenants, ids): (Vec<_>, Vec<_>) = gone.iter().copied().unzip();
        let sql = format!(
            "select l.tenant_id, l.id from unnest($1::uuid[], $2::uuid[]) as w (tenant_id, id)
               join {} l using (tenant_id, id)",
            self.projection.table()
        );
        let rows = client.query(&sql, &[&tenants, &ids]).await?;
        faults.extend(rows.iter().map(|row| (Some((row.get(0), row.get(1))), RowFault::Surplus)));
        Ok(())
    }

    /// The rows of no stream, or of no event.
    pub(super) async fn surplus(
        &self,
        client: &Object,
        organization: Option<Uuid>,
        findings: &mut Findings<'_>,
    ) -> Result<(), VerifyError> {
        for table in [Some(self.projection.table()), self.projection.beside()].into_iter().flatten() {
            self.surplus_of(client, organization, findings, table).await?;
        }
        if self.projection.newest_wins() { self.unmade(client, organization, findings).await } else { Ok(()) }
    }

    async fn surplus_of(
        &self,
        client: &Object,
        organization: Option<Uuid>,
        findings: &mut Findings<'_>,
        table: &str,
    ) -> Result<(), VerifyError> {
        let not_ending = not_ending("l");
        let sql = match self.projection.scanned() {
            Some(_) => format!(
                "select l.tenant_id, l.id from {table} l
                  where ($1::uuid is null or l.tenant_id = $1) and {not_ending}
                    and not exists (select from engine.streams s
                                     where s.tenant_id = l.tenant_id and s.stream_id = l.id and s.aggregate = $2)"
            ),
            None => format!(
                "select l.tenant_id, coalesce(o.stream_id, l.event_id) from {table} l
                   left join engine.outbox o on o.position = l.position and o.tenant_id = l.tenant_id
                   left join engine.events e on e.tenant_id = o.tenant_id and e.stream_id = o.stream_id
                                            and e.version = o.version and e.event_id = l.event_id
                  where ($1::uuid is null or l.tenant_id = $1) and {not_ending} and $2::text is null and e.event_id is null"
            ),
        };
        let mut cursor =
            Cursor::declare(client, "verified_rows", PAGE, &sql, &[&organization, &self.projection.scanned()]).await?;
        while let rows @ [_, ..] = &*cursor.page(client).await? {
            for row in rows {
                self.tell(Some((row.get(0), row.get(1))), RowFault::Surplus, findings);
            }
        }
        Ok(client.batch_execute("close verified_rows").await.map_err(log_error)?)
    }
}

/// A row's stream, where it is known, and what is wrong with the row.
type Finding = (Option<(Uuid, Uuid)>, RowFault);

/// Of which stream a row of a state projection is.
fn stream_of(row: &Value) -> Option<(Uuid, Uuid)> {
    let id = |column: &str| row[column].as_str()?.parse().ok();
    Some((id("tenant_id")?, id("id")?))
}

/// What to say of a stream that can't be projected; an error when the stream is not to blame.
fn reason(failure: ProjectionError) -> Result<String, VerifyError> {
    match failure {
        ProjectionError::Log(error) => Err(error.into()),
        ProjectionError::Decode(newer @ DecodeError::Newer { .. }) => Err(VerifyError::Newer(newer)),
        failure => Ok(failure.to_string()),
    }
}
