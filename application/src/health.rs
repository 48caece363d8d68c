//! Asking the parts whether they work.

use std::borrow::Cow;

use async_trait::async_trait;

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The part: `postgres`, `rabbitmq`, `sequencer`, or a subscription's name.
    pub part: Cow<'static, str>,
    /// Whether it works.
    pub up: bool,
    /// What is wrong, or worth a remark, in a sentence for operators without secrets.
    pub detail: Option<String>,
}

impl Condition {
    /// A part that works.
    pub fn up(part: impl Into<Cow<'static, str>>) -> Self {
        Self { part: part.into(), up: true, detail: None }
    }

    /// A part that does not.
    pub fn down(part: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { part: part.into(), up: false, detail: Some(detail.into()) }
    }

    /// The same with a remark.
    #[must_use]
    pub fn with(self, remark: impl Into<String>) -> Self {
        Self { detail: Some(remark.into()), ..self }
    }
}

/// Something that can be down.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// The part that is named when there is no answer in time.
    fn name(&self) -> &'static str;

    /// Whether no request can be answered while it is down.
    fn is_vital(&self) -> bool {
        false
    }

    /// Really asks. May tell of several parts.
    async fn check(&self) -> Vec<Condition>;
}
