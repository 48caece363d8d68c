//! The `OpenAPI` document, made of the same routes that are served.
//!
//! A handler says what is its own (summary, permission, bodies); [`complete`] adds what all handlers share. A new
//! resource is a line in [`routes`] and one among the tags.

pub(crate) mod closed;
mod complete;
pub(crate) mod parameters;
mod responses;

use actix_web::{
    App, HttpResponse, get,
    web::{Bytes, Data},
};
use utoipa::{
    OpenApi as _,
    openapi::{OpenApi, PathItem, RefOr, path::Operation},
};
use utoipa_actix_web::{AppExt, scope, service_config::ServiceConfig};

use crate::{contracts, crm, events, health, identity, operator, search, well_known};

/// What the paths begin with that stand above organizations.
const OF_OPERATORS: &str = "/v1/operator/";

/// Who did what.
const AUDIT: &str = "/v1/audit";

/// One's own record.
const OWN: &str = "/v1/me";

/// The name of the security scheme.
pub(crate) const BEARER: &str = "bearer";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Fairlead",
        description = "An event-sourced backend for customer relationships. Commands answer the record's id and \
            version; errors are problem details (RFC 9457).",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This server")),
    tags(
        (name = "sessions", description = "Signing in, going on, and signing out; and the links that are sent by mail."),
        (name = "me", description = "What is one's own: profile, password, second factor, providers, organizations."),
        (name = "organizations", description = "The organization in which one works."),
        (name = "projects", description = "Workspaces inside an organization."),
        (name = "memberships", description = "Who belongs to an organization, and what they may do."),
        (name = "roles", description = "What members may do, by name."),
        (name = "api_keys", description = "Keys for programs."),
        (name = "audit", description = "Who did what, from where, and what was refused."),
        (name = "contacts", description = "The people a company knows."),
        (name = "companies", description = "Companies with which there is, or may be, business."),
        (name = "custom_fields", description = "What contacts, companies and deals have besides."),
        (name = "activities", description = "What was done, or is to be done, about contacts, companies and deals."),
        (name = "comments", description = "What was said of activities."),
        (name = "pipelines", description = "The stages through which deals go."),
        (name = "deals", description = "Business on its way, until it is won or lost."),
        (name = "contact_lists", description = "Contact lists."),
        (name = "search", description = "Records of all kinds, found by their words."),
        (name = "events", description = "What happened, and what happens."),
        (name = "operator", description = "Those who read the log, for operators: of all organizations at once."),
        (name = "service", description = "The service itself: whether it is well, what it promises, and this document."),
    ),
    components(schemas(
        crate::answer::Event,
        crate::answer::FilterBody,
        crate::answer::FilterOperator,
        crate::problem::ProblemDocument<'static>,
    )),
)]
struct Base;

/// Every route that the document shows.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .configure(health::routes)
        .configure(well_known::routes)
        .configure(contracts::routes)
        .service(served)
        .service(
            scope::scope("/v1")
                .configure(identity::routes)
                .configure(crm::routes)
                .configure(search::routes)
                .configure(events::routes)
                .configure(operator::routes),
        );
}

/// The document. The same for every call.
pub fn openapi() -> OpenApi {
    let app = App::new().into_utoipa_app().openapi(Base::openapi()).configure(routes);
    let (_, mut document) = app.split_for_parts();
    complete::complete(&mut document);
    document
}

/// The operations of a path, in a fixed order.
pub(crate) fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let all = [
        ("GET", &item.get),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
}

/// Whether an operation heeds `If-Match`.
pub(crate) fn takes_condition(operation: &Operation) -> bool {
    takes(operation, parameters::IF_MATCH)
}

/// Whether an operation heeds `Idempotency-Key`.
pub(crate) fn takes_key(operation: &Operation) -> bool {
    takes(operation, parameters::IDEMPOTENCY_KEY)
}

fn takes(operation: &Operation, name: &str) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == name))
}

/// The document as it is served, written once.
pub(crate) struct Written(pub(crate) Bytes);

/// This document.
#[utoipa::path(
    tag = "service",
    operation_id = "document",
    responses((status = 200, description = "OpenAPI 3.1", body = Map<String, Value>, content_type = "application/json"))
)]
#[get("/openapi.json")]
async fn served(document: Data<Written>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document.0.clone())
}
