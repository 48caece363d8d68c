use std::{collections::BTreeSet, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};

use super::{Currency, Money, RecordRef, RecordType, text::text_value};
use crate::kernel::Invalid;

text_value! {
    /// The name of a custom attribute: `[a-z][a-z0-9_]*`, 63 characters at most.
    AttributeKey
}

impl AttributeKey {
    /// Checks a name.
    ///
    /// # Errors
    /// `attribute.invalid_key`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let well_formed = text.len() <= 63
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("attribute.invalid_key", "must match [a-z][a-z0-9_]* and have 63 characters at most"))
        }
    }
}

/// How many characters the text of an attribute may have.
const MAX_TEXT: usize = 5_000;
/// How many names an attribute may hold at once.
const MAX_CHOSEN: usize = 50;

/// The value of a custom attribute.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Up to 5,000 characters; line breaks and tabs are allowed.
    Text(String),
    /// A number of magnitude below 10^15, which every JSON reader keeps exact.
    Number(Number),
    /// True or false.
    Flag(bool),
    /// Some of the options of a custom field, 50 at most.
    Chosen(BTreeSet<AttributeKey>),
    /// An amount of money.
    Money(Money),
    /// Another record.
    Record(RecordRef),
}

impl AttributeValue {
    /// Takes a text, a number, a truth value, a list of options, money or a record, as it is written in JSON.
    ///
    /// # Errors
    /// `attribute.invalid_value`
    pub fn new(value: Value) -> Result<Self, Invalid> {
        let invalid = |detail: &str| Err(Invalid::new("attribute.invalid_value", detail));
        match value {
            Value::String(text) if text.chars().count() > MAX_TEXT => {
                invalid("must not be longer than 5000 characters")
            }
            Value::String(text) if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => {
                invalid("must not contain control characters")
            }
            Value::String(text) => Ok(Self::Text(text)),
            Value::Number(number) if number.as_f64().is_some_and(|n| n.abs() < 1e15) => Ok(Self::Number(number)),
            Value::Number(_) => invalid("must be below 10^15 in magnitude"),
            Value::Bool(flag) => Ok(Self::Flag(flag)),
            Value::Array(chosen) if !(1..=MAX_CHOSEN).contains(&chosen.len()) => invalid("must hold 1 to 50 options"),
            Value::Array(chosen) => {
                let option = |option: &Value| AttributeKey::new(option.as_str().unwrap_or_default()).ok();
                match chosen.iter().map(option).collect() {
                    Some(chosen) => Ok(Self::Chosen(chosen)),
                    None => invalid("a list must hold the keys of options"),
                }
            }
            Value::Object(ref members) => match Self::of_members(members) {
                Some(value) => Ok(value),
                None => invalid(
                    r#"an object must be money, {"amount": 12500, "currency": "EUR"}, or a record, {"type": "contact", "id": "…"}"#,
                ),
            },
            Value::Null => invalid("must have a value"),
        }
    }

    fn of_members(members: &Map<String, Value>) -> Option<Self> {
        let text = |name| members.get(name).and_then(Value::as_str);
        if members.len() != 2 {
            return None;
        }
        if let (Some(minor), Some(currency)) = (members.get("amount").and_then(Value::as_i64), text("currency")) {
            return Some(Self::Money(Money::new(minor, Currency::new(currency).ok()?).ok()?));
        }
        let record_type = members.get("type").and_then(|name| RecordType::deserialize(name).ok())?;
        Some(Self::Record(RecordRef { record_type, id: text("id")?.parse().ok()? }))
    }

    /// The record to which it refers, if it does.
    pub fn record(&self) -> Option<RecordRef> {
        match self {
            Self::Record(record) => Some(*record),
            _ => None,
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Flag(flag) => Value::Bool(*flag),
            Self::Chosen(chosen) => chosen.iter().map(AttributeKey::as_str).collect(),
            Self::Money(money) => json!({ "amount": money.minor(), "currency": money.currency().code() }),
            Self::Record(record) => json!({ "type": record.record_type.name(), "id": record.id }),
        }
    }
}

impl fmt::Debug for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttributeValue(…)")
    }
}
