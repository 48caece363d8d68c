//! Values that several resources of this context have, as JSON.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use fairlead_application::{envelope::rfc3339, list::instant};
use fairlead_domain::{
    crm::PointsChange,
    kernel::{Invalid, Personal},
    values::{
        Address, AddressParts, AttributeKey, ExternalId, Handle, Label, Point, Points, RecordRef, RecordType,
        SystemName, Tag,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    document::closed,
    problem::{Check, member},
    request::{List, Map, Member, Object},
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

/// An amount of money.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Money, example = json!({ "amount": 12500, "currency": "EUR" }))]
pub(super) struct MoneyBody {
    /// In the currency's minor units, such as cents. What a deal is worth is not negative.
    #[schema(minimum = -1000000000000000_i64, maximum = 1000000000000000_i64)]
    pub(super) amount: i64,
    /// Three letters of ISO 4217.
    #[schema(min_length = 3, max_length = 3)]
    pub(super) currency: String,
}

/// A text, a number below 10^15 in magnitude, or a truth value; as a custom field defines it, also options by their keys, money, or
/// another record.
#[derive(ToSchema)]
#[schema(as = AttributeValue)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what serde_json::Value may be")]
pub(super) enum AttributeBody {
    Text(String),
    Number(f64),
    Flag(bool),
    Chosen(Vec<String>),
    Money(MoneyBody),
    Record(RecordRefBody),
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

/// One of several addresses or numbers.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TextPoint)]
pub(super) struct TextPointBody {
    /// The address, or the number.
    #[schema(max_length = 254)]
    value: String,
    /// What it is for: `work`, `home`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    label: Option<String>,
    /// Whether it is the one to use first; the first of a list where none is.
    #[serde(default)]
    #[schema(required = false)]
    primary: bool,
}

/// One of several postal addresses.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddressPoint)]
pub(super) struct AddressPointBody {
    /// The address.
    value: AddressBody,
    /// What it is for: `work`, `home`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    label: Option<String>,
    /// Whether it is the one to use first; the first of a list where none is.
    #[serde(default)]
    #[schema(required = false)]
    primary: bool,
}

/// What another system calls a record.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExternalId)]
pub(super) struct ExternalIdBody {
    /// The system: `[a-z][a-z0-9_]*`.
    #[schema(min_length = 1, max_length = 63)]
    source: String,
    /// The id there.
    #[schema(min_length = 1, max_length = 200)]
    id: String,
}

impl ExternalIdBody {
    /// The same, checked.
    pub(super) fn checked(&self, check: &mut Check, pointer: &str) -> Option<ExternalId> {
        let source = check.at(format!("{pointer}/source"), SystemName::new(&self.source));
        let id = check.at(format!("{pointer}/id"), Handle::new(&self.id));
        Some(ExternalId { source: source?, id: id? })
    }
}

impl From<&ExternalId> for ExternalIdBody {
    fn from(id: &ExternalId) -> Self {
        Self { source: id.source.as_str().to_owned(), id: id.id.as_str().to_owned() }
    }
}

/// Addresses or numbers as texts.
pub(super) fn text_points<'p, T: 'p>(points: &'p Points<T>, text: impl Fn(&'p T) -> &'p str) -> Vec<TextPointBody> {
    let body = |point: &'p Point<T>| TextPointBody {
        value: text(&point.value).to_owned(),
        label: point.label.as_ref().map(|label| label.as_str().to_owned()),
        primary: point.primary,
    };
    points.iter().map(body).collect()
}

/// Postal addresses.
pub(super) fn address_points(points: &Points<Address>) -> Vec<AddressPointBody> {
    let body = |point: &Point<Address>| AddressPointBody {
        value: AddressBody::from(&point.value),
        label: point.label.as_ref().map(|label| label.as_str().to_owned()),
        primary: point.primary,
    };
    points.iter().map(body).collect()
}

/// One of several, or a fault for each part that is not acceptable.
fn point<T>(check: &mut Check, at: &str, value: Option<T>, label: Option<String>, primary: bool) -> Option<Point<T>> {
    let label = check.at(format!("{at}/label"), label.map(|text| Label::new(&text)).transpose());
    Some(Point { value: value?, label: label?, primary })
}

/// What a body says of the ways to reach a person: the primary one by `short`, or all of them by `list`; both is one too many.
pub(super) fn points_change<S, B, T: PartialEq + Clone, const MAX: usize>(
    check: &mut Check,
    [one, all]: [&'static str; 2],
    (short, list): (Member<S>, Member<List<B, MAX>>),
    read_one: impl FnOnce(&mut Check, S) -> Option<T>,
    read_each: impl Fn(&mut Check, &str, B) -> Option<Point<T>>,
) -> Option<PointsChange<T>> {
    let list = list.required(check, &format!("/{all}"), Ok)?;
    match (short, list) {
        (Member::Missing, None) => Some(PointsChange::Keep),
        (Member::Missing, Some(List(list))) => {
            let points = list.into_iter().enumerate().map(|(n, body)| read_each(check, &format!("/{all}/{n}"), body));
            let points: Option<Vec<_>> = points.collect::<Vec<_>>().into_iter().collect();
            check.at(format!("/{all}"), Points::new(points?)).map(PointsChange::All)
        }
        (Member::Null, None) => Some(PointsChange::Primary(None)),
        (Member::Value(value), None) => read_one(check, value).map(|value| PointsChange::Primary(Some(value))),
        (_, Some(_)) => {
            check.at(format!("/{one}"), Err(Invalid::new("points.said_twice", format!("can't be there beside {all}"))))
        }
    }
}

/// Addresses or numbers that are written as texts.
pub(super) fn text_point<T>(
    read: impl Fn(&str) -> Result<T, Invalid>,
) -> impl Fn(&mut Check, &str, TextPointBody) -> Option<Point<T>> {
    move |check, at, TextPointBody { value, label, primary }| {
        let value = check.at(format!("{at}/value"), read(&value));
        point(check, at, value, label, primary)
    }
}

/// A postal address among several.
pub(super) fn address_point(check: &mut Check, at: &str, body: AddressPointBody) -> Option<Point<Address>> {
    let AddressPointBody { value, label, primary } = body;
    let value = address(check, &format!("{at}/value"), Object(value));
    point(check, at, value, label, primary)
}

/// A day, written as in RFC 3339.
pub(super) fn day(text: &str) -> Result<NaiveDate, Invalid> {
    let day = text.parse().ok().filter(|day: &NaiveDate| (1..=9999).contains(&day.year()) && text.len() == 10);
    day.ok_or_else(|| Invalid::new("date.invalid", "must be a day such as 2026-01-31"))
}

/// An address, or a fault for each part that is not acceptable.
pub(super) fn address(check: &mut Check, at: &str, Object(body): Object<AddressBody>) -> Option<Address> {
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
        sound &= check.at(format!("{at}/{name}"), part).is_some();
    }
    let whole = || Address::new(AddressParts { street, city, region, postal_code, country });
    sound.then(|| check.at(at, whole()))?
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

/// A record that something is about.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecordRef, example = json!({ "type": "contact", "id": "01990b1e-7c5a-7d2e-9c42-3a1f5b6c7d8e" }))]
pub(super) struct RecordRefBody {
    /// What it is.
    #[serde(rename = "type")]
    #[schema(value_type = closed::RecordType)]
    record_type: RecordType,
    /// Which.
    id: Uuid,
}

impl From<RecordRef> for RecordRefBody {
    fn from(RecordRef { record_type, id }: RecordRef) -> Self {
        Self { record_type, id }
    }
}

/// The records that something is about.
pub(super) fn records<const MAX: usize>(List(records): List<Object<RecordRefBody>, MAX>) -> Vec<RecordRef> {
    records.into_iter().map(|Object(RecordRefBody { record_type, id })| RecordRef { record_type, id }).collect()
}

/// A time, to the microsecond, as the database keeps it.
pub(super) fn moment(text: &str) -> Result<DateTime<Utc>, Invalid> {
    let invalid = || Invalid::new("time.invalid", "must be a time as in RFC 3339, such as 2026-03-02T17:00:00Z");
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| invalid())?;
    instant(&rfc3339(time.to_utc())).ok_or_else(invalid)
}

/// A personal value that is there and was not erased.
pub(super) fn known<T>(value: Option<&Personal<T>>) -> Option<&T> {
    value.and_then(Personal::known)
}
