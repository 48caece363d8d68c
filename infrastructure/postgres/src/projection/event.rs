//! Event projections: what is made of each event, built anew by replay.

use std::marker::PhantomData;

use async_trait::async_trait;
use deadpool_postgres::Object;
use fairlead_application::{envelope::SequencedEvent, recorded::DecodeError, subscription::Entry};
use sea_orm::EntityTrait;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::{Projection, ProjectionError, upsert::Upsert};
use crate::{
    event_log::events_of,
    subscriptions::backlog,
    vault::{Hold, Vault},
};

/// How events become rows of a read model.
///
/// The table has the columns `tenant_id`, `event_id` and `position`, which tell from which event a row was made.
///
/// Rows are made anew when the person they tell about is erased: the events are read again, without what was personal in them.
pub trait EventProjection: Send + Sync + 'static {
    /// The table.
    type Entity: EntityTrait<Model: Serialize>;
    /// The subscription's name: `crm.timeline`.
    const NAME: &'static str;
    /// The table's name, with its schema.
    const TABLE: &'static str;
    /// The columns of its primary key, the event among them.
    const KEY: &'static str;
    /// Which rows may be missing, since they had their time: a condition on the row `e` that there would be.
    const EXPIRED: &'static str = "false";
    /// What is to be done besides when a person is erased: a statement that takes the tenant and the person.
    const ERASING: Option<&'static str> = None;
    /// Whether rows tell about people to whom the stream does not belong. They are found by an index on `tenant_id` and
    /// `subject_id`.
    const TELLS_OF_OTHERS: bool = false;

    /// Whether anything is made of events of this type.
    fn concerns(event_type: &str) -> bool;

    /// The rows of an event: none or several, each with another key.
    ///
    /// # Errors
    /// The event can't be read.
    fn rows(event: &SequencedEvent) -> Result<Vec<<Self::Entity as EntityTrait>::Model>, DecodeError>;
}

/// An event projection at work.
pub(crate) struct EventRows<P> {
    upsert: Upsert,
    vault: Vault,
    projection: PhantomData<fn() -> P>,
}

impl<P: EventProjection> EventRows<P> {
    pub(crate) fn new(vault: Vault) -> Self {
        Self { upsert: Upsert::of::<P::Entity>(P::KEY, "true"), vault, projection: PhantomData }
    }

    /// The rows of some entries, and the streams of those who were erased by one of them.
    async fn read(
        &self,
        client: &Object,
        entries: &[Entry],
        hold: Hold,
    ) -> Result<(Vec<Value>, Vec<(Uuid, Uuid)>), ProjectionError> {
        let (mut rows, mut erased) = (Vec::with_capacity(entries.len()), Vec::new());
        for event in events_of(client, &self.vault, entries, hold).await? {
            if event.event.event_type.ends_with(".erased") {
                erased.push((event.tenant, event.stream));
            }
            if P::concerns(&event.event.event_type) {
                for row in P::rows(&event)? {
                    rows.push(serde_json::to_value(row)?);
                }
            }
        }
        Ok((rows, erased))
    }

    /// Does what is to be done besides when people are erased. Not for a table that is being built: it was done.
    async fn erase(&self, client: &Object, table: &str, people: &[(Uuid, Uuid)]) -> Result<(), ProjectionError> {
        if let Some(erasing) = P::ERASING.filter(|_| table == P::TABLE) {
            for (tenant, person) in people {
                client.execute(erasing, &[tenant, person]).await?;
            }
        }
        Ok(())
    }

    async fn write(
        &self,
        client: &Object,
        table: &str,
        entries: &[Entry],
    ) -> Result<Vec<(Uuid, Uuid)>, ProjectionError> {
        let (rows, erased) = self.read(client, entries, Hold::UntilCommit).await?;
        if !rows.is_empty() {
            client.execute(&self.upsert.statement(table), &[&Json(Value::Array(rows))]).await?;
        }
        Ok(erased)
    }

    /// Makes the rows anew that tell about a person in streams of others. Rows that are not there yet are made without the
    /// person: who writes one holds the person's key until it can be found here.
    async fn tell_anew(&self, client: &Object, table: &str, tenant: Uuid, person: Uuid) -> Result<(), ProjectionError> {
        if !P::TELLS_OF_OTHERS {
            return Ok(());
        }
        let told = format!(
            "select o.position, o.incarnation, o.stream_id, o.version
               from (select distinct t.position from {table} t where t.tenant_id = $1 and t.subject_id = $2) t
               join engine.outbox o on o.position = t.position and o.tenant_id = $1 and o.stream_id <> $2
              order by o.position"
        );
        let entry = |row: &tokio_postgres::Row| {
            let (position, incarnation) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Entry { position, incarnation, tenant, stream: row.try_get(2)?, version: row.try_get(3)? })
        };
        let rows = client.query(&told, &[&tenant, &person]).await?;
        let entries = rows.iter().map(entry).collect::<Result<Vec<_>, tokio_postgres::Error>>()?;
        self.write(client, table, &entries).await.map(drop)
    }
}

#[async_trait]
impl<P: EventProjection> Projection for EventRows<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn table(&self) -> &'static str {
        P::TABLE
    }

    async fn project(&self, client: &Object, table: &str, entries: &[Entry]) -> Result<(), ProjectionError> {
        let erased = self.write(client, table, entries).await?;
        self.erase(client, table, &erased).await?;
        for (tenant, stream) in erased {
            let until = entries.last().map_or(0, |entry| entry.position);
            let history = backlog(client, tenant, stream, 1, until).await?;
            self.write(client, table, &history).await?;
            self.tell_anew(client, table, tenant, stream).await?;
        }
        Ok(())
    }

    async fn forget(&self, client: &Object, table: &str, tenant: Uuid, person: Uuid) -> Result<(), ProjectionError> {
        self.tell_anew(client, table, tenant, person).await?;
        // What is left is the person's own stream, which a replay makes anew.
        let delete = if P::TELLS_OF_OTHERS {
            format!(
                "delete from {table} t using engine.outbox o
                  where t.tenant_id = $1 and t.subject_id = $2
                    and o.position = t.position and o.tenant_id = $1 and o.stream_id = $2"
            )
        } else {
            format!("delete from {table} where tenant_id = $1 and subject_id = $2")
        };
        client.execute(&delete, &[&tenant, &person]).await?;
        self.erase(client, table, &[(tenant, person)]).await
    }

    fn scanned(&self) -> Option<&'static str> {
        None
    }

    async fn project_streams(&self, _: &Object, _: &str, _: &[(Uuid, Uuid)]) -> Result<(), ProjectionError> {
        Ok(())
    }

    fn key(&self) -> &'static str {
        P::KEY
    }

    fn expired(&self) -> &'static str {
        P::EXPIRED
    }

    /// Who was erased reads so from the first event on.
    async fn rows(
        &self,
        client: &Object,
        _: &[(Uuid, Uuid)],
        entries: &[Entry],
    ) -> Result<Vec<Value>, ProjectionError> {
        Ok(self.read(client, entries, Hold::No).await?.0)
    }
}
