//! A store that counts what is asked of it, and in which others can be made to come first.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, TimeZone, Utc};
use fairlead_application::{
    Actor, App, AppError, Context, Expected, IdempotencyKey, Outcome,
    access::{Access, Authorized, System as Everything},
    memory::MemoryStore,
    ports::{
        Append, Appended, Clock, EventStore, IdGenerator, Loaded, RegisterQuery, RelatedQuery, Secrets, StoreError,
        StoredEvent, StoredStream,
    },
};
use fairlead_domain::kernel::Aggregate;
use fairlead_domain::kernel::UniqueKey;
use uuid::Uuid;

type Rival = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
pub(crate) struct Counting {
    pub(crate) memory: Arc<MemoryStore>,
    pub(crate) loads: AtomicUsize,
    pub(crate) appends: AtomicUsize,
    pub(crate) histories: AtomicUsize,
    /// How many appends from now on end in a deadlock.
    deadlocks: AtomicUsize,
    /// What is done just before the next appends, one each.
    rivals: Mutex<VecDeque<Rival>>,
}

#[async_trait]
impl EventStore for Counting {
    async fn load(&self, cx: &Context, streams: &[Uuid]) -> Result<Loaded, StoreError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.memory.load(cx, streams).await
    }

    async fn append(&self, cx: &Context, append: Append) -> Result<Appended, StoreError> {
        self.appends.fetch_add(1, Ordering::Relaxed);
        let one_less = |left: usize| left.checked_sub(1);
        if self.deadlocks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            return Err(StoreError::Stale { streams: vec![] });
        }
        let rival = self.rivals.lock().unwrap().pop_front();
        if let Some(rival) = rival {
            rival.await;
        }
        self.memory.append(cx, append).await
    }

    async fn holders(&self, cx: &Context, keys: &[UniqueKey]) -> Result<Vec<Option<Uuid>>, StoreError> {
        self.memory.holders(cx, keys).await
    }

    async fn events(&self, cx: &Context, stream: Uuid) -> Result<Vec<StoredEvent>, StoreError> {
        self.histories.fetch_add(1, Ordering::Relaxed);
        self.memory.events(cx, stream).await
    }

    async fn secrets(&self, cx: &Context, stream: Uuid) -> Result<Secrets, StoreError> {
        self.memory.secrets(cx, stream).await
    }

    async fn register(&self, cx: &Context, query: &RegisterQuery) -> Result<Vec<StoredStream>, StoreError> {
        self.memory.register(cx, query).await
    }

    async fn related(&self, cx: &Context, query: &RelatedQuery) -> Result<Vec<Uuid>, StoreError> {
        self.memory.related(cx, query).await
    }
}

/// Always the same moment.
pub(crate) struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
    }
}

/// 1, 2, 3, …
#[derive(Default)]
struct Numbers(AtomicUsize);

impl IdGenerator for Numbers {
    fn next(&self) -> Uuid {
        Uuid::from_u128(self.0.fetch_add(1, Ordering::Relaxed) as u128 + 1)
    }
}

/// An application and the store under it.
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) store: Arc<Counting>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let store = Arc::new(Counting::default());
        Self { app: App::new(store.clone(), Arc::new(Noon), Arc::new(Numbers::default())), store }
    }

    /// The next appends end in a deadlock.
    pub(crate) fn deadlock(&self, times: usize) {
        self.store.deadlocks.store(times, Ordering::Relaxed);
    }

    /// Just before the next append (or, called again, the one after it), this command takes effect.
    pub(crate) fn rival<A: Aggregate>(&self, cx: &Authorized<Everything>, id: A::Id, command: A::Command) {
        let app = App::new(self.store.memory.clone(), Arc::new(Noon), Arc::new(Numbers(AtomicUsize::new(1_000))));
        let cx = cx.clone();
        let rival = async move {
            app.execute::<A>(&cx, id, Expected::Any, command).await.unwrap();
        };
        self.store.rivals.lock().unwrap().push_back(Box::pin(rival));
    }

    pub(crate) async fn state<A: Aggregate>(&self, cx: &Authorized<Everything>, id: A::Id) -> Option<(i64, A)> {
        self.app.read::<A>(cx, id).await.unwrap().map(|recorded| (recorded.version, recorded.state))
    }

    /// Loads and appends so far.
    pub(crate) fn trips(&self) -> (usize, usize) {
        (self.store.loads.load(Ordering::Relaxed), self.store.appends.load(Ordering::Relaxed))
    }
}

pub(crate) fn id<Id: From<Uuid>>(n: u128) -> Id {
    Uuid::from_u128(n).into()
}

/// A caller of the tenant `n` who may do everything.
pub(crate) fn caller(tenant: u128) -> Authorized<Everything> {
    authorized(Context::new(id(tenant), Actor::new("user:tester"), Access::parse("*:*")))
}

/// The same, with an idempotency key and the fingerprint of the request.
pub(crate) fn keyed(tenant: u128, key: &str, fingerprint: u8) -> Authorized<Everything> {
    let mut cx = (*caller(tenant)).clone();
    cx.idempotency = Some(IdempotencyKey { key: key.to_owned(), fingerprint: [fingerprint; 32] });
    authorized(cx)
}

pub(crate) fn authorized(cx: Context) -> Authorized<Everything> {
    cx.authorize().unwrap()
}

/// The versions in the receipts.
pub(crate) fn versions(outcome: &Result<Outcome, AppError>) -> Vec<i64> {
    match outcome {
        Ok(outcome) => outcome.receipts.iter().map(|receipt| receipt.version).collect(),
        Err(error) => panic!("{}: {error}", error.code()),
    }
}

/// The code of the refusal.
#[track_caller]
pub(crate) fn code(outcome: &Result<Outcome, AppError>) -> String {
    outcome.as_ref().unwrap_err().code()
}
