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
    event_log::{events_of, events_of_types},
    subscriptions::backlog,
    vault::{Hold, Vault},
};

/// How many rows are written at once: those of one event, and no more begun than this.
const WRITTEN_AT_ONCE: usize = 10_000;

/// How events become rows of a read model.
///
/// The table has the columns `tenant_id`, `event_id` and `position`, which tell from which event a row was made.
///
/// Rows are made anew when the person they tell about is erased: the events are read again, without what was personal in them.
/// Hence `subject_id`, which says whom a row tells about; but for what is made [of some types](Self::OF_TYPES) alone.
pub trait EventProjection: Send + Sync + 'static {
    /// The table.
    type Entity: EntityTrait<Model: Serialize>;
    /// The subscription's name: `crm.timeline`.
    const NAME: &'static str;
    /// The table's name, with its schema.
    const TABLE: &'static str;
    /// The columns of its primary key, the event among them unless the [newest](Self::NEWEST) one wins.
    const KEY: &'static str;
    /// Whether a row replaces the one that an earlier event has made with the same key, in whatever order the events come, and how
    /// often. Then what is no more is a row that says so: without one, an earlier event that comes late would bring it back.
    const NEWEST: bool = false;
    /// The types of events of which it is made, where these are few and hold nothing personal. Then no other event is read, and
    /// nobody's erasure changes a row.
    const OF_TYPES: Option<&'static [&'static str]> = None;
    /// How many events are read at once by whoever wants to see all rows of them: fewer, where one event makes many.
    const READ_AT_ONCE: usize = 1_000;
    /// Which rows may be missing, since they had their time: a condition on the row `e` that there would be.
    const EXPIRED: &'static str = "false";
    /// What is to be done besides when a person is erased: a statement that takes the tenant and the person.
    const ERASING: Option<&'static str> = None;
    /// Whether rows tell about people to whom the stream does not belong. They are found by an index on `tenant_id` and
    /// `subject_id`.
    const TELLS_OF_OTHERS: bool = false;

    /// Whether anything is made of events of this type.
    fn concerns(event_type: &str) -> bool {
        Self::OF_TYPES.is_none_or(|types| types.contains(&event_type))
    }

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
        let upsert =
            if P::NEWEST { Upsert::newest::<P::Entity>(P::KEY) } else { Upsert::of::<P::Entity>(P::KEY, "true") };
        Self { upsert, vault, projection: PhantomData }
    }

    /// The events of some entries, as far as they matter.
    async fn events(
        &self,
        client: &Object,
        entries: &[Entry],
        hold: Hold,
    ) -> Result<Vec<SequencedEvent>, ProjectionError> {
        Ok(match P::OF_TYPES {
            Some(types) => events_of_types(client, &self.vault, entries, types).await?,
            None => events_of(client, &self.vault, entries, hold).await?,
        })
    }

    /// The rows of an event.
    fn made(event: &SequencedEvent) -> Result<Vec<Value>, ProjectionError> {
        if !P::concerns(&event.event.event_type) {
            return Ok(Vec::new());
        }
        P::rows(event)?.into_iter().map(|row| Ok(serde_json::to_value(row)?)).collect()
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

    /// Writes the rows of some entries; the streams of those who were erased by one of them.
    async fn write(
        &self,
        client: &Object,
        table: &str,
        entries: &[Entry],
    ) -> Result<Vec<(Uuid, Uuid)>, ProjectionError> {
        let (mut rows, mut erased) = (Vec::with_capacity(entries.len()), Vec::new());
        for event in self.events(client, entries, Hold::UntilCommit).await? {
            if event.event.event_type.ends_with(".erased") {
                erased.push((event.tenant, event.stream));
            }
            rows.append(&mut Self::made(&event)?);
            if rows.len() >= WRITTEN_AT_ONCE {
                self.store(client, table, std::mem::take(&mut rows)).await?;
            }
        }
        self.store(client, table, rows).await?;
        Ok(erased)
    }

    async fn store(&self, client: &Object, table: &str, rows: Vec<Value>) -> Result<(), ProjectionError> {
        if !rows.is_empty() {
            client.execute(&self.upsert.statement(table), &[&Json(Value::Array(rows))]).await?;
        }
        Ok(())
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
        if P::OF_TYPES.is_some() {
            return Ok(());
        }
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

    fn newest_wins(&self) -> bool {
        P::NEWEST
    }

    fn is_made_of(&self, aggregate: &str) -> bool {
        let of = |event_type: &&str| event_type.split_once('.').is_some_and(|(of, _)| of == aggregate);
        P::OF_TYPES.is_none_or(|types| types.iter().any(of))
    }

    fn read_at_once(&self) -> usize {
        P::READ_AT_ONCE
    }

    /// Who was erased reads so from the first event on.
    async fn rows(
        &self,
        client: &Object,
        _: &[(Uuid, Uuid)],
        entries: &[Entry],
    ) -> Result<Vec<Value>, ProjectionError> {
        let events = self.events(client, entries, Hold::No).await?;
        let rows: Vec<_> = events.iter().map(Self::made).collect::<Result<_, _>>()?;
        Ok(rows.into_iter().flatten().collect())
    }
}
