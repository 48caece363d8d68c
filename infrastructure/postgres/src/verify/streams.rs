//! Streams, their events and what is noted beside them, read side by side in the same order.

use std::collections::{BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use deadpool_postgres::Object;
use fairlead_application::{
    envelope::SequencedEvent,
    log::LogError,
    ports::{StoredEvent, StoredStream},
    subscription::Entry,
    verify::{Fault, History, Noted, Place, VerifyError},
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Findings,
    beside::{Beside, KEYS, PEOPLE, REFERENCES},
    cursor::Cursor,
    not_ending,
};
use crate::{
    VaultError,
    connect::log_error,
    event_store::{EVENT_COLUMNS, STREAM_COLUMNS, stored_event, stored_stream},
    vault::{Hold, Vault, told},
};

/// Streams read at once.
const STREAMS: u32 = 500;
/// Events read at once.
const PAGE: u32 = 1_000;

/// A stream that was looked at, for the read models.
pub(super) struct Checked {
    pub(super) tenant: Uuid,
    pub(super) stream: Uuid,
    pub(super) aggregate: String,
    /// Its events with a position, in order.
    pub(super) entries: Vec<Entry>,
    /// Whether every event has a position.
    pub(super) placed: bool,
    /// Whether everything could be read.
    pub(super) readable: bool,
}

/// An event as it was found.
struct Found {
    tenant: Uuid,
    stream: Uuid,
    version: i64,
    occurred_at: DateTime<Utc>,
    incarnation: i32,
    place: Place,
    content: Result<StoredEvent, String>,
    /// The people about whom it tells something, and to whom the stream does not belong.
    told: BTreeSet<Uuid>,
}

/// Cursors in ascending order of tenant and stream.
pub(super) struct Streams<'a> {
    client: &'a Object,
    vault: &'a Vault,
    streams: Cursor,
    events: Cursor,
    found: VecDeque<Found>,
    keys: Beside<(String, String)>,
    references: Beside<Uuid>,
    people: Beside<Uuid>,
    /// The last stream without a row, told once.
    lost: Option<(Uuid, Uuid)>,
}

impl<'a> Streams<'a> {
    pub(super) async fn declare(
        client: &'a Object,
        vault: &'a Vault,
        organization: Option<Uuid>,
    ) -> Result<Self, LogError> {
        let sql = format!(
            "select tenant_id, {STREAM_COLUMNS}, deleted_at is not null from engine.streams s
              where ($1::uuid is null or tenant_id = $1) and {} order by tenant_id, stream_id",
            not_ending("s")
        );
        let streams = Cursor::declare(client, "verified_streams", STREAMS, &sql, &[&organization]).await?;
        // In a restored database that nobody has adopted yet, transaction ids tell nothing.
        let sql = format!(
            "select e.tenant_id, e.stream_id, {EVENT_COLUMNS}, o.position, coalesce(o.incarnation, 0),
                    e.seq <= s.floor or (s.at_home and pg_visible_in_snapshot(e.xid, t.snapshot))
               from engine.events e
               left join engine.outbox o
                 on o.tenant_id = e.tenant_id and o.stream_id = e.stream_id and o.version = e.version
              cross join (select floor, engine.at_home() as at_home from engine.sequencer) s
              cross join (select snapshot from engine.ticks order by number desc limit 1) t
              where ($1::uuid is null or e.tenant_id = $1) and {}
              order by e.tenant_id, e.stream_id, e.version, o.position",
            not_ending("e")
        );
        let events = Cursor::declare(client, "verified_events", PAGE, &sql, &[&organization]).await?;
        let keys = Beside::declare(client, &KEYS, organization).await?;
        let references = Beside::declare(client, &REFERENCES, organization).await?;
        let people = Beside::declare(client, &PEOPLE, organization).await?;
        Ok(Self { client, vault, streams, events, found: VecDeque::new(), keys, references, people, lost: None })
    }

    /// Compares some more streams; none at the end.
    pub(super) async fn next(&mut self, findings: &mut Findings<'_>) -> Result<Vec<Checked>, VerifyError> {
        let rows = self.streams.page(self.client).await?;
        let mut checked = Vec::with_capacity(rows.len());
        for row in &rows {
            let read = || -> Result<(Uuid, StoredStream, bool), tokio_postgres::Error> {
                let tenant: Uuid = row.try_get(0)?;
                Ok((tenant, stored_stream(row, 1, tenant.into())?, row.try_get(10)?))
            };
            let (tenant, stored, deleted) = read().map_err(log_error)?;
            checked.push(self.check(tenant, &stored, deleted, findings).await?);
        }
        if rows.is_empty() {
            self.rest(findings).await?;
        }
        Ok(checked)
    }

    async fn check(
        &mut self,
        tenant: Uuid,
        stored: &StoredStream,
        deleted: bool,
        findings: &mut Findings<'_>,
    ) -> Result<Checked, VerifyError> {
        let here = (tenant, stored.id);
        let mut history = History::new(&stored.aggregate, stored.id);
        let (mut entries, mut placed) = (Vec::new(), true);
        while let Some(found) = self.event(Some(here)).await? {
            findings.summary.events += 1;
            if (found.tenant, found.stream) != here {
                self.lose(&found, findings);
                continue;
            }
            let Found { version, incarnation, place, .. } = found;
            placed &= place.position.is_some();
            found.told.iter().for_each(|person| history.tells_of(*person));
            let entry = |position| Entry { position, incarnation, tenant, stream: stored.id, version };
            // With two positions, the first one is what readers meet first.
            if entries.last().is_none_or(|last: &Entry| last.version != version) {
                entries.extend(place.position.map(entry));
            }
            match found.content {
                Ok(event) => history.take(event, place).map_err(VerifyError::Newer)?,
                Err(reason) => history.take_unreadable(version, found.occurred_at, place, reason),
            }
        }
        let noted = self.noted(here, findings).await?;
        let compared = history.compare(stored, deleted, &noted).map_err(VerifyError::Newer)?;
        for fault in compared.faults {
            findings.of(tenant, stored.id, Some(&stored.aggregate), fault);
        }
        findings.summary.streams += 1;
        findings.summary.stale += u64::from(compared.stale);
        let (aggregate, readable) = (stored.aggregate.clone(), compared.readable);
        Ok(Checked { tenant, stream: stored.id, aggregate, entries, placed, readable })
    }

    /// What is noted beside a stream. What is noted beside none is told.
    async fn noted(&mut self, here: (Uuid, Uuid), findings: &mut Findings<'_>) -> Result<Noted, LogError> {
        let mut keys = |(tenant, stream), (scope, _)| findings.of(tenant, stream, None, Fault::Reserved(scope));
        let keys = self.keys.of(self.client, here, &mut keys).await?;
        let mut references = |(tenant, stream), record| findings.of(tenant, stream, None, Fault::Referred(record));
        let references = self.references.of(self.client, here, &mut references).await?;
        let mut people = |(tenant, stream), person| findings.of(tenant, stream, None, Fault::ToldOfNobody(person));
        let told = self.people.of(self.client, here, &mut people).await?;
        Ok(Noted { keys, references, told })
    }

    /// What stands behind the last stream.
    async fn rest(&mut self, findings: &mut Findings<'_>) -> Result<(), VerifyError> {
        while let Some(found) = self.event(None).await? {
            findings.summary.events += 1;
            self.lose(&found, findings);
        }
        // No stream has the highest id of all.
        self.noted((Uuid::max(), Uuid::max()), findings).await?;
        Ok(())
    }

    fn lose(&mut self, found: &Found, findings: &mut Findings<'_>) {
        if self.lost.replace((found.tenant, found.stream)) != Some((found.tenant, found.stream)) {
            findings.of(found.tenant, found.stream, None, Fault::NoStream);
        }
    }

    /// The next event up to a stream, or to the end.
    async fn event(&mut self, until: Option<(Uuid, Uuid)>) -> Result<Option<Found>, LogError> {
        if self.found.is_empty() {
            let rows = self.events.page(self.client).await?;
            self.found = opened(self.client, self.vault, &rows).await?;
        }
        let near = |found: &Found| until.is_none_or(|until| (found.tenant, found.stream) <= until);
        Ok(if self.found.front().is_some_and(near) { self.found.pop_front() } else { None })
    }
}

/// Opens what is sealed; of an event that can't be opened, tells why.
async fn opened(client: &Object, vault: &Vault, rows: &[Row]) -> Result<VecDeque<Found>, LogError> {
    let (mut events, mut places) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for row in rows {
        let (event, place) = read(row).map_err(log_error)?;
        events.push(event);
        places.push(place);
    }
    let told: Vec<_> = events.iter().map(|event| told(&event.event.data, event.stream)).collect();
    let mut reasons = vec![None; events.len()];
    match vault.open(client, &mut events, Hold::No).await {
        Ok(()) => {}
        Err(VaultError::Broken) => {
            for (event, reason) in events.iter_mut().zip(&mut reasons) {
                match vault.open(client, std::slice::from_mut(event), Hold::No).await {
                    Ok(()) => {}
                    Err(error @ VaultError::Broken) => *reason = Some(error.to_string()),
                    Err(error) => return Err(error.into_log()),
                }
            }
        }
        Err(error) => return Err(error.into_log()),
    }
    let found = events.into_iter().zip(places).zip(reasons).zip(told).map(|(((sequenced, place), reason), told)| {
        let SequencedEvent { tenant, stream, incarnation, event, .. } = sequenced;
        let (version, occurred_at) = (event.version, event.occurred_at);
        Found { tenant, stream, version, occurred_at, incarnation, place, content: reason.map_or(Ok(event), Err), told }
    });
    Ok(found.collect())
}

fn read(row: &Row) -> Result<(SequencedEvent, Place), tokio_postgres::Error> {
    let place = Place { position: row.try_get(9)?, due: row.try_get(11)? };
    let event = SequencedEvent {
        position: place.position.unwrap_or_default(),
        incarnation: row.try_get(10)?,
        tenant: row.try_get(0)?,
        stream: row.try_get(1)?,
        event: stored_event(row, 2)?,
    };
    Ok((event, place))
}
