use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far somebody has come on the way to being a customer. The stages are those that customer relations commonly tell
/// apart, in this order; nobody has to pass through all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleStage {
    /// Wishes to hear of the company.
    Subscriber,
    /// Has shown interest.
    Lead,
    /// Found promising by marketing.
    MarketingQualified,
    /// Found promising by sales.
    SalesQualified,
    /// There is a deal to be won.
    Opportunity,
    /// Has bought.
    Customer,
    /// Has bought, and does so no more.
    FormerCustomer,
    /// None of these.
    Other,
}

impl LifecycleStage {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Subscriber,
        Self::Lead,
        Self::MarketingQualified,
        Self::SalesQualified,
        Self::Opportunity,
        Self::Customer,
        Self::FormerCustomer,
        Self::Other,
    ];

    /// Their names, in the same order.
    pub const NAMES: [&'static str; 8] = [
        "subscriber",
        "lead",
        "marketing_qualified",
        "sales_qualified",
        "opportunity",
        "customer",
        "former_customer",
        "other",
    ];

    /// Its name, as it is written.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}
