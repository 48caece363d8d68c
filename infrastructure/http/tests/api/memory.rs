//! Ports in memory: a store that can fail, a list over it, a clock and ids that repeat.

use std::sync::{
    Arc, Mutex, OnceLock,
    atomic::{AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use fairlead_application::{
    AppError, Context, Recorded,
    access::Extent,
    health::{self, HealthCheck},
    identity::Principals,
    list::{
        AllLists, Condition, Filter, ListPort, ListQuery, Listed, Literal, Operator, Page, Position, Search, Test,
        words,
    },
    memory::MemoryStore,
    ports::{
        Append, Appended, Clock, EventStore, IdGenerator, Loaded, RegisterQuery, RelatedQuery, Secrets, StoreError,
        StoredEvent, StoredStream,
    },
    recorded::decode_state,
};
use fairlead_domain::{
    crm::{Activity, Comment, Company, Contact, ContactList, Deal, Pipeline},
    ids::OrganizationId,
    kernel::{Aggregate, UniqueKey},
};
use uuid::Uuid;

/// How the store behaves.
#[derive(Clone, Copy)]
pub(crate) enum Mood {
    Fine = 0,
    Unavailable = 1,
    Broken = 2,
    Panicking = 3,
    Slow = 4,
}

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) inner: Arc<MemoryStore>,
    streams: Mutex<Vec<(OrganizationId, Uuid)>>,
    events: Mutex<Vec<Uuid>>,
    written: AtomicU64,
    calls: AtomicUsize,
    mood: AtomicU8,
    /// Told of every stream that changes.
    pub(crate) principals: OnceLock<Principals>,
}

impl Store {
    pub(crate) fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// How many times something was stored.
    pub(crate) fn appends(&self) -> usize {
        self.events.lock().unwrap().len()
    }

    /// How many times it was asked for something, or to store it: each time is a round trip.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// The records of a kind that are not deleted.
    pub(crate) async fn living<A: Aggregate>(&self, cx: &Context) -> Result<Vec<Recorded<A>>, StoreError> {
        let streams = self.streams.lock().unwrap().clone();
        let ids: Vec<_> = streams.into_iter().filter(|(tenant, _)| *tenant == cx.tenant()).map(|(_, id)| id).collect();
        let present = self.load(cx, &ids).await?.streams;
        let present = present.iter().filter(|stream| stream.aggregate == A::TYPE);
        let states = present
            .map(|stream| Recorded::new(cx.tenant(), stream, decode_state::<A>(&stream.state).expect("a state")));
        Ok(states.filter(|row| !row.state.is_deleted()).collect())
    }

    async fn feel(&self) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.mood.load(Ordering::SeqCst) {
            1 => Err(StoreError::Unavailable("secret address of the database".into())),
            2 => Err(StoreError::Internal("secret state of the database".into())),
            3 => panic!("secret panic"),
            4 => {
                tokio::time::sleep(std::time::Duration::from_millis(400)).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl EventStore for Store {
    async fn load(&self, cx: &Context, streams: &[Uuid]) -> Result<Loaded, StoreError> {
        self.feel().await?;
        self.inner.load(cx, streams).await
    }

    async fn append(&self, cx: &Context, append: Append) -> Result<Appended, StoreError> {
        self.feel().await?;
        let streams: Vec<_> = append.streams.iter().map(|stream| (cx.tenant(), stream.id)).collect();
        let appended = self.inner.append(cx, append).await?;
        if let Appended::Stored(token) = &appended {
            self.written.fetch_max(token.xid, Ordering::SeqCst);
            self.events.lock().unwrap().push(Uuid::nil());
            let changed: Vec<_> = streams.iter().map(|(tenant, stream)| (Uuid::from(*tenant), *stream)).collect();
            self.principals.wait().changed(&changed);
            let mut all = self.streams.lock().unwrap();
            for stream in streams {
                if !all.contains(&stream) {
                    all.push(stream);
                }
            }
        }
        Ok(appended)
    }

    async fn holders(&self, cx: &Context, keys: &[UniqueKey]) -> Result<Vec<Option<Uuid>>, StoreError> {
        self.feel().await?;
        self.inner.holders(cx, keys).await
    }

    async fn events(&self, cx: &Context, stream: Uuid) -> Result<Vec<StoredEvent>, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.events(cx, stream).await
    }

    async fn secrets(&self, cx: &Context, stream: Uuid) -> Result<Secrets, StoreError> {
        self.inner.secrets(cx, stream).await
    }

    async fn register(&self, cx: &Context, query: &RegisterQuery) -> Result<Vec<StoredStream>, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.register(cx, query).await
    }

    async fn related(&self, cx: &Context, query: &RelatedQuery) -> Result<Vec<Uuid>, StoreError> {
        self.inner.related(cx, query).await
    }
}

/// Lists of every aggregate that has them.
pub(crate) fn lists(store: &Arc<Store>) -> AllLists {
    let listing = || Listing(store.clone());
    let lists =
        AllLists::default().with::<Company>(listing()).with::<Contact>(listing()).with::<ContactList>(listing());
    let lists = lists.with::<Activity>(listing()).with::<Comment>(listing());
    lists.with::<Deal>(listing()).with::<Pipeline>(listing())
}

/// A list that is computed anew each time.
pub(crate) struct Listing(pub(crate) Arc<Store>);

#[async_trait]
impl<A: Listed> ListPort<A> for Listing {
    async fn page(&self, cx: &Context, within: Extent<'_>, query: &ListQuery) -> Result<Page<Recorded<A>>, AppError> {
        if cx.read_after.is_some_and(|token| token.xid > self.0.written.load(Ordering::SeqCst)) {
            return Err(AppError::NotYetVisible);
        }
        let mut rows: Vec<_> = self
            .0
            .living::<A>(cx)
            .await?
            .into_iter()
            .filter(|row| lets_through(&query.filter, row))
            .filter(|row| within.covers(row.state.belongs()))
            .filter(|row| query.search.as_ref().is_none_or(|search| meets(search, row)))
            .map(|row| (place(query, &row), row))
            .collect();
        rows.sort_by(|(a, _), (b, _)| if query.sort.descending { b.cmp(a) } else { a.cmp(b) });
        if let Some(after) = &query.after {
            let after = (after.value.as_ref().map(text).unwrap_or_default(), after.id);
            rows.retain(|(place, _)| if query.sort.descending { *place < after } else { *place > after });
        }
        let more = rows.len() > usize::from(query.limit);
        rows.truncate(query.limit.into());
        let next = rows.last().filter(|_| more).map(|(_, row)| Position { value: Some(value(query, row)), id: row.id });
        Ok(Page { rows: rows.into_iter().map(|(_, row)| row).collect(), next })
    }
}

fn value<A: Listed>(query: &ListQuery, row: &Recorded<A>) -> Literal {
    match &*query.sort.field.name {
        "relevance" => Literal::Relevance(query.search.as_ref().map_or(0, |search| search.relevance(&title(row)))),
        "created" => Literal::Instant(row.created_at),
        "updated" => Literal::Instant(row.updated_at),
        field => Literal::Text(member(row, field)),
    }
}

fn place<A: Listed>(query: &ListQuery, row: &Recorded<A>) -> (String, Uuid) {
    (text(&value(query, row)), row.id)
}

fn text(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => text.clone(),
        Literal::Id(id) => id.to_string(),
        Literal::Instant(time) => format!("{:020}", time.timestamp_micros()),
        other => format!("{other:?}"),
    }
}

/// A text of the state, in lower case.
fn member<A: Listed>(row: &Recorded<A>, name: &str) -> String {
    serde_json::to_value(&row.state).unwrap()[name].as_str().unwrap_or_default().to_lowercase()
}

fn tags<A: Listed>(row: &Recorded<A>) -> Vec<String> {
    serde_json::from_value(serde_json::to_value(&row.state).unwrap()["tags"].take()).unwrap_or_default()
}

/// What a search calls a record.
fn title<A: Listed>(row: &Recorded<A>) -> String {
    A::BRIEF.and_then(|brief| brief(&row.state).title).unwrap_or_default()
}

/// Titles and tags are all that this list looks at.
fn meets<A: Listed>(search: &Search, row: &Recorded<A>) -> bool {
    let tags = tags(row);
    let all: Vec<_> = words(&title(row)).into_iter().chain(tags.iter().flat_map(|tag| words(tag))).collect();
    search.words().all(|word| all.iter().any(|text| text.starts_with(word)))
}

fn lets_through<A: Listed>(filter: &Filter, row: &Recorded<A>) -> bool {
    match filter {
        Filter::Everything => true,
        Filter::Is(condition) => holds(condition, row),
        Filter::All(members) => members.iter().all(|member| lets_through(member, row)),
        Filter::Any(members) => members.iter().any(|member| lets_through(member, row)),
        Filter::Not(member) => !lets_through(member, row),
    }
}

fn holds<A: Listed>(condition: &Condition, row: &Recorded<A>) -> bool {
    match (&*condition.field.name, &condition.test) {
        ("tag", Test::Compare(Operator::Equal, wanted)) => tags(row).contains(&text(wanted)),
        ("name", Test::Compare(Operator::Contains, wanted)) => member(row, "name").contains(&text(wanted)),
        ("name", Test::Compare(Operator::Equal, wanted)) => member(row, "name") == text(wanted),
        ("kind", Test::Compare(Operator::Equal, wanted)) => member(row, "kind") == text(wanted),
        ("activity", Test::Compare(Operator::Equal, wanted)) => member(row, "activity_id") == text(wanted),
        ("about", Test::Compare(Operator::Equal, wanted)) => {
            let state = serde_json::to_value(&row.state).unwrap();
            state["about"].as_array().unwrap().iter().any(|record| record["id"] == text(wanted))
        }
        ("created", test) => lies(&text(&Literal::Instant(row.created_at)), test),
        ("updated", test) => lies(&text(&Literal::Instant(row.updated_at)), test),
        (field, test) => panic!("this list does not know {field} {test:?}"),
    }
}

fn lies(value: &String, test: &Test) -> bool {
    match test {
        Test::Compare(Operator::Less, other) => *value < text(other),
        Test::Compare(Operator::LessOrEqual, other) => *value <= text(other),
        Test::Compare(Operator::Greater, other) => *value > text(other),
        Test::Compare(Operator::GreaterOrEqual, other) => *value >= text(other),
        Test::Between(low, high) => (text(low)..=text(high)).contains(value),
        test => panic!("times don't know {test:?}"),
    }
}

/// A clock that goes on by a millisecond each time it is asked.
pub(crate) struct Ticking(AtomicI64);

impl Ticking {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(0))
    }
}

impl Clock for Ticking {
    fn now(&self) -> DateTime<Utc> {
        let start: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        start + TimeDelta::milliseconds(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// Ids one after the other.
pub(crate) struct Counting(AtomicU64);

impl Counting {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(1))
    }
}

impl IdGenerator for Counting {
    fn next(&self) -> Uuid {
        let beginning = 0x019c_a000_0000_7000_8000_0000_0000_0000_u128;
        Uuid::from_u128(beginning + u128::from(self.0.fetch_add(1, Ordering::SeqCst)))
    }
}

/// A part that is up, down or silent.
pub(crate) enum Part {
    Up(&'static str),
    /// Up, and needed by every request.
    Vital(&'static str),
    /// Tells of a second part that is down.
    Half(&'static str, &'static str),
    Down(&'static str, &'static str),
    Silent(&'static str),
}

#[async_trait]
impl HealthCheck for Part {
    fn name(&self) -> &'static str {
        match self {
            Self::Up(name) | Self::Vital(name) | Self::Half(name, _) => name,
            Self::Down(name, _) | Self::Silent(name) => name,
        }
    }

    fn is_vital(&self) -> bool {
        matches!(self, Self::Vital(_))
    }

    async fn check(&self) -> Vec<health::Condition> {
        match *self {
            Self::Up(name) | Self::Vital(name) => vec![health::Condition::up(name)],
            Self::Half(name, other) => {
                vec![health::Condition::up(name).with("a remark"), health::Condition::down(other, "stuck")]
            }
            Self::Down(name, why) => vec![health::Condition::down(name, why)],
            Self::Silent(_) => std::future::pending().await,
        }
    }
}
