//! Parameters that operations share.

use std::marker::PhantomData;

use fairlead_application::list::Listed;
use utoipa::{
    IntoParams,
    openapi::{
        KnownFormat, ObjectBuilder, Required, SchemaFormat, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

fn text(name: &str, place: ParameterIn, description: &str, schema: ObjectBuilder) -> Parameter {
    let required = if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(schema.schema_type(Type::String)))
        .build()
}

/// `{id}`
pub(super) fn id() -> Parameter {
    let uuid = ObjectBuilder::new().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    text("id", ParameterIn::Path, "The record.", uuid)
}

/// `{name}`
pub(super) fn name() -> Parameter {
    let schema = ObjectBuilder::new().min_length(Some(1)).max_length(Some(100)).pattern(Some("^[A-Za-z0-9._:-]+$"));
    text("name", ParameterIn::Path, "The subscription or the consumer.", schema)
}

/// The name of [`if_match`].
pub(super) const IF_MATCH: &str = "If-Match";

/// `If-Match`
pub(crate) fn if_match() -> Parameter {
    let description = "The record's `ETag`, its version in quotes: the command is refused with 412 when the record \
        has changed since. One tag, strong, as the server gave it; a list is refused with 400. Without it, or with \
        `*`, the command applies to whatever version there is.";
    let schema = ObjectBuilder::new().pattern(Some(r#"^("[1-9][0-9]*"|\*)$"#)).examples([r#""3""#]);
    text(IF_MATCH, ParameterIn::Header, description, schema)
}

/// `If-None-Match`
pub(super) fn if_none_match() -> Parameter {
    let description = "The `ETag` you have: the answer is 304 without a body when the record has not changed.";
    text("If-None-Match", ParameterIn::Header, description, ObjectBuilder::new().examples([r#""3""#]))
}

/// The name of [`idempotency_key`].
pub(super) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// `Idempotency-Key`
pub(super) fn idempotency_key() -> Parameter {
    let description = "Makes it safe to send the command again: the same key with the same request is answered as \
        the first time, with `Idempotency-Replayed: true`.";
    let schema = ObjectBuilder::new().min_length(Some(1)).max_length(Some(200)).pattern(Some("^[ -~]+$"));
    text(IDEMPOTENCY_KEY, ParameterIn::Header, description, schema)
}

/// `Fairlead-Consistency`
pub(super) fn consistency() -> Parameter {
    let description = "What a command answered: the list is read when it shows that change, or 503 says that it took \
        too long.";
    text("Fairlead-Consistency", ParameterIn::Header, description, ObjectBuilder::new().examples(["1.748.400"]))
}

/// `X-Request-Id`
pub(super) fn request_id() -> Parameter {
    let description = "A name for the request, returned and logged; made when it is missing.";
    let schema = ObjectBuilder::new().min_length(Some(1)).max_length(Some(128)).pattern(Some("^[A-Za-z0-9._-]+$"));
    text("X-Request-Id", ParameterIn::Header, description, schema)
}

/// `traceparent`
pub(super) fn trace_parent() -> Parameter {
    let description = "W3C trace context, continued into events; ignored when it can't be read.";
    text("traceparent", ParameterIn::Header, description, ObjectBuilder::new())
}

/// So that the document names `Last-Event-ID` where a handler reads it.
pub(crate) struct LastEventId;

impl IntoParams for LastEventId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The `id` of the last event that arrived: go on behind it, with everything that happened \
            since. Without it the stream begins with what happens from now on.";
        let schema = ObjectBuilder::new().pattern(Some("^[0-9]+[.][0-9]+$")).examples(["1.748"]);
        vec![text("Last-Event-ID", ParameterIn::Header, description, schema)]
    }
}

/// So that the document names the orders in which the records of an aggregate can be listed.
pub(crate) struct Order<A>(PhantomData<A>);

impl<A: Listed> IntoParams for Order<A> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let fields = A::FIELDS.iter().filter(|field| field.sortable);
        let orders = fields.flat_map(|field| [field.name.to_string(), format!("-{}", field.name)]);
        let description = if A::SEARCHED {
            "The order: a field, descending with a leading `-`. `-created` if missing, or with `q` by relevance."
        } else {
            "The order: a field, descending with a leading `-`. `-created` if missing."
        };
        let schema = ObjectBuilder::new().enum_values(Some(orders.collect::<Vec<_>>()));
        vec![text("sort", ParameterIn::Query, description, schema)]
    }
}
