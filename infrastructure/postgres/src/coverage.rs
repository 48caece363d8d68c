//! Waiting until a read model has seen a write.

use std::time::Duration;

use fairlead_application::{AppError, Context, consistency::ConsistencyToken};
use metrics::{counter, histogram};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::Databases;

/// A read that can't see the caller's write by then is answered so.
const DEADLINE: Duration = Duration::from_secs(3);
/// The first pause between two looks; each is twice as long as the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Waits until `subscription` has seen the write. One round trip when it has already.
///
/// # Errors
/// [`AppError::NotYetVisible`] after the deadline, [`AppError::Parked`], [`AppError::Unavailable`].
pub(crate) async fn wait_for(databases: &Databases, cx: &Context, subscription: &'static str) -> Result<(), AppError> {
    let Some(token) = cx.read_after else { return Ok(()) };
    let begun = Instant::now();
    let outcome = wait(databases, cx, subscription, token).await;
    histogram!("fairlead_consistency_wait_seconds", "subscription" => subscription).record(begun.elapsed());
    if matches!(outcome, Err(AppError::NotYetVisible)) {
        counter!("fairlead_consistency_timeouts_total", "subscription" => subscription).increment(1);
    }
    outcome
}

async fn wait(
    databases: &Databases,
    cx: &Context,
    subscription: &str,
    token: ConsistencyToken,
) -> Result<(), AppError> {
    let unavailable = |error: tokio_postgres::Error| AppError::Unavailable(error.into());
    let tenant = Uuid::from(cx.tenant());
    let deadline = Instant::now() + DEADLINE;
    let mut pause = FIRST_PAUSE;
    loop {
        // The connection goes back between two looks, so that waiting readers don't use up the pool.
        let client = databases.pool.get().await.map_err(|error| AppError::Unavailable(error.into()))?;
        let coverage =
            client.prepare_cached("select engine.coverage($1, $2, $3, $4, $5)").await.map_err(unavailable)?;
        let (xid, slots) = (token.xid.cast_signed(), token.slots.cast_signed());
        let row = client.query_one(&coverage, &[&tenant, &subscription, &token.incarnation, &xid, &slots]).await;
        match row.map_err(unavailable)?.get(0) {
            "seen" => return Ok(()),
            "parked" => return Err(AppError::Parked),
            _ => {}
        }
        drop(client);
        if Instant::now() + pause > deadline {
            return Err(AppError::NotYetVisible);
        }
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}
