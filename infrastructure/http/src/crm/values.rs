//! Values that several resources of this context have, as JSON.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_domain::{
    kernel::{Invalid, Personal},
    values::{Address, AddressParts, AttributeKey, Tag},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    problem::{Check, member},
    request::{List, Map, Object},
};

/// A postal address; one part at least.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Address)]
pub(super) struct AddressBody {
    /// Street, number, floor.
    #[schema(max_length = 200)]
    street: Option<String>,
    /// City, town or village.
    #[schema(max_length = 200)]
    city: Option<String>,
    /// State, province or district.
    #[schema(max_length = 200)]
    region: Option<String>,
    /// Postal code.
    #[schema(max_length = 200)]
    postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(min_length = 2, max_length = 2, example = "PT")]
    country: Option<String>,
}

/// A text of up to 1,000 characters, a number below 10^15 in magnitude, or a truth value.
#[derive(ToSchema)]
#[schema(as = AttributeValue)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what serde_json::Value may be")]
pub(super) enum AttributeBody {
    Text(String),
    Number(f64),
    Flag(bool),
}

/// The value of a custom attribute, or null.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what serde_json::Value may be")]
pub(super) enum AttributeOrNull {
    Value(AttributeBody),
    Null,
}

impl From<&Address> for AddressBody {
    fn from(address: &Address) -> Self {
        let AddressParts { street, city, region, postal_code, country } = address.parts();
        Self { street, city, region, postal_code, country }
    }
}

/// An address, or a fault for each part that is not acceptable.
pub(super) fn address(check: &mut Check, Object(body): Object<AddressBody>) -> Option<Address> {
    let AddressBody { street, city, region, postal_code, country } = body;
    let none = AddressParts::default;
    let parts = [
        ("street", street.clone().map(|street| AddressParts { street: Some(street), ..none() })),
        ("city", city.clone().map(|city| AddressParts { city: Some(city), ..none() })),
        ("region", region.clone().map(|region| AddressParts { region: Some(region), ..none() })),
        ("postal_code", postal_code.clone().map(|code| AddressParts { postal_code: Some(code), ..none() })),
        ("country", country.clone().map(|country| AddressParts { country: Some(country), ..none() })),
    ];
    let mut sound = true;
    for (name, part) in parts {
        let part = part.map(Address::new).transpose();
        sound &= check.at(format!("/address/{name}"), part).is_some();
    }
    let whole = || Address::new(AddressParts { street, city, region, postal_code, country });
    sound.then(|| check.at("/address", whole()))?
}

/// Labels, or a fault for each that is not acceptable.
pub(super) fn tags<const MAX: usize>(check: &mut Check, List(tags): List<String, MAX>) -> Option<BTreeSet<Tag>> {
    let tags = tags.iter().enumerate().map(|(index, text)| check.at(format!("/tags/{index}"), Tag::new(text)));
    tags.collect::<Vec<_>>().into_iter().collect()
}

/// Custom attributes, or a fault for each that is not acceptable.
pub(super) fn attributes<T, const MAX: usize>(
    check: &mut Check,
    Map(attributes): Map<Value, MAX>,
    value: impl Fn(Value) -> Result<T, Invalid>,
) -> Option<BTreeMap<AttributeKey, T>> {
    let attributes = attributes.into_iter().map(|(name, json)| {
        let attribute = AttributeKey::new(&name).and_then(|key| Ok((key, value(json)?)));
        check.at(member("/attributes", &name), attribute)
    });
    // Through a list, so that a fault does not hide those after it.
    attributes.collect::<Vec<_>>().into_iter().collect()
}

/// A personal value that is there and was not erased.
pub(super) fn known<T>(value: Option<&Personal<T>>) -> Option<&T> {
    value.and_then(Personal::known)
}
