//! Putting a consumer together, and running it.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::Pool;
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    Handler, InstallError, Retries,
    connection::parse,
    handler::{AnyHandler, Typed},
    rotation,
    session::Fetching,
    tables::Tables,
    work::Work,
};

const PREFETCH: u16 = 200;
/// With fewer the connection's round trips are waited for.
const LEAST_PREFETCH: u16 = 100;
const DAY: Duration = Duration::from_secs(24 * 3600);
const REMEMBER: Duration = Duration::from_secs(30 * 24 * 3600);
const TIME_LIMIT: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(30);

/// A consumer of events.
pub struct Consumer {
    work: Work,
    fetching: Fetching,
    remember: Duration,
}

/// What a consumer is put together from. Everything but the broker, the database, a binding and the handler has a
/// default.
#[must_use]
pub struct Builder {
    name: String,
    broker: String,
    database: Option<(Pool, String)>,
    bindings: Vec<String>,
    prefetch: u16,
    lanes: usize,
    retries: Retries,
    remember: Duration,
    time_limit: Duration,
    grace: Duration,
}

/// A consumer can't be put together like this.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The name is that of the queue, and a label of metrics.
    #[error("{0:?} can't name a consumer: expected letters, digits, dots, hyphens and underscores, 100 at most")]
    Name(String),
    /// The text is not repeated, since it may hold a password.
    #[error("the broker's URL: expected amqp://user:password@host:port/virtual-host or amqps://…")]
    Broker,
    /// Nobody said where the tables are.
    #[error("the consumer has no database")]
    NoDatabase,
    /// The tables can't be there.
    #[error(transparent)]
    Schema(InstallError),
    /// Nothing would ever come.
    #[error("the consumer is bound to nothing: name a pattern such as crm.contact.*")]
    Unbound,
    /// AMQP's limit.
    #[error("the binding {0:?} is longer than 255 bytes or empty")]
    Binding(String),
    /// Too small for the purpose.
    #[error("{what} is too small: {least} at least")]
    TooSmall {
        /// What is.
        what: &'static str,
        /// What it would have to be.
        least: &'static str,
    },
}

impl Consumer {
    /// Begins a consumer. Its name is that of its queue, and part of the inbox's key: another name is another consumer.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder {
            name: name.into(),
            broker: String::new(),
            database: None,
            bindings: Vec::new(),
            prefetch: PREFETCH,
            lanes: 1,
            retries: Retries::default(),
            remember: REMEMBER,
            time_limit: TIME_LIMIT,
            grace: GRACE,
        }
    }

    /// Waits until the running consumer has its queue and its bindings, or the broker has refused them: what is published
    /// before a queue is there for the first time never comes. For a program that publishes too.
    pub fn declared(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.fetching.declared.clone().cancelled_owned()
    }

    /// Consumes until told to stop. What fails on the way, broker or database, is waited for. When told to stop, handlers
    /// at work get the time of grace to finish.
    ///
    /// Several instances may run; the broker gives the messages to one of them, and another takes over when it is gone.
    pub async fn run(self, stop: CancellationToken) {
        let Self { work, fetching, remember } = self;
        let work = Arc::new(work);
        let tables = work.tables.clone();
        let all = async {
            futures::join!(fetching.run(&work, &stop), work.retry(&stop), rotation::run(&tables, remember, &stop),)
        };
        // Closing the connection takes a moment more than the handlers.
        let limit = async {
            stop.cancelled().await;
            sleep(fetching.grace + Duration::from_secs(5)).await;
        };
        tokio::select! {
            _ = all => info!(consumer = &*tables.consumer, "stopped"),
            () = limit => warn!(consumer = &*tables.consumer, "cut off; what was being handled comes again"),
        }
    }
}

impl Builder {
    /// The broker: `amqp://user:password@host:port/virtual-host`, or `amqps://` for TLS.
    pub fn broker(mut self, url: impl Into<String>) -> Self {
        self.broker = url.into();
        self
    }

    /// The database, and the schema in which [`crate::Inbox::install`] made the tables; in Fairlead's own database that is
    /// `engine`. A lane takes one connection while it handles an event, and retries take as many again.
    pub fn database(mut self, pool: Pool, schema: impl Into<String>) -> Self {
        self.database = Some((pool, schema.into()));
        self
    }

    /// Adds a binding: a pattern of routing keys, `crm.contact.*`. Bindings are added in the broker and never removed,
    /// see [`crate::Operator::unbind`].
    pub fn bind(mut self, pattern: impl Into<String>) -> Self {
        self.bindings.push(pattern.into());
        self
    }

    /// Messages that may be on their way, unacknowledged: 100 or more, 200 unless told.
    pub fn prefetch(mut self, messages: u16) -> Self {
        self.prefetch = messages;
        self
    }

    /// How many streams are worked on at once: one unless told. The events of one stream follow one another in any case.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.lanes = lanes;
        self
    }

    /// How a failing message is tried again.
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// How long the inbox remembers at least: 30 days unless told. Longer than the broker may deliver again.
    pub fn remember(mut self, time: Duration) -> Self {
        self.remember = time;
        self
    }

    /// How long a handler may take: 60 seconds unless told. Less than the broker's `consumer_timeout` (30 minutes).
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// How long handlers at work may take to finish when the consumer is told to stop: 30 seconds unless told.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The last part: what is done with each event.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn handler(self, handler: impl Handler) -> Result<Consumer, ConfigError> {
        let uri = parse(&self.broker).ok_or(ConfigError::Broker)?;
        let (pool, schema) = self.database.ok_or(ConfigError::NoDatabase)?;
        if self.bindings.is_empty() {
            return Err(ConfigError::Unbound);
        }
        if let Some(binding) = self.bindings.iter().find(|binding| !(1..=255).contains(&binding.len())) {
            return Err(ConfigError::Binding(binding.clone()));
        }
        let least = [
            (self.prefetch < LEAST_PREFETCH, "the prefetch", "100"),
            (self.lanes == 0, "the number of lanes", "1"),
            (self.retries.attempts == 0, "the number of attempts", "1"),
            (self.remember < DAY, "the inbox's memory", "a day"),
        ];
        if let Some((_, what, least)) = least.into_iter().find(|(small, ..)| *small) {
            return Err(ConfigError::TooSmall { what, least });
        }
        let handler: Arc<dyn AnyHandler> = Arc::new(Typed(handler));
        Ok(Consumer {
            work: Work {
                tables: tables(pool, &schema, &self.name)?,
                handler,
                retries: self.retries,
                time_limit: self.time_limit,
                lanes: self.lanes,
                held: Notify::new(),
                died: Notify::new(),
            },
            fetching: Fetching {
                uri,
                bindings: self.bindings,
                prefetch: self.prefetch,
                grace: self.grace,
                declared: CancellationToken::new(),
            },
            remember: self.remember,
        })
    }
}

/// The tables of a consumer of this name.
pub(crate) fn tables(pool: Pool, schema: &str, name: &str) -> Result<Tables, ConfigError> {
    let word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !(1..=100).contains(&name.len()) || !name.chars().all(word) {
        return Err(ConfigError::Name(name.to_owned()));
    }
    Tables::new(pool, schema, name).map_err(ConfigError::Schema)
}
