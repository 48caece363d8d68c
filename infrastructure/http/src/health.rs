//! Whether the process lives, and whether everything that it needs answers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix_web::{HttpResponse, get, web::Data};
use fairlead_application::health::HealthCheck;
use futures::future;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What readiness asks.
pub(crate) struct Checks(pub(crate) Vec<Arc<dyn HealthCheck>>);

/// Whether something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = HealthStatus)]
enum Status {
    Up,
    Down,
}

/// How the service is.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `up` when every part is.
    status: Status,
    /// The parts by name.
    parts: BTreeMap<&'static str, Part>,
}

/// How a part is.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthPart)]
struct Part {
    /// Whether it answers.
    status: Status,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
}

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(live).service(ready);
}

/// Whether the process lives.
#[utoipa::path(tag = "service", responses((status = 200, description = "It does.", body = Health)))]
#[get("/health/live")]
async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: Status::Up, parts: BTreeMap::new() })
}

/// Whether everything that is needed answers.
#[utoipa::path(
    tag = "service",
    responses(
        (status = 200, description = "Everything does.", body = Health),
        (status = 503, description = "Something does not.", body = Health),
    )
)]
#[get("/health/ready")]
async fn ready(checks: Data<Checks>) -> HttpResponse {
    let parts: BTreeMap<_, _> =
        future::join_all(checks.0.iter().map(|check| ask(&**check))).await.into_iter().collect();
    let up = parts.values().all(|part| part.status == Status::Up);
    let (mut response, status) =
        if up { (HttpResponse::Ok(), Status::Up) } else { (HttpResponse::ServiceUnavailable(), Status::Down) };
    response.json(Health { status, parts })
}

async fn ask(check: &dyn HealthCheck) -> (&'static str, Part) {
    let answer = timeout(PATIENCE, check.check()).await.unwrap_or_else(|_| Err("does not answer in time".to_owned()));
    let part = match answer {
        Ok(()) => Part { status: Status::Up, detail: None },
        Err(detail) => Part { status: Status::Down, detail: Some(detail) },
    };
    (check.name(), part)
}
