//! Personal data inside events and states.

use std::{borrow::Cow, cell::Cell, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};
use uuid::Uuid;

/// The name of the member that holds a marked value. No value that is stored can have it, since `PostgreSQL` takes no
/// U+0000.
pub const MARK: &str = "\0personal";
/// The name of the member beside it that names the person, where that is not the one to whom the stream belongs.
pub const MARK_SUBJECT: &str = "subject";

thread_local! {
    /// Whether known values are written with a mark on this thread. The form of a value is a matter of who writes it, and
    /// serde hands nothing down to the values.
    static MARKING: Cell<bool> = const { Cell::new(false) };
}

/// Sets the marking, and sets it back when it goes, whatever happens in between.
struct Marking(bool);

impl Marking {
    fn set(on: bool) -> Self {
        Self(MARKING.replace(on))
    }
}

impl Drop for Marking {
    fn drop(&mut self) {
        MARKING.set(self.0);
    }
}

/// Does some work in which every known personal value is written as `{"\0personal": value}`, with `"subject"` beside it
/// where the value is about another person than the stream: so that whoever stores it finds what is personal.
pub fn marked<R>(write: impl FnOnce() -> R) -> R {
    let _marking = Marking::set(true);
    write()
}

fn write_known<T: Serialize, S: Serializer>(
    value: &T,
    subject: Option<Uuid>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if !MARKING.get() {
        return value.serialize(serializer);
    }
    // What is personal inside of what is personal needs no mark of its own.
    let _marking = Marking::set(false);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry(MARK, value)?;
    if let Some(subject) = subject {
        map.serialize_entry(MARK_SUBJECT, &subject)?;
    }
    map.end()
}

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
            Self::Known(value) => write_known(value, None, serializer),
            Self::Erased => write_erased(serializer),
        }
    }
}

fn write_erased<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry("erased", &true)?;
    map.end()
}

/// A value about a person to whom the stream does not belong: in the notes of a meeting, a participant's words.
///
/// Written as `{"subject": …, "value": …}`. It is erased with the person, wherever it stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct PersonalOf<T> {
    /// The person.
    pub subject: Uuid,
    /// What is known about the person.
    pub value: Personal<T>,
}

impl<T: Serialize> Serialize for PersonalOf<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Value<'a, T>(&'a PersonalOf<T>);
        impl<T: Serialize> Serialize for Value<'_, T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match &self.0.value {
                    Personal::Known(value) => write_known(value, Some(self.0.subject), serializer),
                    Personal::Erased => write_erased(serializer),
                }
            }
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("subject", &self.subject)?;
        map.serialize_entry("value", &Value(self))?;
        map.end()
    }
}

/// For a personal value that is its default once it is erased, as a set is empty:
/// `#[serde(with = "crate::kernel::personal_or_default")]`. Otherwise written and read as [`Personal`].
pub mod personal_or_default {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Personal, write_known};

    /// Writes a known value.
    ///
    /// # Errors
    /// The value can't be written.
    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        write_known(value, None, serializer)
    }

    /// Reads a value, known or erased.
    ///
    /// # Errors
    /// It is neither.
    pub fn deserialize<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        Ok(match Personal::<T>::deserialize(deserializer)? {
            Personal::Known(value) => value,
            Personal::Erased => T::default(),
        })
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

/// The keyword that marks what is personal in the schemas of events.
pub const PERSONAL_KEYWORD: &str = "x-personal";

impl<T: JsonSchema> JsonSchema for Personal<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Personal_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let known = generator.subschema_for::<T>();
        json_schema!({
            "anyOf": [
                known,
                {
                    "description": "Erased: there was a value, which nobody can read any more.",
                    "type": "object",
                    "properties": { "erased": { "const": true } },
                    "required": ["erased"],
                    "additionalProperties": false,
                },
            ],
            PERSONAL_KEYWORD: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::{Personal, PersonalOf, marked};

    fn written(value: impl serde::Serialize) -> Value {
        serde_json::to_value(value).unwrap()
    }

    #[test]
    fn is_marked_while_it_is_being_stored_and_at_no_other_time() {
        let other = PersonalOf { subject: Uuid::nil(), value: "Ana".into() };
        let nested = Personal::from(vec![Personal::from("Ana")]);
        assert_eq!(marked(|| written(Personal::from("Ana"))), json!({ "\0personal": "Ana" }));
        assert_eq!(marked(|| written(&nested)), json!({ "\0personal": ["Ana"] }));
        assert_eq!(marked(|| written(Personal::<u8>::Erased)), json!({ "erased": true }));
        let marked_other = json!({ "\0personal": "Ana", "subject": Uuid::nil() });
        assert_eq!(marked(|| written(&other)), json!({ "subject": Uuid::nil(), "value": marked_other }));
        assert_eq!(written(&other), json!({ "subject": Uuid::nil(), "value": "Ana" }));
        assert!(std::panic::catch_unwind(|| marked(|| panic!("in the middle"))).is_err());
        assert_eq!(written(Personal::from("Ana")), json!("Ana"));
    }

    #[test]
    fn about_another_person_is_read_as_it_was_written() {
        for value in [Personal::from("Ana".to_owned()), Personal::Erased] {
            let value = PersonalOf { subject: Uuid::from_u128(1), value };
            assert_eq!(serde_json::from_value::<PersonalOf<String>>(written(&value)).unwrap(), value);
        }
    }

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
