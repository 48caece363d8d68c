//! Keeping the inbox in order: partitions for the weeks to come, none for those long past.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    handler::with_causes,
    tables::{Tables, TablesError, seconds},
};

const INTERVAL: Duration = Duration::from_secs(3600);
/// After somebody's transaction was in the way.
const SOON: Duration = Duration::from_secs(60);

/// Works until told to stop.
pub(crate) async fn run(tables: &Tables, remember: Duration, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match rotate(tables, remember).await {
            Ok(true) => INTERVAL,
            Ok(false) => {
                debug!(consumer = &*tables.consumer, "the inbox's partitions are in use; trying again in a minute");
                SOON
            }
            Err(error) => {
                let error = with_causes(&error);
                warn!(consumer = &*tables.consumer, error, "the inbox can't be put in order; trying again in a minute");
                SOON
            }
        };
        stop.run_until_cancelled(sleep(pause)).await;
    }
}

async fn rotate(tables: &Tables, remember: Duration) -> Result<bool, TablesError> {
    let sql = tables.sql("select @.rotate_inbox($1::float8 * interval '1 second')");
    let client = tables.client().await?;
    Ok(client.query_one(&sql, &[&seconds(remember)]).await?.get(0))
}
