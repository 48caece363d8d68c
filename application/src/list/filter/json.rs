//! The JSON form, for the bodies of searches: `{"all": […]}`, `{"any": […]}`, `{"not": …}`, and conditions,
//! `{"field": "tag", "op": "=", "value": "vip"}`.

use serde_json::{Map, Value, json};

use super::super::FieldKind;
use super::{
    Condition, Field, Fields, Filter, FilterError, Literal, MAX_CONDITIONS, MAX_NESTING, MAX_VALUES, Operator, Place,
    Test, fault_of, known_to, too_deep,
};

/// Reads the whole document.
pub(super) fn parse(json: &Value, fields: Fields<'_>) -> Result<Filter, FilterError> {
    Reader { fields, conditions: 0 }.filter(json, "", 0)
}

struct Reader<'f> {
    fields: Fields<'f>,
    conditions: usize,
}

fn error(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> FilterError {
    FilterError { place: Place::Pointer(pointer.into()), code, detail: detail.into() }
}

impl Reader<'_> {
    fn filter(&mut self, json: &Value, at: &str, depth: usize) -> Result<Filter, FilterError> {
        if depth > MAX_NESTING {
            return Err(too_deep(Place::Pointer(at.to_owned())));
        }
        let expected = "expected an object with all, any or not alone, or with field, op and value";
        let object = json.as_object().ok_or_else(|| error(at, "filter.syntax", expected))?;
        let mut members = object.iter();
        match (members.next(), members.next()) {
            (None, _) => Ok(Filter::Everything),
            (Some((key, group)), None) if key == "all" => {
                Ok(Filter::all(self.members(group, &below(at, key), depth)?))
            }
            (Some((key, group)), None) if key == "any" => {
                Ok(Filter::any(self.members(group, &below(at, key), depth)?))
            }
            (Some((key, member)), None) if key == "not" => {
                let at = below(at, key);
                match self.filter(member, &at, depth + 1)? {
                    Filter::Everything => Err(error(at, "filter.syntax", "expected something that can be left out")),
                    filter => Ok(Filter::Not(Box::new(filter))),
                }
            }
            _ if object.contains_key("field") => self.condition(object, at).map(Filter::Is),
            _ => Err(error(at, "filter.syntax", expected)),
        }
    }

    fn members(&mut self, group: &Value, at: &str, depth: usize) -> Result<Vec<Filter>, FilterError> {
        let members = group.as_array().filter(|members| !members.is_empty());
        let members = members.ok_or_else(|| error(at, "filter.syntax", "expected a list, with one member at least"))?;
        members.iter().enumerate().map(|(n, member)| self.filter(member, &below(at, n), depth + 1)).collect()
    }

    fn condition(&mut self, object: &Map<String, Value>, at: &str) -> Result<Condition, FilterError> {
        if self.conditions == MAX_CONDITIONS {
            return Err(error(at, "filter.too_long", format!("{MAX_CONDITIONS} conditions at most")));
        }
        self.conditions += 1;
        if let Some(unknown) = object.keys().find(|key| !["field", "op", "value"].contains(&key.as_str())) {
            return Err(error(below(at, unknown), "filter.syntax", "expected field, op and value alone"));
        }
        let named = object.get("field").and_then(Value::as_str);
        let Some(field) = named.and_then(|name| self.fields.named(name)) else {
            let known: Vec<_> = self.fields.iter().map(|field| field.name.as_ref()).collect();
            return Err(error(
                below(at, "field"),
                "filter.unknown_field",
                format!("expected one of {}", known.join(", ")),
            ));
        };
        let at_value = below(at, "value");
        let Some(value) = object.get("value") else {
            return Err(error(at_value, "filter.syntax", "expected a value"));
        };
        let op = object.get("op").map_or(Some("="), Value::as_str).unwrap_or_default();
        let test = test(&field, op, value, &at_value).ok_or_else(|| {
            let detail = format!("{} can't be compared this way; it knows {}", field.name, known_to(&field));
            error(below(at, "op"), "filter.unknown_operator", detail)
        });
        Ok(Condition { test: test??, field })
    }
}

/// What must hold; `None` when the field doesn't know the operator.
fn test(field: &Field, op: &str, value: &Value, at: &str) -> Option<Result<Test, FilterError>> {
    let several = |least: usize, most: usize| {
        let values = value.as_array().filter(|values| (least..=most).contains(&values.len()));
        let values = values.ok_or_else(|| {
            let count = if least == most { least.to_string() } else { format!("{least} to {most}") };
            error(at, "filter.invalid_value", format!("expected a list of {count} values"))
        })?;
        values.iter().enumerate().map(|(n, value)| literal(field, value, &below(at, n))).collect::<Result<Vec<_>, _>>()
    };
    match op {
        "in" if field.kind.is_listed() => Some(several(1, MAX_VALUES).map(Test::OneOf)),
        "between" if field.kind.is_ordered() => Some(several(2, 2).and_then(|values| {
            let [low, high] = <[Literal; 2]>::try_from(values)
                .map_err(|_| error(at, "filter.invalid_value", "expected a list of 2 values"))?;
            Ok(Test::Between(low, high))
        })),
        "is_null" => Some(match value.as_bool() {
            Some(true) => Ok(Test::Absent),
            Some(false) => Ok(Test::Present),
            None => Err(error(at, "filter.invalid_value", "expected true or false")),
        }),
        op => {
            let operator = field.kind.operators().iter().copied().find(|operator| operator.name() == op)?;
            Some(literal(field, value, at).map(|value| Test::Compare(operator, value)))
        }
    }
}

/// A value of the field's own JSON type.
fn literal(field: &Field, value: &Value, at: &str) -> Result<Literal, FilterError> {
    use FieldKind::{Flag, Integer, Number};
    let invalid = |detail: String| error(at, "filter.invalid_value", detail);
    let text = match (field.kind, value) {
        (Flag, Value::Bool(flag)) => return Ok(Literal::Flag(*flag)),
        (Flag, _) => return Err(invalid("expected true or false".to_owned())),
        (Integer | Number, Value::Number(number)) => number.to_string(),
        (Integer | Number, _) => return Err(invalid("expected a number".to_owned())),
        (_, Value::String(text)) => text.clone(),
        _ => return Err(invalid("expected a text".to_owned())),
    };
    fault_of(&text).map_or_else(|| field.kind.read(&text), Err).map_err(invalid)
}

fn below(at: &str, member: impl ToString) -> String {
    format!("{at}/{}", member.to_string().replace('~', "~0").replace('/', "~1"))
}

/// Writes a filter so that reading it gives the same.
pub(super) fn written(filter: &Filter) -> Value {
    match filter {
        Filter::Everything => json!({}),
        Filter::Is(condition) => condition_written(condition),
        Filter::All(members) => json!({ "all": members.iter().map(written).collect::<Vec<_>>() }),
        Filter::Any(members) => json!({ "any": members.iter().map(written).collect::<Vec<_>>() }),
        Filter::Not(member) => json!({ "not": written(member) }),
    }
}

fn condition_written(Condition { field, test }: &Condition) -> Value {
    let (op, value) = match test {
        Test::Compare(operator, value) => (Operator::name(*operator), value_written(value)),
        Test::OneOf(values) => ("in", values.iter().map(value_written).collect()),
        Test::Between(low, high) => ("between", json!([value_written(low), value_written(high)])),
        Test::Absent => ("is_null", json!(true)),
        Test::Present => ("is_null", json!(false)),
    };
    json!({ "field": field.name, "op": op, "value": value })
}

fn value_written(value: &Literal) -> Value {
    match value {
        Literal::Flag(flag) => json!(flag),
        Literal::Integer(number) => json!(number),
        Literal::Number(number) => json!(number),
        other => json!(other.plain()),
    }
}
