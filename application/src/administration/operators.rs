//! The operators' way in for those who come over the network: their permissions, and what they did in the log.

use std::sync::Arc;

use fairlead_domain::kernel::ErrorKind;
use tracing::{field::display, info};
use uuid::Uuid;

use super::{
    AdministrationError, ConsumerAdministration, ConsumerStatus, HeldDetail, HeldQuery, ParkedDetail, ParkedQuery,
    RebuildStatus, ReturnedLetters, StreamKey, SubscriptionAdministration, SubscriptionStatus,
};
use crate::{
    AppError,
    access::{Authorized, permissions},
};

permissions! {
    /// See subscriptions and consumers, of all organizations.
    OperatorRead = "operator:read", AboveOrganizations;
    /// Pause, resume, replay, rebuild and discard, for all organizations.
    OperatorWrite = "operator:write", AboveOrganizations;
}

/// Subscriptions and consumers, for operators. Whatever they demand is logged with who demanded it, whether it was done or
/// not: one that the database did not answer may have been done all the same.
#[derive(Clone)]
pub struct Operators {
    subscriptions: Arc<dyn SubscriptionAdministration>,
    consumers: Arc<dyn ConsumerAdministration>,
}

impl Operators {
    /// Guards the ports.
    pub fn new(subscriptions: Arc<dyn SubscriptionAdministration>, consumers: Arc<dyn ConsumerAdministration>) -> Self {
        Self { subscriptions, consumers }
    }

    /// Every subscription, by name.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]
    pub async fn subscriptions(&self, _cx: &Authorized<OperatorRead>) -> Result<Vec<SubscriptionStatus>, AppError> {
        Ok(self.subscriptions.subscriptions().await?)
    }

    /// One subscription.
    ///
    /// # Errors
    /// `subscription.not_found`, or [`AppError::Unavailable`].
    pub async fn subscription(
        &self,
        _cx: &Authorized<OperatorRead>,
        name: &str,
    ) -> Result<SubscriptionStatus, AppError> {
        Ok(self.status(name).await?)
    }

    /// Makes every worker let go of a subscription, or take it up again; answers how it stands.
    ///
    /// # Errors
    /// As [`Operators::subscription`].
    pub async fn set_paused(
        &self,
        cx: &Authorized<OperatorWrite>,
        name: &str,
        paused: bool,
    ) -> Result<SubscriptionStatus, AppError> {
        let outcome = self.subscriptions.set_paused(name, paused).await;
        Demand::of(if paused { "pause" } else { "resume" }, name).told(cx, outcome, |()| 1)?;
        Ok(self.status(name).await?)
    }

    /// Streams that subscriptions have set aside, the oldest first.
    ///
    /// # Errors
    /// As [`Operators::subscription`].
    pub async fn parked(
        &self,
        _cx: &Authorized<OperatorRead>,
        query: &ParkedQuery,
    ) -> Result<Vec<ParkedDetail>, AppError> {
        let parked = self.subscriptions.parked(query).await?;
        // Nothing is parked, or nobody has this name: only then is it worth the question.
        if let (true, Some(name)) = (parked.is_empty(), &query.subscription) {
            self.status(name).await?;
        }
        Ok(parked)
    }

    /// Has one parked stream, or all of a subscription, tried again; answers how many.
    ///
    /// # Errors
    /// As [`Operators::subscription`].
    pub async fn replay(
        &self,
        cx: &Authorized<OperatorWrite>,
        name: &str,
        stream: Option<StreamKey>,
    ) -> Result<u64, AppError> {
        let outcome = self.subscriptions.replay(name, stream).await;
        Demand { stream, ..Demand::of("replay", name) }.told(cx, outcome, |streams| *streams)
    }

    /// Has a read model built anew beside the live one, unless that is under way; answers how it stands.
    ///
    /// # Errors
    /// `subscription.not_found`, `subscription.no_read_model`, or [`AppError::Unavailable`].
    pub async fn rebuild(&self, cx: &Authorized<OperatorWrite>, name: &str) -> Result<RebuildStatus, AppError> {
        if let Some(status) = self.last_rebuild(name).await?.filter(RebuildStatus::is_under_way) {
            return Ok(status);
        }
        let outcome = match self.subscriptions.rebuild(name).await {
            // It writes no read model, or nobody has this name.
            Err(AdministrationError::NoReadModel(name)) => {
                self.status(&name).await.and(Err(AdministrationError::NoReadModel(name)))
            }
            outcome => outcome,
        };
        Demand::of("rebuild", name).told(cx, outcome, |()| 1)?;
        self.last_rebuild(name).await?.ok_or_else(|| AppError::internal("the rebuild has vanished"))
    }

    /// The last rebuild of each read model.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]
    pub async fn rebuilds(&self, _cx: &Authorized<OperatorRead>) -> Result<Vec<RebuildStatus>, AppError> {
        Ok(self.subscriptions.rebuilds().await?)
    }

    /// The last rebuild of one read model.
    ///
    /// # Errors
    /// `rebuild.not_found`, or [`AppError::Unavailable`].
    pub async fn last_rebuild_of(&self, _cx: &Authorized<OperatorRead>, name: &str) -> Result<RebuildStatus, AppError> {
        let detail = || format!("{name} was never rebuilt");
        let missing = || AppError::Refused { kind: ErrorKind::NotFound, code: "rebuild.not_found", detail: detail() };
        self.last_rebuild(name).await?.ok_or_else(missing)
    }

    /// The consumers that have set anything aside, by name.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]
    pub async fn consumers(&self, _cx: &Authorized<OperatorRead>) -> Result<Vec<ConsumerStatus>, AppError> {
        Ok(self.consumers.consumers().await?)
    }

    /// One consumer.
    ///
    /// # Errors
    /// `consumer.not_found`, or [`AppError::Unavailable`].
    pub async fn consumer(&self, _cx: &Authorized<OperatorRead>, name: &str) -> Result<ConsumerStatus, AppError> {
        Ok(self.consumers.consumer(name).await?)
    }

    /// The streams that a consumer has set aside, the oldest first.
    ///
    /// # Errors
    /// As [`Operators::consumer`].
    pub async fn held(
        &self,
        _cx: &Authorized<OperatorRead>,
        name: &str,
        query: &HeldQuery,
    ) -> Result<Vec<HeldDetail>, AppError> {
        Ok(self.consumers.held(name, query).await?)
    }

    /// Has one dead stream of a consumer, or all of them, tried again; answers how many.
    ///
    /// # Errors
    /// As [`Operators::consumer`].
    pub async fn replay_held(
        &self,
        cx: &Authorized<OperatorWrite>,
        name: &str,
        stream: Option<StreamKey>,
    ) -> Result<u64, AppError> {
        let outcome = self.consumers.replay(name, stream).await;
        Demand { stream, ..Demand::of_consumer("replay", name) }.told(cx, outcome, |streams| *streams)
    }

    /// Gives up the event that a stream of a consumer waits for; answers how the consumer stands.
    ///
    /// # Errors
    /// `consumer.not_found`, `consumer.event_not_waited_for`, or [`AppError::Unavailable`].
    pub async fn discard(
        &self,
        cx: &Authorized<OperatorWrite>,
        name: &str,
        stream: StreamKey,
        event: Uuid,
    ) -> Result<ConsumerStatus, AppError> {
        let outcome = self.consumers.discard(name, stream, event).await;
        let demand = Demand { stream: Some(stream), event: Some(event), ..Demand::of_consumer("discard", name) };
        if !demand.told(cx, outcome, |discarded| u64::from(*discarded))? {
            return Err(AppError::Refused {
                kind: ErrorKind::Conflict,
                code: "consumer.event_not_waited_for",
                detail: "the stream does not wait for this event; perhaps it was handled or discarded".to_owned(),
            });
        }
        Ok(self.consumers.consumer(name).await?)
    }

    /// Brings back up to `limit` messages of a consumer's dead-letter queue.
    ///
    /// # Errors
    /// As [`Operators::consumer`], or `consumer.no_queue`.
    pub async fn replay_dead_letters(
        &self,
        cx: &Authorized<OperatorWrite>,
        name: &str,
        limit: u32,
    ) -> Result<ReturnedLetters, AppError> {
        let outcome = self.consumers.replay_dead_letters(name, limit).await;
        let count = |letters: &ReturnedLetters| letters.requeued + letters.replayed;
        Demand::of_consumer("replay_dead_letters", name).told(cx, outcome, count)
    }

    async fn status(&self, name: &str) -> Result<SubscriptionStatus, AdministrationError> {
        let found = self.subscriptions.subscriptions().await?.into_iter().find(|status| status.name == name);
        found.ok_or_else(|| AdministrationError::Unknown(name.to_owned()))
    }

    async fn last_rebuild(&self, name: &str) -> Result<Option<RebuildStatus>, AppError> {
        Ok(self.subscriptions.rebuilds().await?.into_iter().find(|status| status.subscription == name))
    }
}

/// What an operator demands, as it is logged.
#[derive(Default)]
struct Demand<'d> {
    action: &'static str,
    subscription: Option<&'d str>,
    consumer: Option<&'d str>,
    stream: Option<StreamKey>,
    event: Option<Uuid>,
}

impl<'d> Demand<'d> {
    fn of(action: &'static str, subscription: &'d str) -> Self {
        Self { action, subscription: Some(subscription), ..Self::default() }
    }

    fn of_consumer(action: &'static str, consumer: &'d str) -> Self {
        Self { action, consumer: Some(consumer), ..Self::default() }
    }

    /// Logs the demand with its outcome; `count` says how much of it there was to do.
    fn told<T>(
        self,
        cx: &Authorized<OperatorWrite>,
        outcome: Result<T, AdministrationError>,
        count: impl FnOnce(&T) -> u64,
    ) -> Result<T, AppError> {
        let Self { action, subscription, consumer, stream, event } = self;
        let actor = cx.actor().as_str();
        let (organization, stream) = (stream.map(|key| display(key.tenant)), stream.map(|key| display(key.stream)));
        let event = event.map(display);
        let (count, error) = (outcome.as_ref().ok().map(count), outcome.as_ref().err().map(display));
        info!(actor, action, subscription, consumer, organization, stream, event, count, error, "an operator acted");
        Ok(outcome?)
    }
}

impl From<AdministrationError> for AppError {
    fn from(error: AdministrationError) -> Self {
        let detail = error.to_string();
        let (kind, code) = match error {
            AdministrationError::Unknown(_) => (ErrorKind::NotFound, "subscription.not_found"),
            AdministrationError::UnknownConsumer(_) => (ErrorKind::NotFound, "consumer.not_found"),
            AdministrationError::NoQueue(_) => (ErrorKind::Conflict, "consumer.no_queue"),
            AdministrationError::NoReadModel(_) => (ErrorKind::Conflict, "subscription.no_read_model"),
            AdministrationError::Unavailable(cause) | AdministrationError::BrokerUnavailable(cause) => {
                return Self::Unavailable(cause);
            }
        };
        Self::Refused { kind, code, detail }
    }
}
