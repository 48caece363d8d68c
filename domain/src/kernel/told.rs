//! What was told in a record that may be about a person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Personal, PersonalOf};

/// Words in a record that is about somebody, or about nobody in particular: a note about a contact, or about a company.
///
/// About a person they are the person's, and erased with them; otherwise they are the record's own, and erased with
/// the record. Written as [`PersonalOf`] and as [`Personal`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Told<T> {
    /// About nobody in particular.
    Own(Personal<T>),
    /// About this person.
    Of(PersonalOf<T>),
}

impl<T> Told<T> {
    /// Words about this person, or about nobody.
    pub fn about(person: Option<Uuid>, value: T) -> Self {
        match person {
            Some(subject) => Self::Of(PersonalOf { subject, value: Personal::Known(value) }),
            None => Self::Own(Personal::Known(value)),
        }
    }

    /// The same words, told about another, or about nobody.
    #[must_use]
    pub fn now_about(self, person: Option<Uuid>) -> Self {
        let value = match self {
            Self::Own(value) | Self::Of(PersonalOf { value, .. }) => value,
        };
        match person {
            Some(subject) => Self::Of(PersonalOf { subject, value }),
            None => Self::Own(value),
        }
    }

    fn value(&self) -> &Personal<T> {
        match self {
            Self::Own(value) | Self::Of(PersonalOf { value, .. }) => value,
        }
    }

    /// The words, unless they were erased.
    pub fn known(&self) -> Option<&T> {
        self.value().known()
    }

    /// The person whom the words are about, erased or not.
    pub fn subject(&self) -> Option<Uuid> {
        match self {
            Self::Own(_) => None,
            Self::Of(told) => Some(told.subject),
        }
    }

    /// The person whom known words are about.
    pub fn person(&self) -> Option<Uuid> {
        match self {
            Self::Of(PersonalOf { subject, value: Personal::Known(_) }) => Some(*subject),
            _ => None,
        }
    }

    /// Leaves nothing of the words where they are about this person.
    pub fn forget(&mut self, person: Uuid) {
        if self.person() == Some(person) {
            self.erase();
        }
    }

    /// Leaves nothing of the words.
    pub fn erase(&mut self) {
        match self {
            Self::Own(value) | Self::Of(PersonalOf { value, .. }) => *value = Personal::Erased,
        }
    }
}

impl<T> From<T> for Told<T> {
    fn from(value: T) -> Self {
        Self::about(None, value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn is_written_as_what_it_is_and_read_as_it_was_written() {
        let person = Uuid::from_u128(1);
        let mut erased = Told::about(Some(person), String::from("Ana"));
        erased.forget(Uuid::from_u128(2));
        assert_eq!(erased.person(), Some(person), "who else is erased does not matter");
        erased.forget(person);
        let mut own_erased = Told::from(String::from("Ana"));
        own_erased.forget(person);
        assert_eq!(own_erased.known().map(String::as_str), Some("Ana"));
        own_erased.erase();
        for (told, written) in [
            (Told::from(String::from("Ana")), json!("Ana")),
            (own_erased, json!({ "erased": true })),
            (Told::about(Some(person), "Ana".into()), json!({ "subject": person, "value": "Ana" })),
            (erased, json!({ "subject": person, "value": { "erased": true } })),
        ] {
            assert_eq!(serde_json::to_value(&told).unwrap(), written);
            assert_eq!(serde_json::from_value::<Told<String>>(written).unwrap(), told);
        }
    }

    #[test]
    fn can_be_told_of_another() {
        let person = Uuid::from_u128(1);
        let told = Told::from("Ana").now_about(Some(person));
        assert_eq!((told.person(), told.known()), (Some(person), Some(&"Ana")));
        assert_eq!(told.now_about(None), Told::from("Ana"));
    }
}
