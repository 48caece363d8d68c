//! A database of one's own.

use std::{str::FromStr, thread};

use fairlead_migrations::{Migrator, MigratorTrait, connect_as_owner, prepare};
use fairlead_postgres::{Databases, InstallationKeys, app_databases, engine_databases};
use sqlx::postgres::PgConnectOptions;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// A migrated database that is dropped with this value, whatever the test's outcome.
pub struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// Makes a database on the tests' server.
    pub async fn create() -> Self {
        Self::create_on(&crate::required("FAIRLEAD_TEST_DATABASE_URL")).await
    }

    /// Makes a database on the server at `url`, reached as a superuser.
    pub async fn create_on(url: &str) -> Self {
        let database = Self::empty_on(url);
        let admin = PgConnectOptions::from_str(&database.admin_url()).expect("a PostgreSQL URL");
        prepare(&admin, &[]).await.expect("a prepared database");
        let owner = connect_as_owner(&admin).await.expect("the owner's connection");
        Migrator::up(&owner, None).await.expect("migrations");
        owner.close().await.expect("the owner's connection, closed");
        database
    }

    /// Names a database on the server at `url` that doesn't exist yet; it is dropped all the same.
    pub fn empty_on(url: &str) -> Self {
        Self { server: url.to_owned(), name: format!("fairlead_test_{}", Uuid::new_v4().simple()) }
    }

    /// The URL of the administrator.
    pub fn admin_url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("a URL with a database");
        format!("{server}/{}", self.name)
    }

    /// The URL of the role for requests.
    pub fn app_url(&self) -> String {
        format!("{}?options=-c%20role%3Dfairlead_app", self.admin_url())
    }

    /// The URL of the engine's role.
    pub fn engine_url(&self) -> String {
        format!("{}?options=-c%20role%3Dfairlead_engine", self.admin_url())
    }

    /// The database for requests.
    pub fn app(&self) -> Databases {
        app_databases(&self.app_url(), 8).expect("the database for requests").with_keys(keys())
    }

    /// The database for the engine.
    pub fn engine(&self) -> Databases {
        engine_databases(&self.engine_url(), 8).expect("the database for the engine").with_keys(keys())
    }

    /// A connection as the administrator, who stands above the policies.
    pub async fn admin(&self) -> Client {
        connect(&self.admin_url()).await
    }
}

/// The keys of every test's installation.
pub fn keys() -> InstallationKeys {
    ENCRYPTION_KEYS.parse().expect("a name and 64 digits")
}

/// The same as a setting.
pub const ENCRYPTION_KEYS: &str = "test:7465737474657374746573747465737474657374746573747465737474657374";

/// A plain connection.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let (client, connection) = tokio_postgres::connect(&server, NoTls).await?;
                let connection = tokio::spawn(connection);
                client.batch_execute(&format!("drop database if exists {name} with (force)")).await?;
                drop(client);
                drop(connection.await);
                Ok::<_, tokio_postgres::Error>(())
            })
        });
        if let Ok(Err(error)) = dropping.join() {
            eprintln!("{} was left behind: {error}", self.name);
        }
    }
}
