use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Currency;
use crate::kernel::Invalid;

/// The greatest amount in either direction, in minor units: every JSON reader keeps it exact, and many can be added up.
const MOST: i64 = 1_000_000_000_000_000;

/// An amount of money, written `{"amount": 12500, "currency": "EUR"}`: 125 euros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// In the currency's minor units, such as cents.
    #[serde(rename = "amount")]
    minor: i64,
    currency: Currency,
}

impl Money {
    /// So many minor units of a currency: 10^15 at most, in either direction.
    ///
    /// # Errors
    /// `money.out_of_range`
    pub fn new(minor: i64, currency: Currency) -> Result<Self, Invalid> {
        if (-MOST..=MOST).contains(&minor) {
            Ok(Self { minor, currency })
        } else {
            Err(Invalid::new("money.out_of_range", "must not be more than 10^15 minor units"))
        }
    }

    /// How many minor units.
    pub fn minor(&self) -> i64 {
        self.minor
    }

    /// Of which currency.
    pub fn currency(&self) -> Currency {
        self.currency
    }
}

impl fmt::Display for Money {
    /// For people to read: `125.00 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.currency.digits());
        let sign = if self.minor < 0 { "-" } else { "" };
        // One digit at least stands before the point.
        let amount = format!("{:0>1$}", self.minor.unsigned_abs(), digits + 1);
        let (whole, part) = amount.split_at(amount.len() - digits);
        let point = if digits > 0 { "." } else { "" };
        write!(f, "{sign}{whole}{point}{part} {}", self.currency.code())
    }
}
