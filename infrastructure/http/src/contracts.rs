//! The contract of events, as it is committed: for programs that subscribe.

use std::borrow::Cow;

use actix_web::{
    HttpResponse, get,
    http::header::{CACHE_CONTROL, HeaderName},
    web::{Bytes, Path},
};
use fairlead_domain::kernel::ErrorKind;
use rust_embed::RustEmbed;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::problem::Problem;

/// How long others may keep it. What is promised once stays; what is added comes with another program.
const MAX_AGE: (HeaderName, &str) = (CACHE_CONTROL, "public, max-age=3600");

/// `guides/contracts`, as it was when the program was built.
#[derive(RustEmbed)]
#[folder = "../../guides/contracts"]
struct Contracts;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(asyncapi).service(schema);
}

/// What is published to the broker, as `AsyncAPI` 3: channels, routing keys, messages.
#[utoipa::path(
    tag = "service",
    responses((status = 200, description = "AsyncAPI 3.", body = Map<String, Value>, content_type = "application/json"))
)]
#[get("/asyncapi.json")]
async fn asyncapi() -> Result<HttpResponse, Problem> {
    served("asyncapi.json", "application/json")
}

/// The JSON Schema (2020-12) of one version of one event.
#[utoipa::path(
    tag = "service",
    operation_id = "event_schema",
    params(("file" = String, Path, description = "`<event>.v<version>.json`.", example = "contact.created.v1.json")),
    responses((status = 200, description = "The schema of its data.", body = Map<String, Value>, content_type = "application/schema+json"))
)]
#[get("/schemas/events/{file}")]
async fn schema(file: Path<String>) -> Result<HttpResponse, Problem> {
    served(&format!("events/{file}"), "application/schema+json")
}

fn served(path: &str, content_type: &'static str) -> Result<HttpResponse, Problem> {
    let file = Contracts::get(path)
        .ok_or_else(|| Problem::new(ErrorKind::NotFound, "schema.not_found", "there is no such schema"))?;
    // Part of the program, and not copied for each answer.
    let body = match file.data {
        Cow::Borrowed(text) => Bytes::from_static(text),
        Cow::Owned(text) => Bytes::from(text),
    };
    Ok(HttpResponse::Ok().content_type(content_type).insert_header(MAX_AGE).body(body))
}
