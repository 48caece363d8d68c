//! The short form, for query strings.
//!
//! ```text
//! filter    = [ any ]
//! any       = all *( "or" all )
//! all       = member *( [ "and" ] member )
//! member    = "not" member / "(" any ")" / condition
//! condition = field ":" ( "null" / "!null" / "[" value *( "," value ) "]" / value ".." value / [ operator ] value )
//! operator  = "!" / "<" / "<=" / ">" / ">=" / "~" / "^" / "$"
//! value     = 1*( any character but blanks and ( ) [ ] , " ) / quoted with ", in which \" and \\ stand for " and \
//! ```

use std::{borrow::Cow, fmt};

use super::{
    Condition, Field, Fields, Filter, FilterError, Literal, MAX_CONDITIONS, MAX_NESTING, MAX_VALUES, Operator, Place,
    Test, fault_of, known_to, too_deep,
};

/// Reads the whole text.
pub(super) fn parse(text: &str, fields: Fields<'_>) -> Result<Filter, FilterError> {
    let mut reader = Reader { characters: text.chars().collect(), at: 0, fields, conditions: 0 };
    if !reader.skip_blanks() {
        return Ok(Filter::Everything);
    }
    let filter = reader.any(0)?;
    if reader.skip_blanks() { Err(reader.error("filter.syntax", "expected the end, or ( before")) } else { Ok(filter) }
}

struct Reader<'f> {
    characters: Vec<char>,
    at: usize,
    fields: Fields<'f>,
    conditions: usize,
}

/// A value as it is written.
struct Token {
    at: usize,
    text: String,
    quoted: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn take(&mut self, wanted: &str) -> bool {
        let rest = self.characters.get(self.at..).unwrap_or_default();
        let found = wanted.chars().enumerate().all(|(n, c)| rest.get(n) == Some(&c));
        self.at += if found { wanted.chars().count() } else { 0 };
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
        self.error_at(self.at, code, detail)
    }

    fn error_at(&self, at: usize, code: &'static str, detail: impl Into<String>) -> FilterError {
        FilterError { place: Place::Character(at + 1), code, detail: detail.into() }
    }

    /// Takes a word that is no field, since no colon follows.
    fn keyword(&mut self, word: &str) -> bool {
        let start = self.at;
        let found = self.take_while(is_of_name) == word && self.peek() != Some(':');
        if !found {
            self.at = start;
        }
        found
    }

    fn any(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut members = vec![self.all(depth)?];
        while self.skip_blanks() && self.keyword("or") {
            members.push(self.all(depth)?);
        }
        Ok(Filter::any(members))
    }

    fn all(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut members = vec![self.member(depth)?];
        loop {
            let start = self.at;
            if !self.skip_blanks() || self.peek() == Some(')') || self.keyword("or") {
                self.at = start;
                return Ok(Filter::all(members));
            }
            self.keyword("and");
            members.push(self.member(depth)?);
        }
    }

    fn member(&mut self, depth: usize) -> Result<Filter, FilterError> {
        self.skip_blanks();
        let start = self.at;
        if depth > MAX_NESTING {
            return Err(too_deep(Place::Character(self.at + 1)));
        }
        if self.take("(") {
            let filter = self.any(depth + 1)?;
            self.skip_blanks();
            return if self.take(")") {
                Ok(filter)
            } else {
                Err(self.error("filter.syntax", format!("expected ) for the ( at character {}", start + 1)))
            };
        }
        if self.keyword("not") {
            return Ok(Filter::Not(Box::new(self.member(depth + 1)?)));
        }
        if self.conditions == MAX_CONDITIONS {
            return Err(self.error("filter.too_long", format!("{MAX_CONDITIONS} conditions at most")));
        }
        self.conditions += 1;
        self.condition().map(Filter::Is)
    }

    fn condition(&mut self) -> Result<Condition, FilterError> {
        let start = self.at;
        let name = self.take_while(is_of_name);
        let Some(field) = self.fields.named(&name) else {
            let known: Vec<_> = self.fields.iter().map(|field| field.name.as_ref()).collect();
            let detail = format!("expected one of {}", known.join(", "));
            return Err(self.error_at(start, "filter.unknown_field", detail));
        };
        if !self.take(":") {
            return Err(self.error("filter.syntax", "expected : after the field"));
        }
        let test = self.test(&field)?;
        if self.peek().is_some_and(|c| !c.is_whitespace() && c != ')') {
            return Err(
                self.error("filter.syntax", "expected a blank after the value; quote values that hold ( ) [ ] , or \"")
            );
        }
        Ok(Condition { field, test })
    }

    fn test(&mut self, field: &Field) -> Result<Test, FilterError> {
        let start = self.at;
        let unknown = |reader: &Self| {
            let detail = format!("{} can't be compared this way; it knows {}", field.name, known_to(field));
            reader.error_at(start, "filter.unknown_operator", detail)
        };
        if self.take("[") {
            return if field.kind.is_listed() { self.values(field) } else { Err(unknown(self)) };
        }
        let operator = Operator::ALL.into_iter().find(|operator| self.take(operator.sign()));
        let operator = operator.unwrap_or(Operator::Equal);
        let token = self.token()?;
        match (operator, token.quoted, token.text.as_str()) {
            (Operator::Equal, false, "null") => return Ok(Test::Absent),
            (Operator::NotEqual, false, "null") => return Ok(Test::Present),
            (Operator::Equal, false, text) if field.kind.is_ordered() => {
                if let Some((low, high)) = text.split_once("..") {
                    let (low, high) = (self.read(field, low, token.at)?, self.read(field, high, token.at)?);
                    return Ok(Test::Between(low, high));
                }
            }
            _ => {}
        }
        if !field.kind.operators().contains(&operator) {
            return Err(unknown(self));
        }
        Ok(Test::Compare(operator, self.read(field, &token.text, token.at)?))
    }

    /// The rest of a list of values.
    fn values(&mut self, field: &Field) -> Result<Test, FilterError> {
        let mut values = Vec::new();
        loop {
            self.skip_blanks();
            let token = self.token()?;
            if values.len() == MAX_VALUES {
                return Err(self.error_at(token.at, "filter.too_long", format!("{MAX_VALUES} values at most")));
            }
            values.push(self.read(field, &token.text, token.at)?);
            self.skip_blanks();
            if self.take("]") {
                return Ok(Test::OneOf(values));
            }
            if !self.take(",") {
                return Err(self.error("filter.syntax", "expected , or ]"));
            }
        }
    }

    fn read(&self, field: &Field, text: &str, at: usize) -> Result<Literal, FilterError> {
        let read = fault_of(text).map_or_else(|| field.kind.read(text), Err);
        read.map_err(|detail| self.error_at(at, "filter.invalid_value", detail))
    }

    fn token(&mut self) -> Result<Token, FilterError> {
        let at = self.at;
        let quoted = self.take("\"");
        let text = if quoted { self.quoted()? } else { self.take_while(is_bare) };
        Ok(Token { at, text, quoted })
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

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}

/// Whether a value may hold it without quotes.
fn is_bare(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '(' | ')' | '[' | ']' | ',' | '"')
}

/// Writes a filter so that reading it gives the same.
pub(super) fn write(filter: &Filter, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match filter {
        Filter::Everything => Ok(()),
        Filter::Is(condition) => write_condition(condition, f),
        Filter::All(members) => write_group(members, " ", f),
        Filter::Any(members) => write_group(members, " or ", f),
        Filter::Not(member) => {
            f.write_str("not ")?;
            write_member(member, f)
        }
    }
}

fn write_group(members: &[Filter], between: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (n, member) in members.iter().enumerate() {
        f.write_str(if n == 0 { "" } else { between })?;
        write_member(member, f)?;
    }
    Ok(())
}

fn write_member(member: &Filter, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match member {
        Filter::All(_) | Filter::Any(_) => {
            f.write_str("(")?;
            write(member, f)?;
            f.write_str(")")
        }
        other => write(other, f),
    }
}

fn write_condition(Condition { field, test }: &Condition, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}:", field.name)?;
    match test {
        Test::Compare(operator, value) => write!(f, "{}{}", operator.sign(), written(value)),
        Test::OneOf(values) => {
            let values: Vec<_> = values.iter().map(written).collect();
            write!(f, "[{}]", values.join(","))
        }
        Test::Between(low, high) => write!(f, "{}..{}", written(low), written(high)),
        Test::Absent => f.write_str("null"),
        Test::Present => f.write_str("!null"),
    }
}

/// A value as it is read. Texts are quoted, whatever they hold: none is taken for something else then.
fn written(value: &Literal) -> Cow<'static, str> {
    match value {
        Literal::Text(text) => format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"")).into(),
        other => other.plain().into(),
    }
}
