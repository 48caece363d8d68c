//! Looking at events.

use fairlead_postgres::{Listener, PostgresLog};
use tokio_util::sync::CancellationToken;

use crate::{Failure, cli::Events, config::Config, database, documents::say, replay, serve::interrupted};

/// How many events are read at a time.
const BATCH: u32 = 500;

/// Prints events, a line each.
pub(crate) async fn run(config: &Config, action: Events) -> Result<(), Failure> {
    let (after, organization, no_follow) = match action {
        Events::Tail { after, organization, no_follow } => (after, organization, no_follow),
        Events::Replay(range) => return replay::run(config, range).await,
    };
    let databases = database::checked_engine(config).await?;
    let (listener, wakeups) = Listener::new(databases.clone());
    let stop = CancellationToken::new();
    let listening = tokio::spawn(listener.run(stop.clone()));
    let mut log = PostgresLog::new(databases, wakeups);
    let mut position = match after {
        Some(position) => position,
        None => log.end().await?,
    };
    let tail = async {
        loop {
            let events = log.peek(position, BATCH).await?;
            for event in &events {
                position = event.position;
                if organization.is_none_or(|organization| organization == event.tenant) {
                    say(&event.envelope().to_string())?;
                }
            }
            if events.is_empty() {
                if no_follow {
                    return Ok(());
                }
                log.grown().await;
            }
        }
    };
    let outcome = tokio::select! {
        outcome = tail => outcome,
        () = interrupted() => Ok(()),
    };
    stop.cancel();
    listening.await?;
    outcome
}
