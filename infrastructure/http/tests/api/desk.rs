//! What operators see and do, in memory.

use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use fairlead_application::administration::{
    AdministrationError, ConsumerAdministration, ConsumerStatus, HeldDetail, HeldQuery, ParkedDetail, ParkedQuery,
    PartitionStatus, PolicyRefusal, RebuildState, RebuildStatus, ReturnedLetters, StreamKey,
    SubscriptionAdministration, SubscriptionStatus,
};
use uuid::Uuid;

/// The one name that is known everywhere, as a read model and as a consumer.
pub(crate) const KNOWN: &str = "crm.contacts";
/// A subscription that is no read model.
pub(crate) const RELAY: &str = "relay";

/// Subscriptions and a consumer that do what they are told, and note it.
#[derive(Default)]
pub(crate) struct Desk {
    /// Whether nobody answers.
    pub(crate) down: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    paused: Vec<String>,
    parked: Vec<ParkedDetail>,
    held: Vec<HeldDetail>,
    rebuild: Option<RebuildStatus>,
    demands: Vec<String>,
}

pub(crate) fn moment(minute: i64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    start + TimeDelta::minutes(minute)
}

pub(crate) fn key(n: u128) -> StreamKey {
    StreamKey { tenant: Uuid::from_u128(n % 2 + 1), stream: Uuid::from_u128(1000 + n) }
}

impl Desk {
    fn state(&self) -> Result<MutexGuard<'_, State>, AdministrationError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(AdministrationError::Unavailable("secret address of the database".into()));
        }
        Ok(self.state.lock().unwrap())
    }

    /// What was demanded so far.
    pub(crate) fn demands(&self) -> Vec<String> {
        self.state.lock().unwrap().demands.clone()
    }

    fn demand(&self, demand: String) -> Result<MutexGuard<'_, State>, AdministrationError> {
        let mut state = self.state()?;
        state.demands.push(demand);
        Ok(state)
    }

    /// Sets streams aside, two at each moment.
    pub(crate) fn park(&self, subscription: &str, streams: std::ops::Range<u128>) {
        let detail = |n: u128| ParkedDetail {
            subscription: subscription.to_owned(),
            tenant: key(n).tenant,
            stream: key(n).stream,
            first_version: 1,
            error: "23514 (refused)".to_owned(),
            attempts: 1,
            parked_at: moment(i64::try_from(n / 2).unwrap()),
            replay_demanded: false,
        };
        self.state.lock().unwrap().parked.extend(streams.map(detail));
    }

    /// Has the consumer set streams aside; every third is dead.
    pub(crate) fn hold(&self, streams: std::ops::Range<u128>) {
        let detail = |n: u128| HeldDetail {
            key: key(n),
            event: Uuid::from_u128(5000 + n),
            routing_key: "crm.contact.created".to_owned(),
            attempts: 16,
            reason: Some("failed".to_owned()),
            held_at: moment(i64::try_from(n / 2).unwrap()),
            failed_at: Some(moment(1)),
            due_at: (!n.is_multiple_of(3)).then(|| moment(100)),
            dead_at: n.is_multiple_of(3).then(|| moment(90)),
            messages: 2,
        };
        self.state.lock().unwrap().held.extend(streams.map(detail));
    }

    /// Has the consumer wait for one event, dead.
    pub(crate) fn wait_for(&self, key: StreamKey, event: Uuid) {
        self.hold(0..1);
        let mut state = self.state.lock().unwrap();
        let held = state.held.last_mut().unwrap();
        (held.key, held.event) = (key, event);
    }

    /// Ends the rebuild that is under way.
    pub(crate) fn finish_rebuild(&self) {
        if let Some(rebuild) = &mut self.state.lock().unwrap().rebuild {
            (rebuild.state, rebuild.finished_at) = (RebuildState::Done, Some(moment(5)));
        }
    }
}

fn known(subscription: &str) -> Result<(), AdministrationError> {
    let unknown = || AdministrationError::Unknown(subscription.to_owned());
    [KNOWN, RELAY].contains(&subscription).then_some(()).ok_or_else(unknown)
}

fn known_consumer(name: &str) -> Result<(), AdministrationError> {
    (name == KNOWN).then_some(()).ok_or_else(|| AdministrationError::UnknownConsumer(name.to_owned()))
}

#[async_trait]
impl SubscriptionAdministration for Desk {
    async fn subscriptions(&self) -> Result<Vec<SubscriptionStatus>, AdministrationError> {
        let state = self.state()?;
        let status = |name: &str| {
            let paused = state.paused.iter().any(|paused| paused == name);
            let parked = state.parked.iter().filter(|parked| parked.subscription == name).count();
            let partition = |number: i16| PartitionStatus {
                number,
                position: 40,
                behind: i64::from(number) * 3,
                oldest: (number > 0).then(|| moment(number.into())),
                held: !paused,
                parked: if number == 0 { i64::try_from(parked).unwrap() } else { 0 },
            };
            SubscriptionStatus { name: name.to_owned(), paused, partitions: (0..3).map(partition).collect() }
        };
        Ok([KNOWN, RELAY].map(status).into())
    }

    async fn set_paused(&self, subscription: &str, paused: bool) -> Result<(), AdministrationError> {
        known(subscription)?;
        let mut state = self.demand(format!("{subscription} paused: {paused}"))?;
        state.paused.retain(|name| name != subscription);
        state.paused.extend(paused.then(|| subscription.to_owned()));
        Ok(())
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<ParkedDetail>, AdministrationError> {
        let mut all = self.state()?.parked.clone();
        let place =
            |parked: &ParkedDetail| (parked.parked_at, parked.tenant, parked.stream, parked.subscription.clone());
        all.sort_by_key(place);
        let after = query.after.clone().map(|after| (after.parked_at, after.tenant, after.stream, after.subscription));
        all.retain(|parked| after.as_ref().is_none_or(|after| place(parked) > *after));
        all.retain(|parked| query.subscription.as_ref().is_none_or(|name| parked.subscription == *name));
        all.truncate(query.limit.into());
        Ok(all)
    }

    async fn refusals(&self, _policy: Option<&str>, _limit: u16) -> Result<Vec<PolicyRefusal>, AdministrationError> {
        Ok(Vec::new())
    }

    async fn replay(&self, subscription: &str, stream: Option<StreamKey>) -> Result<u64, AdministrationError> {
        known(subscription)?;
        let which = stream.map_or("all".to_owned(), |key| key.stream.to_string());
        let mut state = self.demand(format!("{subscription} replay {which}"))?;
        let before = state.parked.len();
        let meant = |parked: &ParkedDetail| {
            let key = StreamKey { tenant: parked.tenant, stream: parked.stream };
            parked.subscription == subscription && stream.is_none_or(|stream| stream == key)
        };
        state.parked.retain(|parked| !meant(parked));
        Ok(u64::try_from(before - state.parked.len()).unwrap())
    }

    async fn rebuild(&self, subscription: &str) -> Result<(), AdministrationError> {
        if subscription != KNOWN {
            return Err(AdministrationError::NoReadModel(subscription.to_owned()));
        }
        let mut state = self.demand(format!("{subscription} rebuild"))?;
        state.rebuild = Some(RebuildStatus {
            subscription: subscription.to_owned(),
            state: RebuildState::Demanded,
            done: 0,
            total: 0,
            error: None,
            demanded_at: moment(0),
            finished_at: None,
        });
        Ok(())
    }

    async fn rebuilds(&self) -> Result<Vec<RebuildStatus>, AdministrationError> {
        Ok(self.state()?.rebuild.clone().into_iter().collect())
    }
}

#[async_trait]
impl ConsumerAdministration for Desk {
    async fn consumers(&self) -> Result<Vec<ConsumerStatus>, AdministrationError> {
        let some = !self.state()?.held.is_empty();
        Ok(if some { vec![self.consumer(KNOWN).await?] } else { Vec::new() })
    }

    async fn consumer(&self, name: &str) -> Result<ConsumerStatus, AdministrationError> {
        let state = self.state()?;
        known_consumer(name)?;
        let dead = state.held.iter().filter(|held| held.dead_at.is_some()).count();
        let count = |count: usize| i64::try_from(count).unwrap();
        Ok(ConsumerStatus { name: name.to_owned(), held: count(state.held.len()), dead: count(dead) })
    }

    async fn held(&self, name: &str, query: &HeldQuery) -> Result<Vec<HeldDetail>, AdministrationError> {
        known_consumer(name)?;
        let mut all = self.state()?.held.clone();
        let place = |held: &HeldDetail| (held.held_at, held.key.tenant, held.key.stream);
        all.sort_by_key(place);
        let after = query.after.map(|after| (after.held_at, after.key.tenant, after.key.stream));
        all.retain(|held| after.is_none_or(|after| place(held) > after));
        all.retain(|held| query.dead.is_none_or(|dead| held.dead_at.is_some() == dead));
        all.truncate(query.limit.into());
        Ok(all)
    }

    async fn replay(&self, name: &str, stream: Option<StreamKey>) -> Result<u64, AdministrationError> {
        known_consumer(name)?;
        let mut state = self.demand(format!("consumer {name} replay {:?}", stream.map(|key| key.stream)))?;
        let mut replayed = 0;
        for held in &mut state.held {
            if held.dead_at.is_some() && stream.is_none_or(|key| key == held.key) {
                (held.dead_at, held.due_at) = (None, Some(moment(101)));
                replayed += 1;
            }
        }
        Ok(replayed)
    }

    async fn discard(&self, name: &str, stream: StreamKey, event: Uuid) -> Result<bool, AdministrationError> {
        known_consumer(name)?;
        let mut state = self.demand(format!("consumer {name} discard {event}"))?;
        let before = state.held.len();
        state.held.retain(|held| (held.key, held.event) != (stream, event));
        Ok(state.held.len() < before)
    }

    async fn replay_dead_letters(&self, name: &str, limit: u32) -> Result<ReturnedLetters, AdministrationError> {
        known_consumer(name)?;
        drop(self.demand(format!("consumer {name} letters {limit}"))?);
        Ok(ReturnedLetters { requeued: 1, replayed: 2, settled: 3 })
    }
}
