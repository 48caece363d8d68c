//! What others must know to trust us (RFC 8615).

use std::sync::Arc;

use actix_web::{
    HttpResponse, get,
    http::header::{CACHE_CONTROL, HeaderName},
    web::Data,
};
use fairlead_application::identity::tokens::PublishedKeys;
use utoipa_actix_web::service_config::ServiceConfig;

/// How long others may keep the keys: half of the time for which a new one is published before it signs.
const MAX_AGE: (HeaderName, &str) = (CACHE_CONTROL, "public, max-age=300");

/// The keys to publish.
pub(crate) struct KeySet(pub(crate) Arc<dyn PublishedKeys>);

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(published);
}

/// The public keys.
///
/// A JSON Web Key Set (RFC 7517) by which others verify the tokens that are signed here. A new key stands in it ten minutes
/// before it signs; whoever meets a key that they don't know asks again.
#[utoipa::path(
    tag = "service",
    operation_id = "keys",
    responses((status = 200, description = "The keys.", body = Map<String, Value>, content_type = "application/jwk-set+json"))
)]
#[get("/.well-known/jwks.json")]
async fn published(keys: Data<KeySet>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/jwk-set+json").insert_header(MAX_AGE).body(keys.0.key_set())
}
