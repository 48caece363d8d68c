//! A transaction of the engine.

use deadpool_postgres::Object;
use fairlead_application::log::LogError;

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
