//! Subscriptions' administration.

use std::time::Duration;

use fairlead_application::administration::{
    ParkedQuery, RebuildState, RebuildStatus, StreamKey, SubscriptionAdministration,
};
use fairlead_postgres::PostgresAdministration;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::sleep;

use crate::{Failure, cli::Subscriptions, config::Config, database, documents::say, serve::interrupted};

/// Parked streams, and refusals, that are listed at most.
const MOST: u16 = 1_000;
/// How often it is asked how far a rebuild has come.
const LOOK: Duration = Duration::from_millis(200);

/// Does what the operator demands.
pub(crate) async fn run(config: &Config, action: Subscriptions) -> Result<(), Failure> {
    let operator = PostgresAdministration::new(database::checked_engine(config).await?);
    match action {
        Subscriptions::List => list(&operator).await,
        Subscriptions::Parked { subscription } => parked(&operator, subscription.as_deref()).await,
        Subscriptions::Refused { policy } => refused(&operator, policy.as_deref()).await,
        Subscriptions::Pause { subscription } => {
            operator.set_paused(&subscription, true).await?;
            say(&format!("{subscription} is paused; workers finish what they are at"))
        }
        Subscriptions::Resume { subscription } => {
            operator.set_paused(&subscription, false).await?;
            say(&format!("{subscription} goes on"))
        }
        Subscriptions::Replay { subscription, stream, organization } => {
            let stream = organization.zip(stream).map(|(tenant, stream)| StreamKey { tenant, stream });
            let streams = operator.replay(&subscription, stream).await?;
            say(&format!("{streams} parked streams of {subscription} are tried again"))
        }
        Subscriptions::Rebuild { subscription } => rebuild(&operator, &subscription).await,
    }
}

async fn list(operator: &PostgresAdministration) -> Result<(), Failure> {
    say("subscription\tpartition\tposition\tbehind\toldest unhandled\theld\tparked")?;
    for subscription in operator.subscriptions().await? {
        for partition in &subscription.partitions {
            let oldest = partition.oldest.map_or("-".to_owned(), |oldest| oldest.to_rfc3339());
            let held = match (partition.held, subscription.paused) {
                (true, _) => "yes",
                (false, true) => "paused",
                (false, false) => "no",
            };
            say(&format!(
                "{}\t{}\t{}\t{}\t{oldest}\t{held}\t{}",
                subscription.name, partition.number, partition.position, partition.behind, partition.parked
            ))?;
        }
    }
    Ok(())
}

async fn parked(operator: &PostgresAdministration, subscription: Option<&str>) -> Result<(), Failure> {
    say("subscription\torganization\tstream\tfrom version\tattempts\tsince\terror")?;
    for parked in operator.parked(&ParkedQuery::first(subscription, MOST)).await? {
        let since = parked.parked_at.to_rfc3339();
        say(&format!(
            "{}\t{}\t{}\t{}\t{}\t{since}\t{}",
            parked.subscription, parked.tenant, parked.stream, parked.first_version, parked.attempts, parked.error
        ))?;
    }
    Ok(())
}

async fn refused(operator: &PostgresAdministration, policy: Option<&str>) -> Result<(), Failure> {
    say("policy\torganization\tstream\tversion\tevent\trefused at\tcode")?;
    for refusal in operator.refusals(policy, MOST).await? {
        let at = refusal.refused_at.to_rfc3339();
        say(&format!(
            "{}\t{}\t{}\t{}\t{}\t{at}\t{}",
            refusal.policy, refusal.tenant, refusal.stream, refusal.version, refusal.event, refusal.code
        ))?;
    }
    Ok(())
}

async fn rebuild(operator: &PostgresAdministration, subscription: &str) -> Result<(), Failure> {
    operator.rebuild(subscription).await?;
    // Shown when standard error is a terminal.
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}");
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let waiting = async {
        loop {
            let status = operator.rebuilds().await?.into_iter().find(|status| status.subscription == subscription);
            let Some(RebuildStatus { state, done, total, error, .. }) = status else {
                return Err(Failure::from("the rebuild has vanished"));
            };
            bar.set_length(u64::try_from(total).unwrap_or(0));
            bar.set_position(u64::try_from(done).unwrap_or(0));
            bar.set_message(match state {
                RebuildState::Demanded => "waiting for a worker",
                RebuildState::Scanning => "scanning",
                RebuildState::Following => "following",
                RebuildState::Done => {
                    return say(&format!("{subscription} is rebuilt: {total} taken in, then the log followed"));
                }
                RebuildState::Failed => return Err(error.unwrap_or_default().into()),
            });
            sleep(LOOK).await;
        }
    };
    let outcome = tokio::select! {
        outcome = waiting => outcome,
        () = interrupted() => Err("interrupted; workers go on with the rebuild".into()),
    };
    bar.finish_and_clear();
    outcome
}
