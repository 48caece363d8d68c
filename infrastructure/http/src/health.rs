//! Whether the process lives, whether it can answer requests, and whether everything works.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix_web::{HttpResponse, get, web::Data};
use fairlead_application::health::{Condition, HealthCheck};
use futures::future;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is asked.
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
    parts: BTreeMap<String, Part>,
}

/// How a part is.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthPart)]
struct Part {
    /// Whether it works.
    status: Status,
    /// What is wrong, or worth a remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
}

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(live).service(serving).service(ready);
}

/// Whether the process lives.
#[utoipa::path(tag = "service", responses((status = 200, description = "It does.", body = Health)))]
#[get("/health/live")]
pub(crate) async fn live() -> HttpResponse {
    Health::of(BTreeMap::new()).answer()
}

/// Whether this process can answer requests: what a load balancer asks.
#[utoipa::path(
    tag = "service",
    responses(
        (status = 200, description = "It can.", body = Health),
        (status = 503, description = "Something is down that every request needs.", body = Health),
    )
)]
#[get("/health/serving")]
pub(crate) async fn serving(checks: Data<Checks>) -> HttpResponse {
    ask(checks.0.iter().filter(|check| check.is_vital())).await.answer()
}

/// Whether everything works, here and in the workers behind: what an alarm asks.
#[utoipa::path(
    tag = "service",
    responses(
        (status = 200, description = "Everything does.", body = Health),
        (status = 503, description = "Something does not, or is stuck.", body = Health),
    )
)]
#[get("/health/ready")]
pub(crate) async fn ready(checks: Data<Checks>) -> HttpResponse {
    ask(checks.0.iter()).await.answer()
}

impl Health {
    fn of(parts: BTreeMap<String, Part>) -> Self {
        let up = parts.values().all(|part| part.status == Status::Up);
        Self { status: if up { Status::Up } else { Status::Down }, parts }
    }

    fn answer(&self) -> HttpResponse {
        match self.status {
            Status::Up => HttpResponse::Ok().json(self),
            Status::Down => HttpResponse::ServiceUnavailable().json(self),
        }
    }
}

/// Asks all at once.
async fn ask(checks: impl Iterator<Item = &Arc<dyn HealthCheck>>) -> Health {
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    for Condition { part, up, detail } in future::join_all(checks.map(|check| patiently(&**check))).await.concat() {
        // A process in two roles asks the same part in two ways; the bad news counts.
        if parts.get(&*part).is_none_or(|known| known.status == Status::Up) {
            let status = if up { Status::Up } else { Status::Down };
            parts.insert(part.into_owned(), Part { status, detail });
        }
    }
    Health::of(parts)
}

async fn patiently(check: &dyn HealthCheck) -> Vec<Condition> {
    let answer = timeout(PATIENCE, check.check()).await;
    answer.unwrap_or_else(|_| vec![Condition::down(check.name(), "does not answer in time")])
}
