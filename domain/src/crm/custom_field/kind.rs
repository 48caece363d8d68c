//! What the values of a custom field are.

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kernel::Invalid,
    values::{AttributeValue, Email, PhoneNumber, Website},
};

/// How many characters one line may have.
const MAX_LINE: usize = 255;

/// What the values of a custom field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// One line of up to 255 characters.
    Text,
    /// Up to 5,000 characters, with line breaks.
    LongText,
    /// A number below 10^15 in magnitude.
    Number,
    /// An amount in minor units of a currency.
    Money,
    /// A day of the calendar: `2026-01-31`.
    Date,
    /// A point in time (RFC 3339), kept in UTC by the microsecond.
    Time,
    /// True or false.
    Boolean,
    /// One of the field's options.
    Select,
    /// Some of the field's options.
    MultiSelect,
    /// The address of a website.
    Url,
    /// An e-mail address.
    Email,
    /// A telephone number in international form.
    Phone,
    /// Another record.
    Reference,
}

impl AttributeKind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Text,
        Self::LongText,
        Self::Number,
        Self::Money,
        Self::Date,
        Self::Time,
        Self::Boolean,
        Self::Select,
        Self::MultiSelect,
        Self::Url,
        Self::Email,
        Self::Phone,
        Self::Reference,
    ];

    /// Whether its values are options of the field.
    pub fn is_choice(self) -> bool {
        matches!(self, Self::Select | Self::MultiSelect)
    }

    /// Whether a value can belong to one record alone.
    pub fn can_be_unique(self) -> bool {
        !self.is_choice() && !matches!(self, Self::LongText | Self::Boolean | Self::Money)
    }

    /// The value in the form in which it is kept, as far as that is a matter of its kind.
    pub(super) fn read(self, value: AttributeValue) -> Result<AttributeValue, Invalid> {
        use AttributeValue::{Chosen, Flag, Money, Number, Record, Text};
        match (self, value) {
            (Self::Text, Text(text)) => line(&text),
            (Self::LongText, Text(text)) if !text.trim().is_empty() => Ok(Text(text)),
            (Self::Date, Text(text)) => match text.parse::<NaiveDate>() {
                Ok(day) if (1..=9999).contains(&day.year()) => Ok(Text(day.to_string())),
                _ => Err(self.refused()),
            },
            (Self::Time, Text(text)) => match DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc()) {
                Ok(time) if (1..=9999).contains(&time.year()) => {
                    Ok(Text(time.to_rfc3339_opts(SecondsFormat::Micros, true)))
                }
                _ => Err(self.refused()),
            },
            (Self::Url, Text(text)) => Website::new(&text).map(|url| Text(url.as_str().to_owned())),
            (Self::Email, Text(text)) => Email::new(&text).map(|email| Text(email.as_str().to_owned())),
            (Self::Phone, Text(text)) => PhoneNumber::new(&text).map(|phone| Text(phone.as_str().to_owned())),
            (Self::Number, value @ Number(_))
            | (Self::Money, value @ Money(_))
            | (Self::Boolean, value @ Flag(_))
            | (Self::Select, value @ Text(_))
            | (Self::Reference, value @ Record(_)) => Ok(value),
            (Self::MultiSelect, value @ Chosen(_)) => Ok(value),
            _ => Err(self.refused()),
        }
    }

    fn refused(self) -> Invalid {
        let expected = match self {
            Self::Text => "one line of 1 to 255 characters",
            Self::LongText => "a text",
            Self::Number => "a number",
            Self::Money => r#"money, as {"amount": 12500, "currency": "EUR"}"#,
            Self::Date => "a date, as 2026-01-31",
            Self::Time => "a time, as in RFC 3339",
            Self::Boolean => "true or false",
            Self::Select => "the key of an option",
            Self::MultiSelect => "a list of keys of options",
            Self::Url | Self::Email | Self::Phone => "a text",
            Self::Reference => r#"a record, as {"type": "contact", "id": "…"}"#,
        };
        Invalid::new("attribute.invalid_value", format!("must be {expected}"))
    }
}

fn line(text: &str) -> Result<AttributeValue, Invalid> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= MAX_LINE && !text.chars().any(char::is_control);
    if fits { Ok(AttributeValue::Text(text.to_owned())) } else { Err(AttributeKind::Text.refused()) }
}
