//! Waiting until a read model has seen a write.

use std::time::Duration;

use fairlead_application::{AppError, consistency::ConsistencyToken};
use tokio::time::{Instant, sleep};

use crate::Databases;

/// A read that can't see the caller's write by then is answered so.
const DEADLINE: Duration = Duration::from_secs(3);
/// The first pause between two looks; each is twice as long as the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Waits until `subscription` has seen the write. One round trip when it has already.
///
/// # Errors
/// [`AppError::NotYetVisible`] after the deadline, [`AppError::Unavailable`].
pub(crate) async fn wait_for(
    databases: &Databases,
    subscription: &str,
    token: ConsistencyToken,
) -> Result<(), AppError> {
    let deadline = Instant::now() + DEADLINE;
    let mut pause = FIRST_PAUSE;
    loop {
        // The connection goes back between two looks, so that waiting readers don't use up the pool.
        let client = databases.pool.get().await.map_err(|error| AppError::Unavailable(error.into()))?;
        let covers = client.prepare_cached("select engine.covers($1, $2, $3)").await;
        let covers = covers.map_err(|error| AppError::Unavailable(error.into()))?;
        let row = client.query_one(&covers, &[&subscription, &token.incarnation, &token.xid.cast_signed()]).await;
        if row.map_err(|error| AppError::Unavailable(error.into()))?.get(0) {
            return Ok(());
        }
        drop(client);
        if Instant::now() + pause > deadline {
            return Err(AppError::NotYetVisible);
        }
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}
