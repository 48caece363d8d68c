//! Personal data inside events and states.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

/// A value about a person: known, or erased on the person's demand.
///
/// A known value is written as itself, an erased one as `{"erased": true}`. `Debug` shows neither, so that logs stay
/// clean. Events that were erased still fold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Personal<T> {
    /// The value, as it was given.
    Known(T),
    /// There was a value; nobody can read it any more.
    Erased,
}

impl<T> Personal<T> {
    /// The value, unless it was erased.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Erased => None,
        }
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Known(_) => "Personal(…)",
            Self::Erased => "Personal(erased)",
        })
    }
}

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Erased => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("erased", &true)?;
                map.end()
            }
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Marker {
            erased: bool,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form<T> {
            Erased(Marker),
            Known(T),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Erased(Marker { erased: true }) => Self::Erased,
            Form::Erased(_) => return Err(serde::de::Error::custom("erased is true or absent")),
            Form::Known(value) => Self::Known(value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Personal;

    #[test]
    fn is_written_as_itself_or_as_erased() {
        let known = Personal::from(String::from("Ana"));
        let erased = Personal::<String>::Erased;
        assert_eq!(serde_json::to_string(&known).unwrap(), r#""Ana""#);
        assert_eq!(serde_json::to_string(&erased).unwrap(), r#"{"erased":true}"#);
        for value in [known, erased] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Personal<String>>(&text).unwrap(), value);
        }
    }

    #[test]
    fn debug_shows_nothing_personal() {
        assert_eq!(format!("{:?}", Some(Personal::from("Ana"))), "Some(Personal(…))");
    }
}
