//! Publishing events again, to a queue of one's own.

use fairlead_postgres::{Listener, PostgresLog};
use fairlead_rabbitmq::{AmqpUrl, Replayer};
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::ExposeSecret;

use crate::{Failure, causes, cli::Replay, config::Config, database, documents::say, serve::interrupted};

/// How many events are read and published at a time.
const BATCH: u32 = 500;

/// Publishes a range again, in order, and says how far it has come whatever happens.
pub(crate) async fn run(config: &Config, replay: Replay) -> Result<(), Failure> {
    if replay.to < replay.from {
        return Err("--to must not be before --from".into());
    }
    let databases = database::checked_engine(config).await?;
    let url =
        config.amqp_url()?.expose_secret().parse::<AmqpUrl>().map_err(|error| format!("amqp_url is wrong: {error}"))?;
    // Nobody waits for the log to grow, so nobody listens.
    let (_listener, wakeups) = Listener::new(databases.clone());
    let log = PostgresLog::new(databases, wakeups);
    let mut replayer = Replayer::connect(url, &replay.queue).await?;
    let last = replay.to.min(log.end().await?);
    let mut progress = Progress::new(&replay, last);
    let outcome = tokio::select! {
        outcome = publish(&log, &mut replayer, &replay, &mut progress) => outcome,
        () = interrupted() => Err("interrupted".into()),
    };
    progress.bar.finish_and_clear();
    match outcome {
        Ok(()) => {
            say(&format!(
                "{} events published again to {}, up to position {}",
                progress.published, replay.queue, progress.reached
            ))?;
            Ok(replayer.close().await?)
        }
        Err(failure) => Err(format!(
            "{}; {} events are published, up to position {}: go on with --from {}",
            causes(&*failure),
            progress.published,
            progress.reached,
            progress.reached + 1
        )
        .into()),
    }
}

/// How far it has come.
struct Progress {
    bar: ProgressBar,
    reached: i64,
    published: u64,
}

impl Progress {
    /// The bar is shown when standard error is a terminal.
    fn new(replay: &Replay, last: i64) -> Self {
        let length = u64::try_from(last - replay.from + 1).unwrap_or(0);
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} positions, {per_sec}, {eta} left");
        let bar = ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, reached: replay.from - 1, published: 0 }
    }
}

async fn publish(
    log: &PostgresLog,
    replayer: &mut Replayer,
    replay: &Replay,
    progress: &mut Progress,
) -> Result<(), Failure> {
    while progress.reached < replay.to {
        let mut events = log.peek(progress.reached, BATCH).await?;
        events.retain(|event| event.position <= replay.to);
        let Some(last) = events.last().map(|event| event.position) else { return Ok(()) };
        events.retain(|event| {
            replay.organization.is_none_or(|organization| organization == event.tenant)
                && replay.r#type.as_ref().is_none_or(|wanted| *wanted == event.event.event_type)
        });
        replayer.publish(&events).await?;
        progress.bar.inc(u64::try_from(last - progress.reached).unwrap_or(0));
        progress.published += events.len() as u64;
        progress.reached = last;
    }
    Ok(())
}
