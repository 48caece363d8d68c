//! The `AsyncAPI` 3 document: where events are published, and how a message looks.

use fairlead_application::envelope::{CONTENT_TYPE, SOURCE};
use serde_json::{Map, Value, json};

use super::{EventContract, Promised, without};

/// The binding's version that is used below.
/// <https://github.com/asyncapi/bindings/blob/v3.0.0/amqp/README.md>
const BINDING: &str = "0.3.0";

/// The document. The same for the same contract.
pub(super) fn document(promised: &Promised) -> Value {
    let (mut channels, mut operations) = (Map::new(), Map::new());
    let (mut messages, mut schemas) = (Map::new(), Map::new());
    schemas.insert("envelope".into(), envelope());
    let mut in_log = Map::new();
    for event in promised.newest() {
        let name = &event.event_type;
        let message = json!({ "$ref": format!("#/components/messages/{name}") });
        let published = json!({ "$ref": format!("#/channels/{name}/messages/{name}") });
        in_log.insert(name.clone(), message.clone());
        channels.insert(name.clone(), channel(event, message));
        operations.insert(
            format!("publish.{name}"),
            json!({
                "action": "send",
                "channel": { "$ref": format!("#/channels/{name}") },
                "messages": [published],
                "summary": event.description(),
                "bindings": { "amqp": { "bindingVersion": BINDING, "deliveryMode": 2, "mandatory": true, "timestamp": true } },
            }),
        );
        let versions = promised.versions(name);
        for version in &versions {
            schemas.insert(schema_name(version), schema(version));
        }
        messages.insert(name.clone(), of(event, &versions));
    }
    channels.insert("log".into(), log(in_log));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Fairlead",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What changes in Fairlead, as events. Each is published to RabbitMQ at least once, and in order \
                within its subject. Those who subscribe declare a queue of their own and bind it to the exchange by a pattern \
                such as `crm.contact.*`.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "messageTraits": { "event": { "contentType": CONTENT_TYPE, "headers": headers() } },
            "schemas": schemas,
        },
    })
}

fn schema_name(event: &EventContract) -> String {
    format!("{}.v{}", event.event_type, event.version)
}

/// The schema without what belongs to a file of its own.
fn schema(event: &EventContract) -> Value {
    let mut schema = event.schema.clone();
    without(&mut schema, &["$id", "$schema"]);
    schema
}

fn channel(event: &EventContract, message: Value) -> Value {
    let mut messages = Map::new();
    messages.insert(event.event_type.clone(), message);
    json!({
        "address": event.routing_key(),
        "description": event.description(),
        "messages": messages,
        "bindings": {
            "amqp": {
                "bindingVersion": BINDING,
                "is": "routingKey",
                "exchange": {
                    "name": "fairlead.events", "type": "topic", "durable": true, "autoDelete": false,
                },
            },
        },
    })
}

/// The stream in which the events of the last days can be read again.
fn log(messages: Map<String, Value>) -> Value {
    json!({
        "address": "fairlead.log",
        "description": "The recent log of all events, a RabbitMQ stream: reading takes nothing away.",
        "messages": messages,
        "bindings": {
            "amqp": {
                "bindingVersion": BINDING,
                "is": "queue",
                "queue": { "name": "fairlead.log", "durable": true, "exclusive": false, "autoDelete": false },
            },
        },
    })
}

fn of(event: &EventContract, versions: &[&EventContract]) -> Value {
    let forms = versions.iter().map(|version| {
        let data = json!({ "$ref": format!("#/components/schemas/{}", schema_name(version)) });
        json!({ "properties": { "schemaversion": { "const": version.version }, "data": data } })
    });
    let envelope = json!({ "$ref": "#/components/schemas/envelope" });
    json!({
        "name": event.event_type,
        "title": event.event_type,
        "summary": event.description(),
        "correlationId": {
            "description": "Joins everything that one request from outside brought about.",
            "location": "$message.payload#/correlationid",
        },
        "traits": [{ "$ref": "#/components/messageTraits/event" }],
        "payload": {
            "allOf": [
                envelope,
                { "properties": { "type": { "const": event.event_type } } },
                { "anyOf": forms.collect::<Vec<_>>() },
            ],
        },
    })
}

/// The attributes of CloudEvents 1.0 in structured mode, with the extensions.
pub(super) fn envelope() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let uuid = |description: &str| json!({ "type": "string", "format": "uuid", "description": description });
    let number = |description: &str| json!({ "type": "integer", "minimum": 1, "description": description });
    json!({
        "type": "object",
        "description": "CloudEvents 1.0, structured mode.",
        "properties": {
            "specversion": { "const": "1.0" },
            "id": uuid("The event's identity, everywhere and forever."),
            "source": { "const": SOURCE },
            "type": text("The event's name."),
            "subject": uuid("The stream: the id of the record to which it happened."),
            "time": { "type": "string", "format": "date-time", "description": "When it happened, UTC." },
            "datacontenttype": { "const": "application/json" },
            "dataschema": { "type": "string", "format": "uri", "description": "The `$id` of the schema of `data`." },
            "tenantid": uuid("The organization."),
            "streamversion": number("Its number within the stream, without gaps."),
            "sequence": { "type": "string", "pattern": "^[1-9][0-9]*$", "description": "Its position in the log of all organizations." },
            "incarnation": number("The life of the database; positions can be compared only within one."),
            "schemaversion": number("The shape of `data`."),
            "actor": text("Who did it: `user:<id>`, `api_key:<id>`, `policy:<name>`, `consumer:<name>`, or what a token of a trusted issuer calls its holder."),
            "correlationid": uuid("Joins everything that one request from outside brought about."),
            "causationid": uuid("The event that brought this one about."),
            "traceparent": text("W3C trace context."),
            "data": { "type": "object" },
        },
        "required": [
            "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "tenantid", "streamversion",
            "sequence", "incarnation", "schemaversion", "actor", "data",
        ],
    })
}

/// What the body says, for those who only forward.
fn headers() -> Value {
    let uuid = |description: &str| json!({ "type": "string", "format": "uuid", "description": description });
    let number = |description: &str| json!({ "type": "integer", "minimum": 1, "description": description });
    json!({
        "type": "object",
        "properties": {
            "tenant": uuid("`tenantid` of the body."),
            "stream": uuid("`subject` of the body."),
            "version": number("`streamversion` of the body."),
            "position": number("`sequence` of the body."),
            "correlation": uuid("`correlationid` of the body."),
            "causation": uuid("`causationid` of the body."),
            "traceparent": { "type": "string", "description": "W3C trace context of the publishing." },
            "replayed": { "type": "boolean", "description": "There, and true, when an operator had the event published again." },
        },
        "required": ["tenant", "stream", "version", "position"],
    })
}
