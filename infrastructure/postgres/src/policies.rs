//! Policies at work: the commands that follow from an event, and the checkpoint behind it, are one transaction.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use deadpool_postgres::Object;
use fairlead_application::{
    App, AppError, TraceParent,
    envelope::SequencedEvent,
    log::LogError,
    policy::AnyPolicy,
    ports::System,
    recorded::DecodeError,
    subscription::{
        Checkpoint, Entry, ParkedStream,
        progress::{Batch, Progress},
    },
    trace,
};
use metrics::counter;
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span, warn};

use crate::{
    Nudge, PostgresSubscriptions,
    connect::{log_error, pool_error},
    event_log::events_of_types,
    event_store::TransactionStore,
    runner::{self, Handler, WorkError},
    subscriptions::PostgresClaim,
    vault::Vault,
    work::{Savepoint, Work},
};

/// Entries that are looked at at once; each may be worth a transaction.
const BATCH: u32 = 200;
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// Where a reaction begins.
const REACTION: Savepoint = Savepoint("reaction");

/// Commands see what requests see: the event's tenant, and nothing else.
const AS_REQUESTS: &str = "set local role fairlead_app";
const AS_ENGINE: &str = "reset role";
const REFUSE: &str = "insert into engine.refusals (tenant_id, event_id, policy, stream_id, version, code)
                      values ($1, $2, $3, $4, $5, $6) on conflict do nothing";

/// Has policies react to what happens.
pub struct Policies {
    subscriptions: PostgresSubscriptions,
    nudge: Arc<Nudge>,
    policies: Vec<Arc<dyn AnyPolicy>>,
}

impl Policies {
    /// Policies over the engine's database, whose login has to be a member of `fairlead_app` too. `nudge` is told of what
    /// they bring about.
    pub fn new(
        subscriptions: PostgresSubscriptions,
        nudge: Arc<Nudge>,
        policies: impl IntoIterator<Item = Arc<dyn AnyPolicy>>,
    ) -> Self {
        Self { subscriptions, nudge, policies: policies.into_iter().collect() }
    }

    /// Works until told to stop. A policy that is new begins with what happens from now on.
    pub async fn run(self, stop: CancellationToken) {
        let mut running = JoinSet::new();
        for policy in self.policies {
            let (subscriptions, nudge, stop) = (self.subscriptions.clone(), self.nudge.clone(), stop.clone());
            let reacting = Reacting { policy, vault: subscriptions.databases().vault.clone(), nudge };
            running.spawn(async move {
                while let Err(error) = subscriptions.begin_at_end(reacting.policy.name()).await {
                    warn!(policy = reacting.policy.name(), %error, "the policy can't begin; trying again");
                    if stop.run_until_cancelled(sleep(RETRY)).await.is_none() {
                        return;
                    }
                }
                runner::run(subscriptions, reacting, stop).await;
            });
        }
        while let Some(ended) = running.join_next().await {
            if let Err(error) = ended {
                error!(%error, "a policy failed");
            }
        }
    }
}

/// A policy on its subscription.
struct Reacting {
    policy: Arc<dyn AnyPolicy>,
    vault: Vault,
    nudge: Arc<Nudge>,
}

/// What became of an event.
enum Verdict {
    /// What follows from it is done, unless the transaction fails.
    Done,
    /// A command was refused, with this code.
    Refused(String),
    /// The policy can't take it in.
    Unfit(String),
}

impl Reacting {
    /// The events that the policy looks at.
    async fn concerned(&self, claim: &PostgresClaim, entries: &[Entry]) -> Result<Vec<SequencedEvent>, LogError> {
        let types = self.policy.events();
        if types.is_empty() {
            return Ok(Vec::new());
        }
        let client = claim.pool().get().await.map_err(pool_error)?;
        let events = events_of_types(&client, &self.vault, entries, types).await?;
        Ok(events.into_iter().filter(|event| self.policy.concerns(event)).collect())
    }

    /// Reacts to an event within a transaction. Unless it is done, nothing of it remains there.
    async fn react(&self, work: &Arc<Work>, event: &SequencedEvent) -> Result<Verdict, WorkError> {
        let client = work.client()?;
        let (begun, entered) = tokio::join!(REACTION.set(client), client.batch_execute(AS_REQUESTS));
        begun.and(entered).map_err(log_error)?;
        let store = TransactionStore { work: work.clone(), vault: self.vault.clone() };
        let app = App::new(Arc::new(store), Arc::new(System), Arc::new(System));
        let span = info_span!("policy", policy = self.policy.name(), event = %event.event.id);
        let parent = event.event.metadata.traceparent.as_deref().map(TraceParent::parse);
        if let Some(Ok(parent)) = parent {
            trace::put_below(&span, &parent);
        }
        let verdict = match self.policy.meet(&app, event).instrument(span).await {
            Ok(()) => Verdict::Done,
            Err(error) => verdict(error)?,
        };
        match verdict {
            Verdict::Done => client.batch_execute(AS_ENGINE).await.map_err(log_error)?,
            // Who acts in the database is part of what is rolled back.
            _ => REACTION.roll_back(client).await.map_err(log_error)?,
        }
        Ok(verdict)
    }

    async fn refuse(&self, client: &Object, event: &SequencedEvent, code: &str) -> Result<(), LogError> {
        let SequencedEvent { tenant, stream, event, .. } = event;
        warn!(policy = self.policy.name(), %tenant, event = %event.id, code, "what follows from the event was refused");
        let refuse = client.prepare_cached(REFUSE).await.map_err(log_error)?;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [tenant, &event.id, &self.policy.name(), stream, &event.version, &code];
        client.execute(&refuse, &parameters).await.map_err(log_error)?;
        Ok(())
    }

    /// Reacts to one event, and records that with what it brings about.
    async fn handle_one(
        &self,
        claim: &PostgresClaim,
        progress: &mut Progress,
        event: &SequencedEvent,
    ) -> Result<(), WorkError> {
        let work = Arc::new(Work::begin(claim.pool()).await?);
        let verdict = self.react(&work, event).await?;
        let (client, entry) = (work.client()?, entry(event));
        match &verdict {
            Verdict::Done => {}
            Verdict::Refused(code) => self.refuse(client, event, code).await?,
            Verdict::Unfit(reason) => {
                let Entry { tenant, stream, version, .. } = entry;
                error!(%tenant, %stream, version, reason, "parked a stream");
                claim.park_in(client, &entry, reason).await?;
            }
        }
        claim.advance_in(client, &Checkpoint { position: event.position, ahead: Vec::new() }).await?;
        finish(work).await?;
        if let Verdict::Unfit(_) = verdict {
            progress.park(&entry);
        }
        progress.recorded(event.position, true);
        self.count(&verdict);
        Ok(())
    }

    /// Counts what was committed, and has it ordered.
    fn count(&self, verdict: &Verdict) {
        let outcome = match verdict {
            Verdict::Done => "done",
            Verdict::Refused(_) => "refused",
            Verdict::Unfit(_) => "parked",
        };
        counter!("fairlead_policy_reactions_total", "policy" => self.policy.name(), "outcome" => outcome).increment(1);
        self.nudge.wake();
    }
}

#[async_trait]
impl Handler for Reacting {
    fn subscription(&self) -> &str {
        self.policy.name()
    }

    fn batch_size(&self) -> u32 {
        BATCH
    }

    async fn handle(&self, claim: &PostgresClaim, progress: &mut Progress, batch: Batch) -> Result<(), WorkError> {
        let Batch { entries, reached, .. } = batch;
        for event in self.concerned(claim, &entries).await? {
            if !progress.is_parked(&entry(&event)) {
                self.handle_one(claim, progress, &event).await?;
            }
        }
        if progress.pass(reached) {
            let work = Work::begin(claim.pool()).await?;
            claim.advance_in(work.client()?, &Checkpoint { position: reached, ahead: Vec::new() }).await?;
            work.commit().await?;
            progress.recorded(reached, false);
        }
        Ok(())
    }

    async fn replay(
        &self,
        claim: &PostgresClaim,
        progress: &mut Progress,
        parked: &ParkedStream,
        entries: &[Entry],
    ) -> Result<(), WorkError> {
        let work = Arc::new(Work::begin(claim.pool()).await?);
        for event in self.concerned(claim, entries).await? {
            match self.react(&work, &event).await? {
                Verdict::Done => {}
                Verdict::Refused(code) => self.refuse(work.client()?, &event, &code).await?,
                Verdict::Unfit(reason) => {
                    drop(work);
                    let work = Work::begin(claim.pool()).await?;
                    let first = Entry { version: parked.first_version, ..entry(&event) };
                    claim.park_in(work.client()?, &first, &reason).await?;
                    return Ok(work.commit().await?);
                }
            }
        }
        claim.unpark_in(work.client()?, parked).await?;
        finish(work).await?;
        progress.unpark(parked);
        self.nudge.wake();
        Ok(())
    }
}

fn entry(event: &SequencedEvent) -> Entry {
    Entry {
        position: event.position,
        incarnation: event.incarnation,
        tenant: event.tenant,
        stream: event.stream,
        version: event.event.version,
    }
}

async fn finish(work: Arc<Work>) -> Result<(), WorkError> {
    let work = Arc::into_inner(work).ok_or_else(|| LogError::Internal("a policy has kept its transaction".into()))?;
    Ok(work.commit().await?)
}

/// What an answer means for the event; an error when the event is not to blame.
fn verdict(error: AppError) -> Result<Verdict, WorkError> {
    match error {
        AppError::Unavailable(cause) => Err(LogError::Unavailable(cause).into()),
        AppError::Contended | AppError::NotYetVisible | AppError::KeyInProgress => {
            Err(LogError::Unavailable(error.into()).into())
        }
        AppError::Internal(cause) => match cause.downcast_ref::<DecodeError>() {
            Some(newer @ DecodeError::Newer { .. }) => Err(WorkError::Newer(newer.to_string())),
            Some(unreadable) => Ok(Verdict::Unfit(unreadable.to_string())),
            None => {
                error!(%cause, "a policy met a fault");
                Ok(Verdict::Unfit("an internal fault".to_owned()))
            }
        },
        AppError::Parked => Ok(Verdict::Unfit(error.to_string())),
        refusal => Ok(Verdict::Refused(refusal.code())),
    }
}
