use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::Invalid;

/// How many in a hundred: 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Percent(u8);

impl Percent {
    /// Checks a number.
    ///
    /// # Errors
    /// `percent.invalid`
    pub fn new(number: i64) -> Result<Self, Invalid> {
        match u8::try_from(number) {
            Ok(number) if number <= 100 => Ok(Self(number)),
            _ => Err(Invalid::new("percent.invalid", "must be a whole number from 0 to 100")),
        }
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}
