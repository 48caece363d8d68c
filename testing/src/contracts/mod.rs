//! The contract of events: what readers rely on, made of the Rust types.
//!
//! `guides/contracts` holds it as it is promised: a JSON Schema of every version of every event, and what is made of them.
//! The program `contracts`, which `make docs` runs, writes it anew, and refuses what would break readers.

mod asyncapi;
mod catalogue;
pub mod compatibility;
mod history;
mod promised;

use std::path::{Path, PathBuf};

use fairlead_application::registry::routing_key;
use fairlead_domain::{for_each_aggregate, kernel::Aggregate};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

pub use history::{committed_schemas, released};
pub use promised::{Promised, Refused};

/// The dialect in which schemas are written.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// The keyword that tells in which version of Fairlead an event, or a version of it, came to be.
const SINCE: &str = "x-since";
/// The keyword that tells by which key an event is routed, which readers bind.
const ROUTING_KEY: &str = "x-routing-key";

/// What is promised of one version of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct EventContract {
    /// The event's name: `contact.created`.
    pub event_type: String,
    /// The version of its shape, from 1.
    pub version: i16,
    /// The schema of its data.
    pub schema: Value,
}

impl EventContract {
    /// The file's name: `contact.created.v1.json`.
    pub fn file_name(&self) -> String {
        format!("{}.v{}.json", self.event_type, self.version)
    }

    /// The name of its aggregate: `contact`.
    pub fn aggregate(&self) -> &str {
        self.event_type.split('.').next().unwrap_or_default()
    }

    fn description(&self) -> &str {
        self.schema["description"].as_str().unwrap_or_default()
    }

    fn routing_key(&self) -> String {
        routing_key(&self.event_type).unwrap_or_default()
    }
}

/// Where the contract is committed.
pub fn committed() -> PathBuf {
    root().join("guides/contracts")
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

macro_rules! collect {
    ($($aggregate:ty),+ $(,)?) => {
        /// What the Rust types promise: every event in the version in which it is written today, aggregate by aggregate.
        pub fn derived() -> Vec<EventContract> {
            [$(of::<$aggregate>()),+].concat()
        }
    };
}
for_each_aggregate!(collect);

/// The contract of an aggregate's events, in the order in which they are declared.
///
/// # Panics
/// The type of its events is not an enum of the form `#[serde(tag = "type", content = "data")]`.
pub fn of<A: Aggregate>() -> Vec<EventContract>
where
    A::Event: JsonSchema,
{
    // As events are written: what is always there is required.
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<A::Event>().to_value();
    assert!(schema.get("$defs").is_none(), "{}: events don't contain themselves", A::TYPE);
    let variants = schema["oneOf"].as_array().unwrap_or_else(|| panic!("{}: events are an enum", A::TYPE));
    variants.iter().map(|variant| contract::<A>(variant)).collect()
}

fn contract<A: Aggregate>(variant: &Value) -> EventContract {
    let event_type = variant["properties"]["type"]["const"].as_str().expect("the name stands in `type`").to_owned();
    let version = A::schema_version(&event_type);
    let description = variant["description"].as_str();
    let description = description.unwrap_or_else(|| panic!("{event_type}: say above its variant when it happens"));
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!(DIALECT));
    schema.insert("$id".into(), json!(fairlead_application::envelope::data_schema(&event_type, version).to_string()));
    schema.insert("title".into(), json!(format!("{event_type}, version {version}")));
    let data = variant["properties"]["data"].as_object();
    let data = data.unwrap_or_else(|| panic!("{event_type}: give its variant braces, so that it can have fields"));
    schema.extend(data.clone());
    schema.insert("description".into(), json!(description));
    schema.insert(ROUTING_KEY.into(), json!(routing_key(&event_type)));
    // Readers are told what is promised, not what Rust reads when something is missing.
    let mut schema = Value::Object(schema);
    without(&mut schema, &["default"]);
    assert!(
        !is_closed(&schema),
        "{event_type}: #[serde(deny_unknown_fields)] forbids readers what may be added; take it out"
    );
    EventContract { event_type, version, schema }
}

/// Whether fields that are not named are forbidden somewhere, but for the mark of what was erased.
fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            let is_mark = members.get("properties").is_some_and(|fields| fields.get("erased").is_some());
            let closed = members.get("additionalProperties") == Some(&Value::Bool(false));
            (closed && !is_mark) || members.values().any(is_closed)
        }
        Value::Array(items) => items.iter().any(is_closed),
        _ => false,
    }
}

/// Takes these keywords out, wherever a schema stands.
fn without(schema: &mut Value, keywords: &[&str]) {
    match schema {
        Value::Object(members) => {
            keywords.iter().for_each(|keyword| drop(members.remove(*keyword)));
            for (name, member) in members {
                match (name.as_str(), member) {
                    // Their members are named by whoever made the event, not by JSON Schema.
                    ("properties", Value::Object(fields)) => {
                        fields.values_mut().for_each(|field| without(field, keywords));
                    }
                    ("const" | "enum" | "examples", _) => {}
                    (_, member) => without(member, keywords),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, keywords)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
