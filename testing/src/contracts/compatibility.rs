//! Which changes of a schema break those who read.
//!
//! Within one version of an event a field may be added, and texts may change. Its name (`$id`) and its routing key stay. Everything else breaks somebody: readers who
//! were deployed before, or the promise about events that were stored before.

use std::{collections::BTreeSet, fmt};

use serde_json::{Map, Value};

use super::without;

/// What only explains.
const ANNOTATIONS: &[&str] = &["$schema", "title", "description", "examples", "deprecated", super::SINCE];

/// A change that breaks readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// Where, as a JSON pointer into the data: `/address/city`.
    pub at: String,
    /// What changed, as the end of a sentence that begins with the place.
    pub what: String,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.at.is_empty() { "data" } else { &self.at };
        write!(f, "{at} {}", self.what)
    }
}

/// What would break readers if events of one version followed `new` where `old` was promised.
pub fn breaks(old: &Value, new: &Value) -> Vec<Break> {
    let (mut old, mut new, mut found) = (old.clone(), new.clone(), Vec::new());
    without(&mut old, ANNOTATIONS);
    without(&mut new, ANNOTATIONS);
    compare("", &old, &new, &mut found);
    found
}

fn compare(at: &str, old: &Value, new: &Value, found: &mut Vec<Break>) {
    let mut broken = |what: String| found.push(Break { at: at.to_owned(), what });
    if old == new {
        return;
    }
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else {
        return broken(format!("was {old} and is {new}"));
    };
    if let (Some(before), Some(now)) = (values(old), values(new)) {
        for value in before.difference(&now) {
            broken(format!("can't be {value} any more, though events are stored in which it is"));
        }
        for value in now.difference(&before) {
            broken(format!("can be {value}, which readers don't know"));
        }
        return;
    }
    if old.get("type") != new.get("type") {
        return broken(format!("changed its type from {} to {}", shown(old.get("type")), shown(new.get("type"))));
    }
    let keywords: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    for keyword in keywords {
        match (keyword.as_str(), old.get(keyword), new.get(keyword)) {
            ("properties", before, now) => fields(at, before, now, found),
            ("required", ..) => required(at, old, new, found),
            ("items" | "additionalProperties", Some(before), Some(now)) => {
                compare(&format!("{at}/*"), before, now, found);
            }
            ("anyOf" | "oneOf", Some(Value::Array(before)), Some(Value::Array(now))) if before.len() == now.len() => {
                before.iter().zip(now).for_each(|(before, now)| compare(at, before, now, found));
            }
            ("anyOf" | "oneOf", ..) => {
                found.push(Break { at: at.to_owned(), what: "changed the forms that it can have".to_owned() });
            }
            (_, before, now) if before != now => {
                let what = format!("changed its {keyword} from {} to {}", shown(before), shown(now));
                found.push(Break { at: at.to_owned(), what });
            }
            _ => {}
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".to_owned(), Value::to_string)
}

/// The values of which a schema lets choose one.
fn values(schema: &Map<String, Value>) -> Option<BTreeSet<String>> {
    let plain = schema.get("enum").and_then(Value::as_array);
    if let Some(values) = plain {
        return Some(values.iter().map(Value::to_string).collect());
    }
    // With a text for each, as Rust's enums are written.
    let each = schema.get("oneOf").and_then(Value::as_array)?;
    each.iter().map(values_of_one).collect::<Option<Vec<_>>>().map(|values| values.into_iter().flatten().collect())
}

fn values_of_one(schema: &Value) -> Option<BTreeSet<String>> {
    match schema.get("const") {
        Some(value) => Some([value.to_string()].into()),
        None => schema.as_object().filter(|schema| schema.contains_key("enum")).and_then(values),
    }
}

fn fields(at: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Break>) {
    let new = new.and_then(Value::as_object);
    for (name, before) in old.and_then(Value::as_object).into_iter().flatten() {
        let at = format!("{at}/{name}");
        match new.and_then(|fields| fields.get(name)) {
            Some(now) => compare(&at, before, now, found),
            None => found.push(Break { at, what: "is gone, or has another name".to_owned() }),
        }
    }
}

fn required(at: &str, old: &Map<String, Value>, new: &Map<String, Value>, found: &mut Vec<Break>) {
    let names = |schema: &Map<String, Value>| -> BTreeSet<String> {
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let (before, now) = (names(old), names(new));
    let stays = |name: &str| new.get("properties").is_some_and(|fields| fields.get(name).is_some());
    for name in before.difference(&now).filter(|name| stays(name)) {
        found.push(Break { at: format!("{at}/{name}"), what: "may be missing, which readers don't expect".to_owned() });
    }
    for name in now.difference(&before) {
        let what = "is required, though events are stored that lack it".to_owned();
        found.push(Break { at: format!("{at}/{name}"), what });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::breaks;

    fn object(fields: Value, required: Value) -> Value {
        json!({ "type": "object", "properties": fields, "required": required })
    }

    #[track_caller]
    fn broken(old: Value, new: Value, expected: &[&str]) {
        let found: Vec<_> = breaks(&old, &new).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found} is not {expected}");
        }
    }

    #[test]
    fn texts_and_further_fields_break_nobody() {
        let old = object(json!({ "name": { "type": "string", "description": "before" } }), json!(["name"]));
        let fields = json!({ "name": { "type": "string", "description": "now" }, "nick": { "type": "string" } });
        broken(old.clone(), object(fields, json!(["name"])), &[]);
        let mut told = old.clone();
        told["x-since"] = json!("9.9.9");
        told["examples"] = json!([{}]);
        broken(old, told, &[]);
        // An event without data that gets its first field.
        let field = json!({ "reason": { "type": "string" } });
        broken(json!({ "type": "object" }), json!({ "type": "object", "properties": field }), &[]);
    }

    #[test]
    fn what_readers_miss_is_told_with_its_place() {
        let text = json!({ "type": "string" });
        let old = object(json!({ "name": text, "nick": text }), json!(["name"]));
        broken(old.clone(), object(json!({ "nick": text }), json!([])), &["/name is gone"]);
        broken(old.clone(), object(json!({ "name": text }), json!(["name"])), &["/nick is gone"]);
        broken(old.clone(), object(old["properties"].clone(), json!([])), &["/name may be missing"]);
        broken(old.clone(), object(old["properties"].clone(), json!(["name", "nick"])), &["/nick is required"]);
        let more = json!({ "name": text, "nick": text, "age": { "type": "integer" } });
        broken(old, object(more, json!(["name", "age"])), &["/age is required"]);
    }

    #[test]
    fn what_readers_take_for_something_else_is_told() {
        let of = |schema: Value| object(json!({ "a": { "type": "array", "items": schema } }), json!(["a"]));
        let text = |format: &str| of(json!({ "type": "string", "format": format }));
        broken(text("uuid"), text("email"), &["/a/* changed its format"]);
        broken(
            text("uuid"),
            of(json!({ "type": "integer" })),
            &["/a/* changed its type from \"string\" to \"integer\""],
        );
        broken(text("uuid"), of(json!({ "type": ["string", "null"], "format": "uuid" })), &["/a/* changed its type"]);
        let personal = json!({ "x-personal": true, "anyOf": [{ "type": "string" }, { "type": "object" }] });
        broken(of(json!({ "type": "string" })), of(personal.clone()), &["/a/* changed its type"]);
        let other =
            json!({ "x-personal": true, "anyOf": [{ "type": "string", "maxLength": 9 }, { "type": "object" }] });
        broken(of(personal.clone()), of(other), &["/a/* changed its maxLength"]);
        let third =
            json!({ "x-personal": true, "anyOf": [{ "type": "string" }, { "type": "object" }, { "type": "null" }] });
        broken(of(personal), of(third), &["/a/* changed the forms"]);
        let map = |schema: Value| json!({ "type": "object", "additionalProperties": schema });
        broken(map(json!({ "type": "string" })), map(json!({ "type": "number" })), &["/* changed its type"]);
    }

    #[test]
    fn a_choice_is_closed() {
        let plain = |values: Value| object(json!({ "a": { "type": "string", "enum": values } }), json!([]));
        let told = |values: &[&str]| {
            let each: Vec<_> = values.iter().map(|value| json!({ "type": "string", "const": value })).collect();
            object(json!({ "a": { "oneOf": each } }), json!([]))
        };
        broken(plain(json!(["x", "y"])), plain(json!(["y"])), &["/a can't be \"x\" any more"]);
        broken(told(&["x"]), told(&["x", "y"]), &["/a can be \"y\", which readers don't know"]);
        broken(plain(json!(["x", "y"])), told(&["y", "x"]), &[]);
    }

    /// A field may bear the name of a keyword.
    #[test]
    fn fields_are_no_keywords() {
        let named = |kind: &str| object(json!({ "description": { "type": kind } }), json!([]));
        broken(named("string"), named("integer"), &["/description changed its type"]);
    }
}
