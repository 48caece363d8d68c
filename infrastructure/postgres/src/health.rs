//! Asks the database whether it works.

use async_trait::async_trait;
use fairlead_application::health::HealthCheck;

use crate::Databases;

/// Asks with a statement.
pub struct PostgresHealth(pub Databases);

#[async_trait]
impl HealthCheck for PostgresHealth {
    fn name(&self) -> &'static str {
        "postgres"
    }

    async fn check(&self) -> Result<(), String> {
        let client = self.0.pool.get().await.map_err(|error| error.to_string())?;
        client.simple_query("select 1").await.map_err(|error| error.to_string())?;
        Ok(())
    }
}
