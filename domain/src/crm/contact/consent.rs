//! Whether a person may be written to or called.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way to reach a person, for which consent is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Electronic mail.
    Email,
    /// Calls.
    Phone,
    /// Short messages.
    Sms,
    /// Messengers.
    Messaging,
    /// Letters.
    Post,
}

impl Channel {
    /// Its name, as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Sms => "sms",
            Self::Messaging => "messaging",
            Self::Post => "post",
        }
    }
}

/// What a person said to being reached by a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Consent {
    /// What was said.
    pub status: ConsentStatus,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentStatus {
    /// The person agreed.
    Granted,
    /// The person did not agree.
    Denied,
    /// The person agrees no more.
    Withdrawn,
}

impl ConsentStatus {
    /// Its name, as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Of two answers of one person the later one counts.
pub(super) fn latest(
    first: &BTreeMap<Channel, Consent>,
    second: &BTreeMap<Channel, Consent>,
) -> BTreeMap<Channel, Consent> {
    let mut all = first.clone();
    for (channel, consent) in second {
        let present = all.entry(*channel).or_insert(*consent);
        if present.at < consent.at {
            *present = *consent;
        }
    }
    all
}
