//! The filter language: `tag:vip name:~ana created:>2026-01-01`.
//!
//! Terms are separated by blanks and all of them must hold. A term is a field, a colon, an operator (none means equal)
//! and a value, quoted when it holds blanks: `name:"Ana Lima"`, with `\"` and `\\` inside.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::{Field, FieldKind, Literal};

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// The same; of labels, one of them.
    Equal,
    /// `!`: not the same, or nothing there; of labels, none of them.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `~`: holds the text somewhere.
    Contains,
}

/// A term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The field.
    pub field: &'static Field,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: Literal,
}

/// Terms that all must hold; none lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter(pub Vec<Condition>);

/// Why a filter can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {detail}")]
pub struct FilterError {
    /// Where, in characters from 1.
    pub position: usize,
    /// A stable name.
    pub code: &'static str,
    /// What is expected there.
    pub detail: String,
}

/// How many terms a filter may have.
const MAX_TERMS: usize = 20;
/// How many characters a value may have.
const MAX_VALUE: usize = 200;

impl Filter {
    /// Reads a filter over `fields`.
    ///
    /// # Errors
    /// [`FilterError`] with the position of the first mistake.
    pub fn parse(text: &str, fields: &'static [Field]) -> Result<Self, FilterError> {
        let mut reader = Reader { characters: text.chars().collect(), at: 0 };
        let mut conditions = Vec::new();
        while reader.skip_blanks() {
            if conditions.len() == MAX_TERMS {
                return Err(reader.error("filter.too_long", format!("{MAX_TERMS} terms at most")));
            }
            conditions.push(reader.term(fields)?);
        }
        Ok(Self(conditions))
    }
}

struct Reader {
    characters: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&accept) {
            self.at += 1;
        }
        self.characters[start..self.at].iter().collect()
    }

    /// Whether there is something after the blanks.
    fn skip_blanks(&mut self) -> bool {
        self.take_while(char::is_whitespace);
        self.peek().is_some()
    }

    fn error(&self, code: &'static str, detail: impl Into<String>) -> FilterError {
        FilterError { position: self.at + 1, code, detail: detail.into() }
    }

    fn term(&mut self, fields: &'static [Field]) -> Result<Condition, FilterError> {
        let start = self.at;
        let name = self.take_while(|c| c.is_alphanumeric() || c == '_');
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            self.at = start;
            let known: Vec<_> = fields.iter().map(|field| field.name).collect();
            return Err(self.error("filter.unknown_field", format!("expected one of {}", known.join(", "))));
        };
        if !self.take(':') {
            return Err(self.error("filter.syntax", "expected : after the field"));
        }
        let at_operator = self.at;
        let operator = self.operator();
        if !field.kind.knows(operator) {
            self.at = at_operator;
            let detail = format!("{name} can't be compared this way; it knows {}", field.kind.operators());
            return Err(self.error("filter.unknown_operator", detail));
        }
        let at_value = self.at;
        let text = self.value()?;
        let value = field.kind.literal(&text).map_err(|detail| {
            self.at = at_value;
            self.error("filter.invalid_value", detail)
        })?;
        Ok(Condition { field, operator, value })
    }

    fn operator(&mut self) -> Operator {
        if self.take('!') {
            Operator::NotEqual
        } else if self.take('~') {
            Operator::Contains
        } else if self.take('<') {
            if self.take('=') { Operator::LessOrEqual } else { Operator::Less }
        } else if self.take('>') {
            if self.take('=') { Operator::GreaterOrEqual } else { Operator::Greater }
        } else {
            Operator::Equal
        }
    }

    fn value(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        let text = if self.take('"') { self.quoted()? } else { self.take_while(|c| !c.is_whitespace() && c != '"') };
        if self.peek().is_some_and(|c| !c.is_whitespace()) {
            return Err(self.error("filter.syntax", "expected a blank after the value; quote values that hold quotes"));
        }
        let problem = if text.is_empty() {
            "expected a value"
        } else if text.chars().count() > MAX_VALUE {
            "the value is longer than 200 characters"
        } else if text.chars().any(char::is_control) {
            "the value holds control characters"
        } else {
            return Ok(text);
        };
        self.at = start;
        Err(self.error("filter.invalid_value", problem))
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        let mut text = String::new();
        loop {
            let Some(character) = self.peek() else {
                return Err(self.error("filter.syntax", "expected a closing quote"));
            };
            self.at += 1;
            match character {
                '"' => return Ok(text),
                '\\' => match self.peek() {
                    Some(escaped @ ('"' | '\\')) => {
                        self.at += 1;
                        text.push(escaped);
                    }
                    _ => return Err(self.error("filter.syntax", r#"expected " or \ after \"#)),
                },
                character => text.push(character),
            }
        }
    }
}

impl FieldKind {
    fn knows(self, operator: Operator) -> bool {
        use Operator::{Contains, Equal, NotEqual};
        match self {
            Self::Text => matches!(operator, Equal | NotEqual | Contains),
            Self::Labels | Self::Id => matches!(operator, Equal | NotEqual),
            Self::Instant => !matches!(operator, Equal | NotEqual | Contains),
            Self::Relevance => false,
        }
    }

    fn operators(self) -> &'static str {
        match self {
            Self::Text => "field:value, field:!value and field:~part",
            Self::Labels | Self::Id => "field:value and field:!value",
            Self::Instant => "field:<value, field:<=value, field:>value and field:>=value",
            Self::Relevance => "none",
        }
    }

    fn literal(self, text: &str) -> Result<Literal, &'static str> {
        match self {
            Self::Text | Self::Labels => Ok(Literal::Text(text.to_lowercase())),
            Self::Id => text.parse().map(Literal::Id).map_err(|_| "expected a UUID"),
            Self::Instant => instant(text).map(Literal::Instant).ok_or("expected a date, or a time as in RFC 3339"),
            Self::Relevance => Err("can't be compared with anything"),
        }
    }
}

/// A time, or a date for its first moment in UTC.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    let date = || text.parse::<NaiveDate>().ok().map(|date| date.and_time(NaiveTime::MIN).and_utc());
    let time = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()).or_else(date)?;
    // What PostgreSQL can hold and RFC 3339 can write.
    (1..=9999).contains(&chrono::Datelike::year(&time)).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    static FIELDS: &[Field] = &[
        Field { name: "created", kind: FieldKind::Instant, sortable: true },
        Field { name: "name", kind: FieldKind::Text, sortable: true },
        Field { name: "tag", kind: FieldKind::Labels, sortable: false },
        Field { name: "owner", kind: FieldKind::Id, sortable: false },
    ];

    #[test]
    fn reads_every_kind_of_term() {
        let filter = Filter::parse(r#" tag:VIP name:~"Ana \"L\"" created:>=2026-01-01 name:!bo"#, FIELDS).unwrap();
        let read: Vec<_> = filter.0.iter().map(|c| (c.field.name, c.operator, c.value.clone())).collect();
        let day = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(
            read,
            [
                ("tag", Operator::Equal, Literal::Text("vip".into())),
                ("name", Operator::Contains, Literal::Text(r#"ana "l""#.into())),
                ("created", Operator::GreaterOrEqual, Literal::Instant(day)),
                ("name", Operator::NotEqual, Literal::Text("bo".into())),
            ]
        );
        assert_eq!(Filter::parse("", FIELDS), Ok(Filter::default()));
    }

    #[test]
    fn a_mistake_is_named_with_its_position() {
        for (text, position, code) in [
            ("colour:red", 1, "filter.unknown_field"),
            ("name:x  password:~y", 9, "filter.unknown_field"),
            ("name", 5, "filter.syntax"),
            ("name:", 6, "filter.invalid_value"),
            ("name:\"open", 11, "filter.syntax"),
            ("name:\"a\\n\"", 9, "filter.syntax"),
            ("name:a\"b", 7, "filter.syntax"),
            ("name:>a", 6, "filter.unknown_operator"),
            ("created:2026-01-01", 9, "filter.unknown_operator"),
            ("created:>yesterday", 10, "filter.invalid_value"),
            ("created:>99999-01-01", 10, "filter.invalid_value"),
            ("owner:ana", 7, "filter.invalid_value"),
        ] {
            let error = Filter::parse(text, FIELDS).unwrap_err();
            assert_eq!((error.position, error.code), (position, code), "{text}: {error}");
        }
        let long = "tag:a ".repeat(MAX_TERMS + 1);
        assert_eq!(Filter::parse(&long, FIELDS).unwrap_err().code, "filter.too_long");
    }
}
