//! The reader and many who listen, without connections.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use fairlead_application::{
    Actor, App, Context, Expected,
    access::Access,
    envelope::Place,
    history::{EventsRead, History, Wanted},
    live::{Stretch, Tail, TenantStream},
    log::LogError,
    memory::MemoryStore,
    ports::System,
};
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactProfile, Schema},
    ids::{OrganizationId, ProjectId, UserId},
    kernel::Belonging,
    values::{Grant, Over, Permission, PersonName},
};
use futures::StreamExt;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Follow, Live, LiveLimits};

/// A tail that fails when told to, and counts how often it is read, and asked to whom records belong.
struct Failing {
    store: Arc<MemoryStore>,
    broken: Arc<AtomicBool>,
    reads: Arc<AtomicU64>,
    lookups: Arc<AtomicU64>,
}

#[async_trait]
impl Tail for Failing {
    async fn end(&self) -> Result<Place, LogError> {
        self.store.end().await
    }

    async fn read(&self, after: i64, limit: u32, tenants: Option<&[Uuid]>) -> Result<Option<Stretch>, LogError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(LogError::Unavailable("broken".into()));
        }
        self.store.read(after, limit, tenants).await
    }

    async fn belongings(&self, streams: &[TenantStream]) -> Result<HashMap<TenantStream, Belonging>, LogError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        self.store.belongings(streams).await
    }

    async fn grown(&mut self) {
        self.store.grown().await;
    }
}

struct World {
    app: App,
    history: History,
    live: Live,
    broken: Arc<AtomicBool>,
    reads: Arc<AtomicU64>,
    lookups: Arc<AtomicU64>,
    _stop: tokio_util::sync::DropGuard,
}

impl World {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::default());
        let (broken, reads, lookups): (Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>) = Default::default();
        let (read, asked) = (reads.clone(), lookups.clone());
        let tail = Failing { store: store.clone(), broken: broken.clone(), reads: read, lookups: asked };
        let limits = LiveLimits { streams: 5000, streams_per_organization: 5000 };
        let (live, reader) = Live::new(Box::new(tail), limits);
        let stop = CancellationToken::new();
        tokio::spawn(reader.run(stop.clone()));
        let app = App::new(store.clone(), Arc::new(System), Arc::new(System));
        Self { app, history: History::new(store), live, broken, reads, lookups, _stop: stop.drop_guard() }
    }

    async fn make(&self, tenant: OrganizationId) {
        self.make_of(tenant, None).await;
    }

    async fn make_of(&self, tenant: OrganizationId, owner: Option<UserId>) {
        let cx = Context::system(tenant, "test");
        let mut profile = ContactProfile::named(PersonName::new("Ana").unwrap());
        profile.owner_id = owner;
        let command = ContactCommand::Create(Box::new(profile), Schema::default());
        self.app.execute::<Contact>(&cx, self.app.fresh(), Expected::New, command).await.unwrap();
    }

    /// The positions of the next `count` events that a listener of this tenant gets, and its chunks.
    async fn follow(&self, tenant: OrganizationId, after: Option<i64>) -> impl futures::Stream<Item = i64> + use<> {
        self.follow_as(Access::parse("*:*"), tenant, after).await
    }

    async fn follow_as(
        &self,
        access: Access,
        tenant: OrganizationId,
        after: Option<i64>,
    ) -> impl futures::Stream<Item = i64> + use<> {
        let cx = Context::new(tenant, Actor::new("test"), access).authorize::<EventsRead>().unwrap();
        let wanted = Wanted::by(&cx, None, None);
        let listening = self.live.listen(tenant, &wanted).await.map_err(|problem| problem.to_string()).unwrap();
        let place = after.map(|position| Place { incarnation: 1, position });
        let follow = Follow::new(self.history.clone(), cx, wanted, listening, place, None);
        let frames = follow.stream().map(|bytes| String::from_utf8(bytes.unwrap().to_vec()).unwrap());
        let positions = frames.flat_map(|text| {
            let ids = text.split("\n\n").filter(|block| block.contains("\ndata: ") && !block.starts_with("event"));
            let ids = ids.map(|block| block.split(['.', '\n']).nth(1).unwrap().parse().unwrap());
            futures::stream::iter(ids.collect::<Vec<i64>>())
        });
        positions.boxed()
    }
}

async fn taken(stream: impl futures::Stream<Item = i64>, count: usize) -> Vec<i64> {
    let mut stream = pin!(stream.take(count));
    let mut taken = Vec::new();
    while let Some(position) = timeout(Duration::from_secs(60), stream.next()).await.expect("an event in time") {
        taken.push(position);
    }
    taken
}

fn tenant(n: u128) -> OrganizationId {
    Uuid::from_u128(n).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_listen_to_one_reader() {
    let world = World::new();
    let mut listeners = JoinSet::new();
    for n in 0..2000 {
        let stream = world.follow(tenant(1 + n % 2), None).await;
        listeners.spawn(taken(stream, 50));
    }
    assert_eq!(world.live.count(), 2000);
    for n in 0..100 {
        world.make(tenant(1 + n % 2)).await;
    }
    let (mut odd, mut even) = (0, 0);
    while let Some(positions) = listeners.join_next().await {
        let positions = positions.unwrap();
        let first = positions[0];
        assert_eq!(positions, (0..50).map(|n| first + 2 * n).collect::<Vec<_>>());
        if first == 1 { odd += 1 } else { even += 1 }
    }
    assert_eq!((odd, even), (1000, 1000));
    let reads = world.reads.load(Ordering::SeqCst);
    assert!(reads < 2000, "one reader reads for all: {reads} reads");
    assert_eq!(world.lookups.load(Ordering::SeqCst), 0, "all reach everything: nobody asks whose a record is");
    assert_eq!(world.live.count(), 0);
}

/// Whoever comes at any moment, from wherever, gets everything from there on, each once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_between_history_and_present() {
    let world = Arc::new(World::new());
    let writer = tokio::spawn({
        let world = world.clone();
        async move {
            for n in 0..600 {
                world.make(tenant(1 + n % 3)).await;
                tokio::task::yield_now().await;
            }
        }
    });
    let mut listeners = JoinSet::new();
    for n in 0..300_i64 {
        // Tenants come and go, so that the reader's list of them changes all the time.
        let number = n % 3;
        let stream = world.follow(tenant(1 + number as u128), Some(0)).await;
        listeners.spawn(async move { (number, taken(stream, 200).await) });
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    while let Some(outcome) = listeners.join_next().await {
        let (number, positions) = outcome.unwrap();
        assert_eq!(positions, (0..200).map(|n| 1 + number + 3 * n).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn while_the_log_does_not_answer_those_who_listen_wait() {
    let world = World::new();
    let stream = world.follow(tenant(1), None).await;
    let listener = tokio::spawn(taken(stream, 20));
    for n in 0..20 {
        world.broken.store(n % 7 == 3, Ordering::SeqCst);
        world.make(tenant(1)).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.broken.store(false, Ordering::SeqCst);
    assert_eq!(listener.await.unwrap(), (1..=20).collect::<Vec<_>>());
}

/// A user who reaches own records alone.
fn owner(n: u128) -> (UserId, Access) {
    let user = Uuid::from_u128(n).into();
    let grant = Grant { permission: Permission::new("*:read").unwrap(), over: Over::Own };
    (user, Access::new([grant], Some(user), None::<[ProjectId; 0]>))
}

/// Who comes at any moment hears of own records alone, and of each of them, beside others who hear of all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reaches_own_records_hears_of_no_others() {
    let world = Arc::new(World::new());
    let writer = tokio::spawn({
        let world = world.clone();
        async move {
            for n in 0..600_u128 {
                world.make_of(tenant(1 + n % 2), Some(owner(n % 6).0)).await;
                tokio::task::yield_now().await;
            }
        }
    });
    let mut listeners = JoinSet::new();
    for n in 0..120_u128 {
        let (number, access) = (n % 6, owner(n % 6).1);
        let stream = world.follow_as(access, tenant(1 + number % 2), Some(0)).await;
        listeners.spawn(async move { (1 + number as i64, 6, taken(stream, 100).await) });
        let everything = world.follow(tenant(1 + n % 2), Some(0)).await;
        listeners.spawn(async move { (1 + (n % 2) as i64, 2, taken(everything, 300).await) });
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    while let Some(outcome) = listeners.join_next().await {
        let (first, step, positions) = outcome.unwrap();
        let expected: Vec<_> = (0..600 / step).map(|n| first + step * n).collect();
        assert_eq!(positions, expected);
    }
    assert!(world.lookups.load(Ordering::SeqCst) > 0);
}
