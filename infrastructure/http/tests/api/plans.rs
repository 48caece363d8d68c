//! Timelines, agendas and duplicates over the store in memory.

use std::sync::Arc;

use async_trait::async_trait;
use fairlead_application::{
    AppError, Context, Recorded,
    access::{Access, Extent},
    crm::{
        Agenda, AgendaPart, AgendaPort, AgendaQuery, Others, Reason, Tie, TimelineEntry, TimelinePort, TimelineQuery,
        Twin, TwinPort,
    },
    envelope::SequencedEvent,
    history::{EventsRead, HistoryPort, LogQuery, Wanted},
    list::{Filter, ListPort, ListQuery, Listed, Page, Sort},
    ports::{EventStore, RelatedQuery, Relation},
};
use fairlead_domain::crm::{Activity, Contact};
use uuid::Uuid;

use crate::memory::{Listing, Store};

/// Timelines: own events, those that name the record as what they are about, and the whole of what names it now.
pub(crate) struct Contacts(pub(crate) Arc<Store>);

impl Contacts {
    /// The records of an aggregate that name another now.
    async fn naming(&self, cx: &Context, record: Uuid, aggregate: &'static str) -> Vec<Uuid> {
        let query = RelatedQuery { relation: Relation::RefersTo, record, aggregate, after: None, limit: u16::MAX };
        self.0.inner.related(cx, &query).await.unwrap()
    }
}

#[async_trait]
impl TimelinePort for Contacts {
    async fn page(&self, cx: &Context, query: &TimelineQuery<'_>) -> Result<Vec<TimelineEntry>, AppError> {
        let everything = Context::new(cx.tenant(), cx.actor().clone(), Access::parse("*:*"));
        let wanted = Wanted::by(&everything.authorize::<EventsRead>().unwrap(), None, None);
        let log = self.0.inner.log(cx, &LogQuery { after: 0, until: None, limit: u16::MAX, wanted }).await?;
        let (mut shown, mut tells) = (vec![query.record], Vec::new());
        for Others { aggregate, tie, within } in &query.others {
            assert_ne!(*within, Extent::Nothing);
            match tie {
                Tie::Tells => tells.push(*aggregate),
                Tie::Names => shown.extend(self.naming(cx, query.record, aggregate).await),
            }
        }
        let told = |event: &SequencedEvent| {
            let aggregate = event.event.event_type.split('.').next().unwrap_or_default();
            let mut about = event.event.data["about"].as_array().into_iter().flatten();
            let named = about.any(|record| record["id"] == query.record.to_string());
            shown.contains(&event.stream) || named && tells.contains(&aggregate)
        };
        let entry = |SequencedEvent { position, stream, event, .. }| TimelineEntry {
            event_id: event.id,
            record_id: stream,
            event_type: event.event_type,
            position,
            version: event.version,
            occurred_at: event.occurred_at,
            actor: event.metadata.actor,
            data: event.data,
        };
        let before = query.before.unwrap_or(i64::MAX);
        let events = log.events.into_iter().rev().filter(|event| event.position < before && told(event));
        Ok(events.take(query.limit.into()).map(entry).collect())
    }
}

/// Agendas over the list of activities.
pub(crate) struct Plans(pub(crate) Arc<Store>);

#[async_trait]
impl AgendaPort for Plans {
    async fn agenda(&self, cx: &Context, within: Extent<'_>, query: &AgendaQuery) -> Result<Agenda, AppError> {
        let sort = Sort::parse("created", Activity::FIELDS).unwrap();
        let all = ListQuery { filter: Filter::Everything, search: None, sort, limit: u16::MAX, after: None };
        let page: Page<_> = ListPort::<Activity>::page(&Listing(self.0.clone()), cx, within, &all).await?;
        let mut agenda = Agenda::default();
        let mut rows: Vec<_> = page.rows.into_iter().filter(|row| row.state.completed_at.is_none()).collect();
        rows.sort_by_key(|row| (row.state.profile.due_at, row.id));
        for row in
            rows.into_iter().filter(|row| query.assignee.is_none_or(|user| row.state.profile.assignee_id == Some(user)))
        {
            let Some(due) = row.state.profile.due_at else { continue };
            let part: &mut AgendaPart = match due {
                due if due < query.now => &mut agenda.overdue,
                due if due < query.day_ends => &mut agenda.today,
                _ => &mut agenda.upcoming,
            };
            part.count += 1;
            if part.rows.len() < usize::from(query.limit) {
                part.rows.push(row);
            }
        }
        Ok(agenda)
    }
}

/// Contacts of the same name.
pub(crate) struct Twins(pub(crate) Arc<Store>);

#[async_trait]
impl TwinPort for Twins {
    async fn twins(&self, cx: &Context, contact: Uuid, _: i32) -> Result<Vec<Twin>, AppError> {
        let sort = Sort::parse("created", Contact::FIELDS).unwrap();
        let query = ListQuery { filter: Filter::Everything, search: None, sort, limit: 200, after: None };
        let all: Page<Recorded<Contact>> = Listing(self.0.clone()).page(cx, Extent::Everything, &query).await?;
        let name = |row: &Recorded<Contact>| row.state.profile.name.known().map(|name| name.as_str().to_lowercase());
        let own = all.rows.iter().find(|row| row.id == contact).and_then(name);
        let others = all.rows.iter().filter(|row| row.id != contact && name(row) == own);
        Ok(others.map(|row| Twin { id: row.id, reasons: name(row).map(Reason::Name).into_iter().collect() }).collect())
    }
}
