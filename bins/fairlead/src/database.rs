//! Migrations, and the sequencer's administration.

use std::str::FromStr;

use fairlead_migrations::{Login, MigrationStatus, Migrator, MigratorTrait, connect_as_owner, prepare};
use fairlead_postgres::{Databases, adopt, app_databases, engine_databases, sequencer_status};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::{
    Failure,
    cli::{Migrate, Sequencer},
    config::Config,
    documents::say,
};

/// The database for requests, with up to that many pooled connections of each kind, not connected yet.
pub(crate) fn app(config: &Config, connections: usize) -> Result<Databases, Failure> {
    let url = config.app_database_url()?.expose_secret();
    let databases = app_databases(url, connections);
    Ok(databases.map_err(|error| format!("app_database_url: {error}"))?.with_keys(config.encryption_keys()?))
}

/// The database for the engine, with up to that many pooled connections, not connected yet.
pub(crate) fn engine(config: &Config, connections: usize) -> Result<Databases, Failure> {
    let url = config.engine_database_url()?.expose_secret();
    let databases = engine_databases(url, connections);
    Ok(databases.map_err(|error| format!("engine_database_url: {error}"))?.with_keys(config.encryption_keys()?))
}

/// The database for the engine, where its tables are.
pub(crate) async fn checked_engine(config: &Config) -> Result<Databases, Failure> {
    let databases = engine(config, 2)?;
    databases.check().await.map_err(|error| format!("engine_database_url: {error}"))?;
    Ok(databases)
}

/// Migrates up or down, or tells what is applied.
pub(crate) async fn migrate(config: &Config, action: Migrate) -> Result<(), Failure> {
    let url = config.database_url()?.expose_secret();
    let admin = PgConnectOptions::from_str(url).map_err(|_| "database_url is wrong: it can't be read")?;
    if let Migrate::Up = action {
        let logins = [
            login("app_database_url", config.app_database_url()?, "fairlead_app")?,
            login("engine_database_url", config.engine_database_url()?, "fairlead_engine")?,
        ];
        prepare(&admin, &logins).await?;
    }
    let owner = connect_as_owner(&admin).await?;
    match action {
        Migrate::Up => Migrator::up(&owner, None).await?,
        Migrate::Down { steps } => Migrator::down(&owner, Some(steps)).await?,
        Migrate::Status => {}
    }
    for migration in Migrator::get_migration_with_status(&owner).await? {
        let status = if migration.status() == MigrationStatus::Applied { "applied" } else { "pending" };
        say(&format!("{status}  {}", migration.name()))?;
    }
    Ok(())
}

/// Who logs in by a URL.
fn login(key: &str, url: &SecretString, group: &'static str) -> Result<Login, Failure> {
    let config = tokio_postgres::Config::from_str(url.expose_secret());
    let config = config.map_err(|_| format!("{key} is wrong: it can't be read"))?;
    let name = config.get_user().ok_or_else(|| format!("{key} is wrong: it names no user"))?.to_owned();
    let password = config.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
    Ok(Login { name, password, group })
}

/// Adopts, or tells how far the order has come.
pub(crate) async fn sequencer(config: &Config, action: Sequencer) -> Result<(), Failure> {
    let databases = checked_engine(config).await?;
    match action {
        Sequencer::Adopt => {
            let adoption = adopt(&databases).await?;
            say(&format!("incarnation {} begins; {} events got a position", adoption.incarnation, adoption.stamped))
        }
        Sequencer::Status => {
            let status = sequencer_status(&databases).await?;
            say(&format!("position     {}", status.position))?;
            say(&format!("incarnation  {}", status.incarnation))?;
            say(if status.at_home { "at home" } else { "not at home: run `fairlead sequencer adopt`" })
        }
    }
}
