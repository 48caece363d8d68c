use std::{fmt, net::IpAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much of what a program says of itself is kept, in characters.
const MAX_USER_AGENT: usize = 300;

/// From where somebody acts, as far as it is known.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The address of the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// What the program says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
}

impl Origin {
    /// Takes what was sent: the first 300 characters, without control characters. Nothing is refused, since nobody can
    /// help what their program says of itself.
    pub fn new(address: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let shortened = |text: &str| -> String {
            let kept: String =
                text.trim().chars().filter(|character| !character.is_control()).take(MAX_USER_AGENT).collect();
            kept.trim().to_owned()
        };
        Self { address, user_agent: user_agent.map(shortened).filter(|text| !text.is_empty()) }
    }

    /// What the program says of itself.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origin(…)")
    }
}
