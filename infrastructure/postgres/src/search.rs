//! Words as PostgreSQL's text search takes them: lexemes of a row, and queries for them.
//!
//! A lexeme begins with letters made of the tenant's id, so that a search for all words with a common beginning meets the
//! entries of one tenant alone (or of very few, which the tenant's id tells apart). A word of the row's name is there a
//! second time with a dot before it, which no word holds. So an index alone tells how well a row meets a search.

use std::collections::BTreeSet;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use fairlead_application::list::{Search, Term, words};
use fairlead_domain::{ids::OrganizationId, values::AttributeValue};
use uuid::Uuid;

/// How many words of a row can be looked for at most. A tsvector holds a megabyte.
const MAX_WORDS: usize = 2_000;
/// How many digits the end of a telephone number has at least, for the number to be found by it.
const MIN_ENDING: usize = 4;

/// What a row is found by. `Debug` is left out on purpose: it holds personal data.
pub(crate) struct Words {
    tenant: String,
    all: BTreeSet<String>,
}

impl Words {
    /// The words of the row's name, for a start.
    pub(crate) fn of_name(tenant: OrganizationId, name: &str) -> Self {
        let mut all = Self { tenant: letters(tenant), all: BTreeSet::new() };
        for word in words(name) {
            all.all.insert(format!(".{word}"));
            all.all.insert(word);
        }
        all
    }

    /// Adds the words of another text.
    pub(crate) fn add(&mut self, text: &str) {
        let room = MAX_WORDS.saturating_sub(self.all.len());
        self.all.extend(words(text).into_iter().take(room));
    }

    /// Adds a telephone number by its digits: the whole, and every ending of it, since people leave out its beginning.
    pub(crate) fn add_phone(&mut self, number: &str) {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let last = digits.len().saturating_sub(MIN_ENDING);
        self.all.extend((0..=last).filter_map(|start| digits.get(start..)).map(str::to_owned));
    }

    /// Adds the words of custom attributes.
    pub(crate) fn add_attributes<'a>(&mut self, values: impl Iterator<Item = &'a AttributeValue>) {
        for value in values {
            match value {
                AttributeValue::Text(text) => self.add(text),
                AttributeValue::Number(number) => self.add(&number.to_string()),
                AttributeValue::Chosen(chosen) => chosen.iter().for_each(|key| self.add(key.as_str())),
                AttributeValue::Flag(_) | AttributeValue::Money(_) | AttributeValue::Record(_) => {}
            }
        }
    }

    /// As `tsvector` is written.
    pub(crate) fn to_tsvector(&self) -> String {
        // Words are letters, digits and marks, so quotes have nothing to escape.
        self.all.iter().flat_map(|word| ["'", &self.tenant, word, "' "]).collect()
    }
}

/// Six bits each of the id's last bytes, which are random.
fn letters(tenant: OrganizationId) -> String {
    let [.., a, b, c] = *Uuid::from(tenant).as_bytes();
    BASE64_URL_SAFE_NO_PAD.encode([a, b, c])
}

/// How well a row meets a search, the best first: see [`fairlead_application::list::Sort::RELEVANCE`].
pub(crate) const RELEVANCES: [i32; 3] = [2, 1, 0];

/// A search as queries of the type `tsquery`.
pub(crate) struct Queries<'a> {
    tenant: String,
    search: &'a Search,
}

impl<'a> Queries<'a> {
    /// Queries for the rows of a tenant.
    pub(crate) fn new(tenant: OrganizationId, search: &'a Search) -> Self {
        Self { tenant: letters(tenant), search }
    }

    /// Every row that meets the search.
    pub(crate) fn all(&self) -> String {
        let terms = self.search.terms().iter().map(|Term { words, number }| {
            let words = self.together(words.iter().map(String::as_str), "", ":*");
            match number {
                Some(number) => format!("({words} | {})", self.together([number.as_str()].into_iter(), "", ":*")),
                None => words,
            }
        });
        terms.collect::<Vec<_>>().join(" & ")
    }

    /// Rows whose name has the very words.
    pub(crate) fn named(&self) -> String {
        self.together(self.search.words(), ".", "")
    }

    /// Rows whose name has words that begin so.
    pub(crate) fn named_like(&self) -> String {
        self.together(self.search.words(), ".", ":*")
    }

    /// The rows of one relevance.
    pub(crate) fn of_relevance(&self, relevance: i32) -> String {
        match relevance {
            2 => self.named(),
            1 => format!("{} & !({})", self.named_like(), self.named()),
            _ => format!("{} & !({})", self.all(), self.named_like()),
        }
    }

    /// Lexemes that must all be there.
    fn together<'w>(&self, words: impl Iterator<Item = &'w str>, kind: &str, suffix: &str) -> String {
        let lexemes = words.map(|word| format!("'{}{kind}{word}'{suffix}", self.tenant));
        lexemes.collect::<Vec<_>>().join(" & ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> OrganizationId {
        Uuid::nil().into()
    }

    #[test]
    fn a_row_is_found_by_its_words_and_a_number_by_its_endings() {
        let mut words = Words::of_name(tenant(), "Ána O'Neil");
        words.add("ana@example.com");
        words.add_phone("+3512199");
        let expected = "'AAAA.ana' 'AAAA.neil' 'AAAA.o' 'AAAA12199' 'AAAA2199' 'AAAA3512199' 'AAAA512199' 'AAAAana' \
                        'AAAAcom' 'AAAAexample' 'AAAAneil' 'AAAAo' ";
        assert_eq!(words.to_tsvector(), expected);
        let mut endless = Words::of_name(tenant(), "");
        endless.add(&(0..5_000).map(|n| format!("{n} ")).collect::<String>());
        assert_eq!(endless.all.len(), MAX_WORDS);
    }

    #[test]
    fn a_query_says_how_well_it_is_met() {
        let search = Search::parse("ana 021 1234").unwrap();
        let queries = Queries::new(tenant(), &search);
        assert_eq!(queries.all(), "'AAAAana':* & ('AAAA021':* & 'AAAA1234':* | 'AAAA211234':*)");
        assert_eq!(queries.of_relevance(2), "'AAAA.ana' & 'AAAA.021' & 'AAAA.1234'");
        let named = "'AAAA.ana':* & 'AAAA.021':* & 'AAAA.1234':*";
        assert_eq!(queries.of_relevance(1), format!("{named} & !('AAAA.ana' & 'AAAA.021' & 'AAAA.1234')"));
        assert_eq!(queries.of_relevance(0), format!("{} & !({named})", queries.all()));
    }
}
