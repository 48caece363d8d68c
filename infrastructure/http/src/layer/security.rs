//! What browsers are told not to do, and which sites they may let in.

use actix_cors::Cors;
use actix_web::{
    http::{
        Method, Uri,
        header::{
            ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, CROSS_ORIGIN_RESOURCE_POLICY,
            ETAG, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH, LOCATION, REFERRER_POLICY, RETRY_AFTER,
            STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Condition,
};

use crate::{
    answer::REPLAYED,
    live::LAST_EVENT_ID,
    request::{CONSISTENCY, IDEMPOTENCY_KEY, RATE_LIMIT, RATE_LIMIT_POLICY, TRACEPARENT, X_REQUEST_ID},
};

/// For data: nothing may be loaded, nobody may frame it.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// For the page at `/docs`, which brings its own scripts and writes style attributes.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// How long browsers may remember which methods and headers are allowed.
const PREFLIGHT_SECONDS: usize = 3600;

/// A configured origin that no browser would send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no origin such as https://app.example.com")]
pub struct BadOrigin(pub String);

/// Sets the headers that every answer carries.
pub(super) fn harden(headers: &mut HeaderMap, path: &str) {
    let docs = path == "/docs" || path.starts_with("/docs/");
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "no-referrer");
    // Browsers heed it where it comes by TLS alone (RFC 6797, section 8.1).
    set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    set(CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
    set(CONTENT_SECURITY_POLICY, if docs { DOCS_POLICY } else { API_POLICY });
    // What may be kept says so itself.
    if !headers.contains_key(CACHE_CONTROL) || docs {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(if docs { "no-cache" } else { "no-store" }));
    }
}

/// The sites that may read answers.
#[derive(Debug, Clone)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// Checks that each is an origin.
    ///
    /// # Errors
    /// [`BadOrigin`]
    pub(crate) fn new(origins: Vec<String>) -> Result<Self, BadOrigin> {
        let bad = origins.iter().find(|origin| !is_origin(origin)).cloned();
        bad.map_or(Ok(Self(origins)), |bad| Err(BadOrigin(bad)))
    }

    /// Lets the sites in; nobody when there are none. Tokens are sent by scripts, so no cookies.
    pub(crate) fn layer(&self) -> Condition<Cors> {
        let cors = Cors::default()
            .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
            .allowed_headers([
                ACCEPT,
                AUTHORIZATION,
                CONTENT_TYPE,
                IF_MATCH,
                IF_NONE_MATCH,
                CONSISTENCY,
                IDEMPOTENCY_KEY,
                LAST_EVENT_ID,
                TRACEPARENT,
                X_REQUEST_ID,
            ])
            .expose_headers([
                ETAG,
                LOCATION,
                RETRY_AFTER,
                CONSISTENCY,
                RATE_LIMIT,
                RATE_LIMIT_POLICY,
                REPLAYED,
                X_REQUEST_ID,
            ])
            .max_age(PREFLIGHT_SECONDS);
        let cors = self.0.iter().fold(cors, |cors, origin| cors.allowed_origin(origin));
        Condition::new(!self.0.is_empty(), cors)
    }
}

/// Scheme, host and perhaps a port, as browsers write them.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return false;
    };
    text == format!("{scheme}://{}", authority.as_str().to_lowercase()) && !text.contains('@')
}
