use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::text::text_value;
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

/// The value of a custom attribute: a text, a number or a truth value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Up to 1,000 characters; line breaks and tabs are allowed.
    Text(String),
    /// A number of magnitude below 10^15, which every JSON reader keeps exact.
    Number(Number),
    /// True or false.
    Flag(bool),
}

impl AttributeValue {
    /// Takes a JSON scalar.
    ///
    /// # Errors
    /// `attribute.invalid_value`
    pub fn new(value: Value) -> Result<Self, Invalid> {
        let invalid = |detail: &str| Err(Invalid::new("attribute.invalid_value", detail));
        match value {
            Value::String(text) if text.chars().count() > 1_000 => invalid("must not be longer than 1000 characters"),
            Value::String(text) if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => {
                invalid("must not contain control characters")
            }
            Value::String(text) => Ok(Self::Text(text)),
            Value::Number(number) if number.as_f64().is_some_and(|n| n.abs() < 1e15) => Ok(Self::Number(number)),
            Value::Number(_) => invalid("must be below 10^15 in magnitude"),
            Value::Bool(flag) => Ok(Self::Flag(flag)),
            Value::Null | Value::Array(_) | Value::Object(_) => invalid("must be a text, a number, true or false"),
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Flag(flag) => Value::Bool(*flag),
        }
    }
}

impl fmt::Debug for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttributeValue(…)")
    }
}
