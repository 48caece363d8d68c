use std::collections::BTreeSet;

use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// A label in lower case, 1 to 50 characters: letters, digits, and `-`, `_`, `.`, `/` between them.
    Tag
}

impl Tag {
    /// How many a record may carry.
    pub const MOST: usize = 100;

    /// Those that a record with some would get besides; `None` when it could not carry them all.
    pub fn added(present: &BTreeSet<Self>, wanted: &BTreeSet<Self>) -> Option<BTreeSet<Self>> {
        let added: BTreeSet<_> = wanted.difference(present).cloned().collect();
        (added.is_empty() || present.len() + added.len() <= Self::MOST).then_some(added)
    }

    /// Those that a record with some would lose.
    pub fn taken(present: &BTreeSet<Self>, unwanted: &BTreeSet<Self>) -> BTreeSet<Self> {
        present.intersection(unwanted).cloned().collect()
    }

    /// Lowers and checks a label.
    ///
    /// # Errors
    /// `tag.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = line(&text.to_lowercase(), 50, "tag.invalid")?;
        let mut characters = text.chars();
        let well_formed = characters.next().is_some_and(char::is_alphanumeric)
            && characters.all(|character| character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | '/'));
        if well_formed {
            Ok(Self(text))
        } else {
            Err(Invalid::new("tag.invalid", "must begin with a letter or digit, then letters, digits, - _ . /"))
        }
    }
}
