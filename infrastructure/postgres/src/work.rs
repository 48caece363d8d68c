//! A transaction of the engine, and places in it to which one can go back.

use deadpool_postgres::Object;
use fairlead_application::log::LogError;
use tokio_postgres::{Client, Error};

use crate::{
    connect::{log_error, pool_error},
    pool::CountedPool,
};

/// An open transaction. When it is dropped unfinished, its connection ends with it.
pub(crate) struct Work(Option<Object>);

impl Work {
    pub(crate) async fn begin(pool: &CountedPool) -> Result<Self, LogError> {
        let client = pool.get().await.map_err(pool_error)?;
        // Made first: from here on the connection must not get back to the pool as it is.
        let work = Self(Some(client));
        work.client()?.batch_execute("begin").await.map_err(log_error)?;
        Ok(work)
    }

    pub(crate) fn client(&self) -> Result<&Object, LogError> {
        self.0.as_ref().ok_or_else(|| LogError::Internal("the transaction has ended".into()))
    }

    pub(crate) async fn commit(self) -> Result<(), LogError> {
        self.end("commit").await
    }

    pub(crate) async fn rollback(self) -> Result<(), LogError> {
        self.end("rollback").await
    }

    async fn end(mut self, how: &str) -> Result<(), LogError> {
        self.client()?.batch_execute(how).await.map_err(log_error)?;
        drop(self.0.take());
        Ok(())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}

/// A place in a transaction to which one can go back, by its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Savepoint(pub(crate) &'static str);

impl Savepoint {
    /// Sets it. An older one of the same name is hidden.
    pub(crate) async fn set(self, client: &Client) -> Result<(), Error> {
        client.batch_execute(&format!("savepoint {}", self.0)).await
    }

    /// Undoes everything since.
    pub(crate) async fn roll_back(self, client: &Client) -> Result<(), Error> {
        client.batch_execute(&format!("rollback to {}", self.0)).await
    }

    /// Keeps everything since, and forgets the place.
    pub(crate) async fn release(self, client: &Client) -> Result<(), Error> {
        client.batch_execute(&format!("release {}", self.0)).await
    }
}
