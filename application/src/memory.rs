//! An event store in memory, for tests of use cases. Passes the same contract suite as the one in `PostgreSQL`.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use fairlead_domain::ids::OrganizationId;
use uuid::Uuid;

use crate::{
    Context,
    consistency::{ConsistencyToken, slot_bit},
    ports::{Answer, Append, Appended, EventStore, Loaded, Metadata, StoreError, StoredEvent, StoredStream},
};

/// Streams, reservations and answers behind one lock.
#[derive(Default)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Default, Clone)]
struct Tables {
    xid: u64,
    streams: HashMap<(OrganizationId, Uuid), (StoredStream, Vec<StoredEvent>)>,
    reservations: HashMap<(OrganizationId, &'static str, String), Uuid>,
    answers: HashMap<(OrganizationId, String, String), Answer>,
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn answer(&self, cx: &Context) -> Option<Answer> {
        let key = cx.idempotency.as_ref()?;
        self.answers.get(&(cx.tenant(), cx.actor().as_str().to_owned(), key.key.clone())).cloned()
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn load(&self, cx: &Context, streams: &[Uuid]) -> Result<Loaded, StoreError> {
        let tables = self.tables();
        let present = streams.iter().filter_map(|id| tables.streams.get(&(cx.tenant(), *id)));
        Ok(Loaded { streams: present.map(|(stream, _)| stream.clone()).collect(), answer: tables.answer(cx) })
    }

    async fn append(&self, cx: &Context, append: Append) -> Result<Appended, StoreError> {
        let mut shared = self.tables();
        if let Some(answer) = shared.answer(cx) {
            return Ok(Appended::Answered(answer));
        }
        // Work on a copy, so that a failure changes nothing.
        let mut tables = shared.clone();
        tables.xid += 1;
        let tenant = cx.tenant();
        let slots = append.streams.iter().fold(0, |slots, stream| slots | slot_bit(tenant, stream.id));
        let token = ConsistencyToken { incarnation: 1, xid: tables.xid, slots };
        let version = |events: usize| i64::try_from(events).unwrap_or(i64::MAX);
        // Before the keys: one who comes too late is to decide again, and may find that the key is the stream's own.
        for stream in &append.streams {
            let present = tables.streams.get(&(tenant, stream.id)).map_or(0, |(_, history)| version(history.len()));
            if present != stream.expected {
                return Err(StoreError::Stale);
            }
        }
        for key in append.streams.iter().flat_map(|stream| &stream.released) {
            tables.reservations.remove(&(tenant, key.scope, key.value.clone()));
        }
        for stream in &append.streams {
            for key in &stream.claimed {
                let reserved = tables.reservations.insert((tenant, key.scope, key.value.clone()), stream.id);
                if reserved.is_some() {
                    return Err(StoreError::Taken { scope: key.scope.to_owned() });
                }
            }
        }
        for stream in append.streams {
            let slot = tables.streams.get(&(tenant, stream.id));
            let (created_at, mut history) = match slot {
                Some((present, history)) => (present.created_at, history.clone()),
                None => (append.occurred_at, Vec::new()),
            };
            for event in stream.events {
                history.push(StoredEvent {
                    id: event.id,
                    version: version(history.len() + 1),
                    event_type: event.event_type,
                    schema_version: event.schema_version,
                    data: event.data,
                    metadata: Metadata::from(cx),
                    occurred_at: append.occurred_at,
                });
            }
            let present = StoredStream {
                id: stream.id,
                aggregate: stream.aggregate.to_owned(),
                version: version(history.len()),
                state_version: stream.state_version,
                state: stream.state,
                created_at,
                updated_at: append.occurred_at,
                token,
            };
            tables.streams.insert((tenant, stream.id), (present, history));
        }
        if let Some(key) = &cx.idempotency {
            let answer =
                Answer { fingerprint: key.fingerprint, receipts: append.receipts, token: append.seen.unwrap_or(token) };
            tables.answers.insert((tenant, cx.actor().as_str().to_owned(), key.key.clone()), answer);
        }
        *shared = tables;
        Ok(Appended::Stored(append.seen.unwrap_or(token)))
    }

    async fn events(&self, cx: &Context, stream: Uuid) -> Result<Vec<StoredEvent>, StoreError> {
        let tables = self.tables();
        Ok(tables.streams.get(&(cx.tenant(), stream)).map(|(_, history)| history.clone()).unwrap_or_default())
    }
}
