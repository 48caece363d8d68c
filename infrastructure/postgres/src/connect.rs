//! Connections, each kind with the settings that its work needs.

use std::{str::FromStr, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use fairlead_application::log::LogError;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio_postgres::{Client, Config, NoTls, config::SslMode};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::{
    InstallationKeys,
    pool::{self, CountedPool},
    vault::Vault,
};

/// A setting of a session.
type Setting = (&'static str, &'static str);

/// For requests: nobody waits longer for a lock or a statement, and a transaction left open by a fault ends.
const APP_LIMITS: [Setting; 3] =
    [("lock_timeout", "5s"), ("statement_timeout", "15s"), ("idle_in_transaction_session_timeout", "15s")];
/// A worker that is stopped in the middle of a transaction must not hold up the one that takes over from it.
const ENGINE_LIMITS: [Setting; 3] =
    [("lock_timeout", "30s"), ("statement_timeout", "60s"), ("idle_in_transaction_session_timeout", "5s")];
/// Plans are kept for the session, perhaps from when a table was empty, and every table has an index for what is asked of
/// it: so the index is insisted on. No JIT compiler is started because that makes a plan look dear.
const PLANS: [Setting; 2] = [("enable_seqscan", "off"), ("jit", "off")];
/// The engine joins by looking up, a batch at a time.
const ENGINE_PLANS: [Setting; 2] = [("enable_hashjoin", "off"), ("enable_mergejoin", "off")];

/// How long a request waits for a free connection.
const WAIT: Duration = Duration::from_secs(5);

/// The ways to one database under one role.
#[derive(Clone)]
pub struct Databases {
    pub(crate) config: Config,
    /// For statements of the engine.
    pub(crate) pool: CountedPool,
    /// For sea-orm.
    pub(crate) sql: PgPool,
    /// For what is sealed in events.
    pub(crate) vault: Vault,
    /// Whether row-level security has to apply.
    restricted: bool,
}

/// The database can't be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is not one of `PostgreSQL`.
    #[error("not a PostgreSQL URL: {0}")]
    Url(String),
    /// Nobody answers, or the login is refused.
    #[error("can't connect: {0}")]
    Connect(String),
    /// Row-level security would not apply.
    #[error("the login {0} is a superuser or bypasses row-level security; requests need a restricted one")]
    Unrestricted(String),
    /// The tables are missing.
    #[error("the login {0} finds no tables; run `fairlead migrate up`")]
    Unmigrated(String),
}

/// The database for requests, as a login that is a member of `fairlead_app`. Connects when it is used.
///
/// # Errors
/// [`ConnectError::Url`]
pub fn app_databases(url: &str, connections: usize) -> Result<Databases, ConnectError> {
    open(url, connections, &[&APP_LIMITS[..], &PLANS].concat(), true)
}

/// The database for the engine, as a login that is a member of `fairlead_engine`. Connects when it is used.
///
/// # Errors
/// [`ConnectError::Url`]
pub fn engine_databases(url: &str, connections: usize) -> Result<Databases, ConnectError> {
    open(url, connections, &[&ENGINE_LIMITS[..], &PLANS, &ENGINE_PLANS].concat(), false)
}

fn open(url: &str, connections: usize, settings: &[Setting], restricted: bool) -> Result<Databases, ConnectError> {
    // The drivers' own messages may repeat the URL, and with it the password.
    let invalid = |problem: &str| ConnectError::Url(problem.to_owned());
    let mut config = Config::from_str(url).map_err(|_| invalid("it can't be read"))?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(invalid("sslmode=require is not supported; use a private network or a tunnel"));
    }
    // The URL may bring options of its own.
    let mut options: Vec<_> = settings.iter().map(|(name, value)| format!("-c {name}={value}")).collect();
    options.extend(config.get_options().map(str::to_owned));
    config.options(options.join(" ")).application_name("fairlead").connect_timeout(WAIT);
    config.keepalives_idle(Duration::from_secs(30));
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let pool = Pool::builder(Manager::from_config(config.clone(), NoTls, manager))
        .max_size(connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT))
        .build()
        .map_err(|_| invalid("no pool can be made"))?;
    let mut options = PgConnectOptions::from_str(url).map_err(|_| invalid("it can't be read"))?;
    options = options.options(settings.iter().copied()).application_name("fairlead");
    let sql = PgPoolOptions::new()
        .max_connections(u32::try_from(connections).unwrap_or(u32::MAX))
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        .connect_lazy_with(options);
    let pool = CountedPool::new(pool, if restricted { "commands" } else { "engine" });
    Ok(Databases { config, pool, sql, vault: Vault::default(), restricted })
}

impl Databases {
    /// The same, with the keys under which personal data in events is sealed. Without them, none can be stored or read.
    #[must_use]
    pub fn with_keys(self, keys: InstallationKeys) -> Self {
        Self { vault: Vault::new(keys), ..self }
    }

    /// The pooled connections, for the consumer kit, whose tables lie in this database too.
    pub fn connections(&self) -> Pool {
        self.pool.uncounted()
    }

    /// Connects once. Refuses a database without tables, and for requests a login above row-level security.
    ///
    /// # Errors
    /// [`ConnectError`]
    pub async fn check(&self) -> Result<(), ConnectError> {
        // Of the causes the last one says what happened, and none of them the password.
        let failed = |error: &dyn std::error::Error| {
            let last = std::iter::successors(error.source(), |error| error.source()).last();
            ConnectError::Connect(last.map_or_else(|| error.to_string(), ToString::to_string))
        };
        let client = self.pool.get().await.map_err(|error| failed(&error))?;
        let row = client
            .query_one(
                "select current_user::text, rolsuper or rolbypassrls or pg_has_role('fairlead_owner', 'usage'),
                        coalesce(has_table_privilege(to_regclass('engine.events'), 'select'), false)
                   from pg_roles where rolname = current_user",
                &[],
            )
            .await
            .map_err(|error| failed(&error))?;
        let login: String = row.get(0);
        if self.restricted && row.get(1) {
            return Err(ConnectError::Unrestricted(login));
        }
        if row.get(2) { Ok(()) } else { Err(ConnectError::Unmigrated(login)) }
    }

    /// Brings the gauges about connections up to date.
    pub fn measure(&self) {
        self.pool.measure();
        // The engine has no use for the other pool.
        if self.restricted {
            let (size, idle) = (self.sql.size(), u32::try_from(self.sql.num_idle()).unwrap_or(u32::MAX));
            pool::show("queries", size.saturating_sub(idle), idle, self.sql.options().get_max_connections());
        }
    }

    /// A connection of one's own, for session locks and notifications. It ends when the handle is dropped.
    pub(crate) async fn dedicated(&self) -> Result<(Client, AbortOnDropHandle<()>), tokio_postgres::Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a dedicated connection ended");
            }
        });
        Ok((client, AbortOnDropHandle::new(task)))
    }
}

/// A failure of the log's connection: worth another try, unless the database says that the statement is wrong.
pub(crate) fn log_error(error: tokio_postgres::Error) -> LogError {
    match error.code() {
        Some(code) if !crate::event_store::is_transient(code) => LogError::Internal(error.into()),
        _ => LogError::Unavailable(error.into()),
    }
}

/// No connection to the log: worth another try, unless the database says otherwise.
pub(crate) fn pool_error(error: PoolError) -> LogError {
    match error {
        PoolError::Backend(error) => log_error(error),
        error => LogError::Unavailable(error.into()),
    }
}
