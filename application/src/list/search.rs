//! What is looked for by words: `q=ana lim`.
//!
//! A word is a run of letters and digits, without accents and in lower case. It finds every word that begins with it. The
//! same function makes the words of a record and those of a query, so that the two always meet.

use std::fmt;

use fairlead_domain::kernel::Invalid;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// How many characters a query may have.
const MAX_QUERY: usize = 200;
/// How many characters of a word count. What is longer is told apart by its beginning alone.
const MAX_WORD: usize = 64;
/// How many digits make a number that may be a telephone number.
const MIN_NUMBER: usize = 4;

/// Words that must all be found. `Debug` hides them: they may be a name or an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Search {
    terms: Vec<Term>,
}

/// A part of a search.
#[derive(Clone, PartialEq, Eq)]
pub struct Term {
    /// Words that must all be there. More than one when they are digits side by side.
    pub words: Vec<String>,
    /// Found instead of the words: the number that the digits make together, as in `+351 21 123 4567`. Without the
    /// zeros that it is dialled with.
    pub number: Option<String>,
}

impl Search {
    /// Reads a query. Any text is one that holds a letter or a digit.
    ///
    /// # Errors
    /// `query.empty` or `query.too_long`
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() > MAX_QUERY {
            return Err(Invalid::new("query.too_long", format!("must not be longer than {MAX_QUERY} characters")));
        }
        let words = words(text);
        if words.is_empty() {
            return Err(Invalid::new("query.empty", "must hold a letter or a digit"));
        }
        let mut terms: Vec<Term> = Vec::new();
        for run in words.chunk_by(|before, after| is_number(before) && is_number(after)) {
            let digits = run.concat();
            let number = digits.trim_start_matches('0').to_owned();
            let useful = is_number(&digits) && number.len() >= MIN_NUMBER && run != [number.as_str()];
            let term = Term { words: run.to_vec(), number: useful.then_some(number) };
            if !terms.contains(&term) {
                terms.push(term);
            }
        }
        Ok(Self { terms })
    }

    /// What must be found.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// All words, without regard to the numbers that they may make.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().flat_map(|term| &term.words).map(String::as_str)
    }

    /// How well a record of this name meets the search, if it does: see [`Sort::RELEVANCE`](super::Sort::RELEVANCE).
    pub fn relevance(&self, name: &str) -> i32 {
        let name = words(name);
        let all = |met: fn(&str, &str) -> bool| self.words().all(|word| name.iter().any(|own| met(own, word)));
        i32::from(all(|own, word| own.starts_with(word))) + i32::from(all(|own, word| own == word))
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Search(…)")
    }
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The words of a text, in its order.
///
/// They are what is left of the text's compatibility decomposition (Unicode Standard Annex 15, NFKD) without the marks that
/// modify Latin, Greek and Cyrillic letters, and with the few letters spelled out that have no decomposition. Marks that
/// spell vowels, as in the scripts of India, stay.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = Word::default();
    for character in text.chars().flat_map(char::to_lowercase).nfkd() {
        if is_accent(character) {
            continue;
        }
        match spelled_out(character) {
            Some(letters) => letters.chars().for_each(|letter| word.push(letter)),
            // What is decomposed may be upper case again, as ™ is TM.
            None if character.is_alphanumeric() => character.to_lowercase().for_each(|letter| word.push(letter)),
            None if is_combining_mark(character) && word.length > 0 => word.push(character),
            None => words.extend(std::mem::take(&mut word).end()),
        }
    }
    words.extend(word.end());
    words
}

#[derive(Default)]
struct Word {
    text: String,
    length: usize,
}

impl Word {
    fn push(&mut self, character: char) {
        if self.length < MAX_WORD {
            self.text.push(character);
            self.length += 1;
        }
    }

    fn end(self) -> Option<String> {
        (self.length > 0).then_some(self.text)
    }
}

/// The blocks of combining marks that are accents.
fn is_accent(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
}

/// Lower-case letters of the Latin script that people write without their stroke or ligature, but Unicode does not take
/// apart.
fn spelled_out(character: char) -> Option<&'static str> {
    Some(match character {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ħ' => "h",
        'ı' => "i",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, Option<String>)> {
        let search = Search::parse(text).unwrap();
        search.terms().iter().map(|term| (term.words.join(" "), term.number.clone())).collect()
    }

    #[test]
    fn words_have_neither_case_nor_accents() {
        for (text, expected) in [
            ("Ana LIMA", "ana lima"),
            ("Émile Zoë Ñandú Ångström", "emile zoe nandu angstrom"),
            ("Straße Łódź Ærø Þór Đặng", "strasse lodz aero thor dang"),
            ("O'Neil-Smith, J.R.", "o neil smith j r"),
            ("ana.lima+x@mail.example.com", "ana lima x mail example com"),
            ("İstanbul ISPARTA ılık", "istanbul isparta ilik"),
            ("ﬁn ™ ５", "fin tm 5"),
            ("Ελλάδα Йод", "ελλαδα иод"),
            ("हिन्दी", "हिन्दी"),
            ("山田 太郎", "山田 太郎"),
            (" \t\u{0}!?—", ""),
        ] {
            assert_eq!(words(text).join(" "), words(expected).join(" "), "{text}");
            assert_eq!(words(text).join(" "), expected.nfkd().collect::<String>(), "{text}");
        }
        assert_eq!(words(&"a".repeat(100)), ["a".repeat(MAX_WORD)]);
    }

    #[test]
    fn digits_side_by_side_may_be_a_number() {
        let term = |words: &str, number: Option<&str>| (words.to_owned(), number.map(str::to_owned));
        assert_eq!(parsed("Ana +351 21 123"), [term("ana", None), term("351 21 123", Some("35121123"))]);
        assert_eq!(parsed("021/1234 ana"), [term("021 1234", Some("211234")), term("ana", None)]);
        assert_eq!(parsed("00351"), [term("00351", None)]);
        assert_eq!(parsed("0035121"), [term("0035121", Some("35121"))]);
        assert_eq!(parsed("1100-048"), [term("1100 048", Some("1100048"))]);
        assert_eq!(parsed("21 ana 42"), [term("21", None), term("ana", None), term("42", None)]);
        assert_eq!(parsed("ana ANA Ána"), [term("ana", None)]);
    }

    #[test]
    fn a_name_meets_a_search_the_better_the_more_of_it_is_said() {
        for (text, name, relevance) in [
            ("ana lima", "Lima, Ána Maria", 2),
            ("an lima", "Ana Lima", 1),
            ("ana lima", "Ana Limão", 1),
            ("ana porto", "Ana Lima", 0),
            ("351 21", "Line 351 21", 2),
            ("ana", "", 0),
        ] {
            assert_eq!(Search::parse(text).unwrap().relevance(name), relevance, "{text} of {name}");
        }
    }

    #[test]
    fn only_what_holds_no_word_is_refused() {
        let code = |text: &str| Search::parse(text).map_err(|invalid| invalid.code);
        for text in ["", " ", "!&|:*()<->'\\\"", "\u{0}", "\u{301}", "—"] {
            assert_eq!(code(text), Err("query.empty"), "{text:?}");
        }
        assert_eq!(code(&"a ".repeat(101)), Err("query.too_long"));
        assert!(code(&"é ".repeat(100)).is_ok());
        assert!(code("a & !b | c:* 'd'").is_ok());
        assert_eq!(format!("{:?}", Search::parse("ana")), "Ok(Search(…))");
    }
}
