//! In which forms values are taken: the environment brings text alone.

use std::str::FromStr;

use fairlead_domain::values::Tag;
use fairlead_http::TrustedProxies;
use fairlead_postgres::InstallationKeys;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};

/// A number, an address, or whether: as such, or as text, which is how the environment brings it.
pub(super) fn parsed<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<T, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(u64),
        Fraction(f64),
        Whether(bool),
        Text(String),
    }
    let text = match Form::deserialize(deserializer) {
        Ok(Form::Number(number)) => number.to_string(),
        Ok(Form::Fraction(number)) => number.to_string(),
        Ok(Form::Whether(whether)) => whether.to_string(),
        Ok(Form::Text(text)) => text,
        Err(_) => return Err(D::Error::custom("expected a number or a text")),
    };
    text.trim().parse().map_err(|_| D::Error::custom("it can't be read or is out of range"))
}

/// The same where it may be missing.
pub(super) fn parsed_if_given<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<Option<T>, D::Error> {
    parsed(deserializer).map(Some)
}

/// Several values: an array, or text with commas between them.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Array(Vec<String>),
        Text(String),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::Array(values) => values,
        Form::Text(text) => text.split(',').map(|value| value.trim().to_owned()).filter(|v| !v.is_empty()).collect(),
    })
}

/// Named keys, as an array or with commas between them.
pub(super) fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<InstallationKeys>, D::Error> {
    list(deserializer)?.join(",").parse().map(Some).map_err(D::Error::custom)
}

/// Networks, as an array or with commas between them.
pub(super) fn proxies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TrustedProxies, D::Error> {
    list(deserializer)?.join(",").parse().map_err(D::Error::custom)
}

pub(super) fn tag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tag>, D::Error> {
    Tag::new(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

/// Several tables: as such, or as one text of JSON. Of a text that can't be taken only the place is told, since the rest may be
/// secret.
pub(super) fn tables<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form<T> {
        Text(String),
        Tables(Vec<T>),
    }
    match Form::deserialize(deserializer) {
        Ok(Form::Tables(tables)) => Ok(tables),
        Ok(Form::Text(text)) => serde_json::from_str(&text).map_err(|error| {
            D::Error::custom(format!("it can't be taken from line {}, column {} on", error.line(), error.column()))
        }),
        Err(_) => Err(D::Error::custom("expected tables: a member is missing, unknown or wrong")),
    }
}
