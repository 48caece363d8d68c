//! The catalogue: every event on a page for people.

use std::fmt::Write;

use fairlead_domain::kernel::PERSONAL_KEYWORD;
use serde_json::Value;

use super::{EventContract, Promised, SINCE};

const INTRODUCTION: &str = "\
# Events

Every event that Fairlead publishes, made of the code by `make docs`. How to subscribe, and what you can rely on, stands in
[events.md](../events.md).

Fields are those of `data`. What is *personal* reads `{\"erased\": true}` once the person is erased. The schemas (JSON Schema
2020-12) are in [events/](events) and served at `/schemas/events/<event>.v<version>.json`; all of it as AsyncAPI 3 is
[asyncapi.json](asyncapi.json), served at `/asyncapi.json`. Older versions of an event are read as long as events are kept.
";

pub(super) fn page(promised: &Promised) -> String {
    let mut page = INTRODUCTION.to_owned();
    for aggregate in promised.aggregates() {
        let events: Vec<_> = promised.newest().into_iter().filter(|event| event.aggregate() == aggregate).collect();
        let binding = events[0].routing_key().replace(&events[0].event_type, &format!("{aggregate}.*"));
        write!(page, "\n## {aggregate}\n\nRouting keys `{binding}`.\n\n").expect("a string grows");
        page.push_str("| event | when | since |\n| --- | --- | --- |\n");
        for event in &events {
            let (name, anchor) = (&event.event_type, event.event_type.replace('.', ""));
            let (when, since) = (cell(event.description()), since(promised, event));
            let line = format!("| [{name}](#{anchor}) | {when} | {since} |\n");
            page.push_str(&line);
        }
        events.iter().for_each(|event| section(&mut page, promised, event));
    }
    page
}

/// When the event came to be, which its first version tells.
fn since<'a>(promised: &'a Promised, event: &EventContract) -> &'a str {
    promised.versions(&event.event_type)[0].schema[SINCE].as_str().unwrap_or_default()
}

fn section(page: &mut String, promised: &Promised, event: &EventContract) {
    let versions: Vec<_> = promised.versions(&event.event_type);
    let links =
        versions.iter().rev().map(|version| format!("[version {}](events/{})", version.version, version.file_name()));
    let links = links.collect::<Vec<_>>().join(", ");
    write!(page, "\n### {}\n\n{} Schema: {links}.\n", event.event_type, event.description()).expect("a string grows");
    let fields = fields(&event.schema);
    if fields.is_empty() {
        page.push_str("\nIt has no fields.\n");
        return;
    }
    page.push_str("\n| field | type | | |\n| --- | --- | --- | --- |\n");
    for field in fields {
        let marks: Vec<_> = [(field.personal, "*personal*"), (!field.required, "may be missing")]
            .iter()
            .filter(|mark| mark.0)
            .map(|mark| mark.1)
            .collect();
        writeln!(page, "| `{}` | {} | {} | {} |", field.name, field.kind, marks.join(", "), field.description)
            .expect("a string grows");
    }
    let example = event.schema["examples"][0].clone();
    if !example.is_null() {
        let example = serde_json::to_string_pretty(&example).expect("JSON");
        write!(page, "\n```json\n{example}\n```\n").expect("a string grows");
    }
}

struct Field<'s> {
    name: &'s str,
    kind: String,
    personal: bool,
    required: bool,
    description: String,
}

fn fields(schema: &Value) -> Vec<Field<'_>> {
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|required| required.iter().any(|other| other == name));
    let fields = schema["properties"].as_object().into_iter().flatten();
    fields
        .map(|(name, field)| Field {
            name,
            kind: kind(field),
            personal: is_personal(field),
            required: required(name),
            description: cell(&description(field)),
        })
        .collect()
}

/// A field's own text, or that of its type, on one line.
fn description(field: &Value) -> String {
    let own = field["description"].as_str();
    let first = || field["anyOf"].as_array().and_then(|forms| forms.first()).map(description);
    own.map(str::to_owned).or_else(first).unwrap_or_default()
}

/// A text as it can stand in a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// Whether something personal stands in it. That of another person names that person.
fn is_personal(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.contains_key(PERSONAL_KEYWORD) || members.values().any(is_personal),
        Value::Array(items) => items.iter().any(is_personal),
        _ => false,
    }
}

/// A type in words.
fn kind(schema: &Value) -> String {
    if schema.get(PERSONAL_KEYWORD).is_some() {
        return kind(&schema["anyOf"][0]);
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    for forms in ["anyOf", "oneOf"] {
        if let Some(forms) = schema[forms].as_array() {
            return forms.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    let named = |kind: &str| match kind {
        "string" => schema["format"]
            .as_str()
            .map_or("text", |format| match format {
                "uuid" => "UUID",
                "date-time" => "time",
                other => other,
            })
            .to_owned(),
        "array" => format!("list of {}", kind_of_items(schema)),
        "object" if schema["additionalProperties"].is_object() => {
            format!("{} by name", self::kind(&schema["additionalProperties"]))
        }
        "object" => {
            let names: Vec<_> =
                schema["properties"].as_object().into_iter().flatten().map(|(name, _)| format!("`{name}`")).collect();
            format!("object of {}", names.join(", "))
        }
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(kind) => named(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).map(named).collect::<Vec<_>>().join(" or "),
        _ => "anything".to_owned(),
    }
}

fn kind_of_items(schema: &Value) -> String {
    kind(&schema["items"])
}
