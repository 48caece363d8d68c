//! An event store in memory, for tests of use cases. Passes the same contract suite as the one in `PostgreSQL`.

mod related;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use fairlead_domain::{
    ids::{OrganizationId, UserId},
    kernel::{Belonging, UniqueKey},
};
use uuid::Uuid;

use crate::{
    AppError, Context,
    access::Extent,
    consistency::{ConsistencyToken, slot_bit},
    envelope::{Place, SequencedEvent},
    export::{AnyStream, ExportPort},
    history::{Gap, HistoryPort, LogPage, LogQuery, RecordPage},
    identity::Directory,
    live::{Stretch, Tail, TenantStream},
    log::LogError,
    ports::{
        Answer, Append, Appended, EventStore, Loaded, Metadata, NewSecret, RegisterQuery, RelatedQuery, Secrets,
        StoreError, StoredEvent, StoredStream, StreamAppend, SubjectKey, TakenClaim,
    },
};

/// Streams, reservations and answers behind one lock.
#[derive(Default)]
pub struct MemoryStore(Mutex<Tables>);

/// Stream, version and place within the event.
type Told = (Uuid, i64, String);

#[derive(Default, Clone)]
struct Tables {
    xid: u64,
    streams: HashMap<(OrganizationId, Uuid), (StoredStream, Vec<StoredEvent>)>,
    reservations: HashMap<(OrganizationId, &'static str, String), Uuid>,
    answers: HashMap<(OrganizationId, String, String), Answer>,
    /// What has a position: the first at index 0.
    log: Vec<(OrganizationId, Uuid, i64)>,
    /// Where something about a person was told.
    personal: HashMap<(OrganizationId, Uuid), Vec<Told>>,
    /// The streams in which something about somebody else was ever told.
    about: BTreeSet<(OrganizationId, Uuid, Uuid)>,
    /// A record, and the streams that refer to it.
    references: BTreeSet<(OrganizationId, Uuid, Uuid)>,
    erased: HashSet<(OrganizationId, Uuid)>,
    secrets: HashMap<(OrganizationId, Uuid), Secrets>,
    deleted: HashSet<(OrganizationId, Uuid)>,
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// The log behind a position.
    fn sequenced(&self, after: i64) -> impl Iterator<Item = SequencedEvent> {
        let behind = self.log.iter().enumerate().skip(usize::try_from(after).unwrap_or(0));
        behind.filter_map(|(index, (tenant, stream, version))| {
            let (_, history) = self.streams.get(&(*tenant, *stream))?;
            let event = history.get(usize::try_from(version - 1).ok()?)?.clone();
            let position = i64::try_from(index + 1).ok()?;
            Some(SequencedEvent { position, incarnation: 1, tenant: (*tenant).into(), stream: *stream, event })
        })
    }

    /// To whom a record belongs, as its state says.
    fn belonging(&self, tenant: OrganizationId, stream: Uuid) -> Option<Belonging> {
        let (present, _) = self.streams.get(&(tenant, stream))?;
        serde_json::from_str(present.state.get()).ok()
    }

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
        let stale = |stream: &&StreamAppend| match tables.streams.get(&(tenant, stream.id)) {
            Some((present, _)) => present.version != stream.expected || present.aggregate != stream.aggregate,
            None => stream.expected != 0,
        };
        let streams: Vec<_> = append.streams.iter().filter(stale).map(|stream| stream.id).collect();
        if !streams.is_empty() {
            return Err(StoreError::Stale { streams });
        }
        tables.note_people(tenant, &append)?;
        tables.note_references(tenant, &append);
        for key in append.streams.iter().flat_map(|stream| &stream.released) {
            tables.reservations.remove(&(tenant, key.scope, key.value.clone()));
        }
        let mut claims = BTreeSet::new();
        for stream in &append.streams {
            for key in &stream.claimed {
                let owner = tables.reservations.entry((tenant, key.scope, key.value.clone())).or_insert(stream.id);
                if *owner != stream.id {
                    claims.insert(TakenClaim { stream: stream.id, scope: key.scope.to_owned() });
                }
            }
        }
        if !claims.is_empty() {
            return Err(StoreError::Taken { claims: claims.into_iter().collect() });
        }
        for stream in append.streams {
            let kept = tables.secrets.entry((tenant, stream.id)).or_default();
            for NewSecret { name, value } in stream.secrets {
                kept.0.retain(|(present, _)| present != name);
                kept.0.extend(value.map(|value| (name.to_owned(), value)));
            }
            if stream.erases {
                kept.0.clear();
            }
            if stream.deleted {
                tables.deleted.insert((tenant, stream.id));
            } else {
                tables.deleted.remove(&(tenant, stream.id));
            }
            let slot = tables.streams.get(&(tenant, stream.id));
            let (created_at, mut history) = match slot {
                Some((present, history)) => (present.created_at, history.clone()),
                None => (append.occurred_at, Vec::new()),
            };
            for event in stream.events {
                tables.log.push((tenant, stream.id, version(history.len() + 1)));
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
                key: SubjectKey::Unknown,
            };
            tables.streams.insert((tenant, stream.id), (present, history));
        }
        tables.erase();
        if let Some(key) = &cx.idempotency {
            let answer =
                Answer { fingerprint: key.fingerprint, receipts: append.receipts, token: append.seen.unwrap_or(token) };
            tables.answers.insert((tenant, cx.actor().as_str().to_owned(), key.key.clone()), answer);
        }
        *shared = tables;
        Ok(Appended::Stored(append.seen.unwrap_or(token)))
    }

    async fn holders(&self, cx: &Context, keys: &[UniqueKey]) -> Result<Vec<Option<Uuid>>, StoreError> {
        let tables = self.tables();
        let holder = |key: &UniqueKey| tables.reservations.get(&(cx.tenant(), key.scope, key.value.clone())).copied();
        Ok(keys.iter().map(holder).collect())
    }

    async fn events(&self, cx: &Context, stream: Uuid) -> Result<Vec<StoredEvent>, StoreError> {
        let tables = self.tables();
        Ok(tables.streams.get(&(cx.tenant(), stream)).map(|(_, history)| history.clone()).unwrap_or_default())
    }

    async fn secrets(&self, cx: &Context, stream: Uuid) -> Result<Secrets, StoreError> {
        Ok(self.tables().secrets.get(&(cx.tenant(), stream)).cloned().unwrap_or_default())
    }

    async fn register(&self, cx: &Context, query: &RegisterQuery) -> Result<Vec<StoredStream>, StoreError> {
        let tables = self.tables();
        let of = |stream: &StoredStream| {
            let state: serde_json::Value = serde_json::from_str(stream.state.get()).unwrap_or_default();
            query.user.is_none_or(|user| state["user_id"] == user.to_string())
        };
        let wanted = tables.streams.iter().filter(|((tenant, id), (stream, _))| {
            *tenant == cx.tenant()
                && stream.aggregate == query.aggregate
                && !tables.deleted.contains(&(*tenant, *id))
                && query.after.is_none_or(|after| *id > after)
                && of(stream)
        });
        let mut found: Vec<_> = wanted.map(|(_, (stream, _))| stream.clone()).collect();
        found.sort_by_key(|stream| stream.id);
        found.truncate(query.limit.into());
        Ok(found)
    }

    async fn related(&self, cx: &Context, query: &RelatedQuery) -> Result<Vec<Uuid>, StoreError> {
        Ok(self.tables().related(cx.tenant(), query))
    }
}

#[async_trait]
impl Directory for MemoryStore {
    async fn organizations_of(&self, user: UserId) -> Result<Vec<OrganizationId>, AppError> {
        let tables = self.tables();
        let memberships = tables.streams.iter().filter(|((tenant, id), (stream, _))| {
            *id == Uuid::from(user) && stream.aggregate == "membership" && !tables.deleted.contains(&(*tenant, *id))
        });
        let mut tenants: Vec<_> = memberships.map(|((tenant, _), _)| *tenant).collect();
        tenants.sort();
        Ok(tenants)
    }
}

#[async_trait]
impl HistoryPort for MemoryStore {
    async fn log(&self, cx: &Context, query: &LogQuery) -> Result<LogPage, AppError> {
        let tables = self.tables();
        let (mut events, mut reached) = (Vec::new(), query.after);
        for event in
            tables.sequenced(query.after).take_while(|event| query.until.is_none_or(|end| event.position <= end))
        {
            if event.tenant != Uuid::from(cx.tenant()) {
                continue;
            }
            if events.len() == usize::from(query.limit) {
                return Ok(LogPage { events, reached, more: true });
            }
            reached = event.position;
            let belonging = tables.belonging(cx.tenant(), event.stream);
            events.extend(Some(event).filter(|event| query.wanted.takes(&event.event.event_type, belonging)));
        }
        Ok(LogPage { events, reached, more: false })
    }

    async fn record(
        &self,
        cx: &Context,
        aggregate: &'static str,
        within: Extent<'_>,
        stream: Uuid,
        after: i64,
        limit: u16,
    ) -> Result<Option<RecordPage>, AppError> {
        let tables = self.tables();
        let found = tables.streams.get(&(cx.tenant(), stream)).filter(|(present, _)| present.aggregate == aggregate);
        let found = found.filter(|_| within.covers(tables.belonging(cx.tenant(), stream)));
        Ok(found.map(|(_, history)| {
            let later: Vec<_> = history.iter().filter(|event| event.version > after).collect();
            let more = later.len() > usize::from(limit);
            RecordPage { events: later.into_iter().take(limit.into()).cloned().collect(), more }
        }))
    }

    async fn gap(&self, cx: &Context, after: Place, limit: u32) -> Result<Gap, AppError> {
        let tables = self.tables();
        let end = i64::try_from(tables.log.len()).unwrap_or(i64::MAX);
        if after.incarnation != 1 || after.position > end {
            return Ok(Gap::Unknown);
        }
        let missed = tables.sequenced(after.position).filter(|event| event.tenant == Uuid::from(cx.tenant()));
        Ok(Gap::Missed(u32::try_from(missed.take(limit as usize).count()).unwrap_or(limit)))
    }
}

#[async_trait]
impl ExportPort for MemoryStore {
    async fn end(&self, _: &Context) -> Result<Place, AppError> {
        Ok(Place { incarnation: 1, position: i64::try_from(self.tables().log.len()).unwrap_or(i64::MAX) })
    }

    async fn records(&self, cx: &Context, after: Option<Uuid>, limit: u16) -> Result<Vec<AnyStream>, AppError> {
        let tables = self.tables();
        let of_tenant = tables
            .streams
            .iter()
            .filter(|((tenant, id), _)| *tenant == cx.tenant() && after.is_none_or(|after| *id > after));
        let any = |(key, (stream, _)): (&(OrganizationId, Uuid), &(StoredStream, Vec<StoredEvent>))| AnyStream {
            stream: stream.clone(),
            deleted: tables.deleted.contains(key),
        };
        let mut all: Vec<_> = of_tenant.map(any).collect();
        all.sort_by_key(|any| any.stream.id);
        all.truncate(limit.into());
        Ok(all)
    }

    async fn ended_sessions(&self, cx: &Context, user: UserId) -> Result<Vec<Uuid>, AppError> {
        let all = self.records(cx, None, u16::MAX).await?;
        let of_user = all.into_iter().filter(|AnyStream { stream, deleted }| {
            let state: serde_json::Value = serde_json::from_str(stream.state.get()).unwrap_or_default();
            *deleted && stream.aggregate == "session" && state["user_id"] == user.to_string()
        });
        Ok(of_user.map(|any| any.stream.id).collect())
    }
}

/// Followed by looking now and then.
#[async_trait]
impl Tail for Arc<MemoryStore> {
    async fn end(&self) -> Result<Place, LogError> {
        Ok(Place { incarnation: 1, position: i64::try_from(self.tables().log.len()).unwrap_or(i64::MAX) })
    }

    async fn read(&self, after: i64, limit: u32, tenants: Option<&[Uuid]>) -> Result<Option<Stretch>, LogError> {
        let tables = self.tables();
        let span: Vec<_> = tables.sequenced(after).take(limit as usize).collect();
        let Some(reached) = span.last().map(SequencedEvent::place) else { return Ok(None) };
        let wanted = |event: &SequencedEvent| tenants.is_none_or(|tenants| tenants.contains(&event.tenant));
        Ok(Some(Stretch { events: span.into_iter().filter(wanted).collect(), reached }))
    }

    async fn belongings(&self, streams: &[TenantStream]) -> Result<HashMap<TenantStream, Belonging>, LogError> {
        let tables = self.tables();
        let belonging = |(tenant, stream): &TenantStream| tables.belonging((*tenant).into(), *stream);
        Ok(streams.iter().filter_map(|stream| Some((*stream, belonging(stream)?))).collect())
    }

    async fn grown(&mut self) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
