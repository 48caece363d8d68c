use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::line;
use crate::kernel::Invalid;

/// The parts of an address as they arrive, unchecked.
#[derive(Clone, Default)]
pub struct AddressParts {
    /// Street, number, floor; may hold several lines separated by commas.
    pub street: Option<String>,
    /// City, town or village.
    pub city: Option<String>,
    /// State, province or district.
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Country, ISO 3166-1 alpha-2.
    pub country: Option<String>,
}

/// A postal address. Every part is optional, one at least is there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    /// Street, number, floor; may hold several lines separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    street: Option<String>,
    /// City, town or village.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    /// State, province or district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    postal_code: Option<String>,
    /// Country, ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    country: Option<String>,
}

impl Address {
    /// Trims and checks the parts: 200 characters each at most, the country two letters.
    ///
    /// # Errors
    /// `address.invalid` or `country.invalid`
    pub fn new(parts: AddressParts) -> Result<Self, Invalid> {
        let part = |text: Option<String>| text.map(|text| line(&text, 200, "address.invalid")).transpose();
        let address = Self {
            street: part(parts.street)?,
            city: part(parts.city)?,
            region: part(parts.region)?,
            postal_code: part(parts.postal_code)?,
            country: parts.country.as_deref().map(country).transpose()?,
        };
        let empty = Self { street: None, city: None, region: None, postal_code: None, country: None };
        if address == empty {
            return Err(Invalid::new("address.invalid", "must have one part at least"));
        }
        Ok(address)
    }

    /// The address taken apart again, for those who show it.
    pub fn parts(&self) -> AddressParts {
        AddressParts {
            street: self.street.clone(),
            city: self.city.clone(),
            region: self.region.clone(),
            postal_code: self.postal_code.clone(),
            country: self.country.clone(),
        }
    }
}

fn country(text: &str) -> Result<String, Invalid> {
    let text = text.trim().to_ascii_uppercase();
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        Ok(text)
    } else {
        Err(Invalid::new("country.invalid", "must be two letters as in ISO 3166-1 alpha-2"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}
