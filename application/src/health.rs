//! Asking the parts whether they work.

use async_trait::async_trait;

/// A part that can be down.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// The part's name: `postgres`, `rabbitmq`.
    fn name(&self) -> &'static str;

    /// Really asks the part.
    ///
    /// # Errors
    /// What is wrong, in a sentence for operators without secrets.
    async fn check(&self) -> Result<(), String>;
}
