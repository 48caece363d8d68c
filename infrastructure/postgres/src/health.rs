//! Asks the database whether it works.

use async_trait::async_trait;
use fairlead_application::health::{Condition, HealthCheck};

use crate::Databases;

/// Asks with a statement.
pub struct PostgresHealth(pub Databases);

impl PostgresHealth {
    async fn ask(&self) -> Result<(), String> {
        let client = self.0.pool.get().await.map_err(|error| error.to_string())?;
        client.simple_query("select 1").await.map_err(|error| error.to_string())?;
        Ok(())
    }
}

#[async_trait]
impl HealthCheck for PostgresHealth {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn is_vital(&self) -> bool {
        true
    }

    async fn check(&self) -> Vec<Condition> {
        vec![match self.ask().await {
            Ok(()) => Condition::up(self.name()),
            Err(problem) => Condition::down(self.name(), problem),
        }]
    }
}
