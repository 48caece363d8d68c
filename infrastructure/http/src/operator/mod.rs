//! What operators see and do, of all organizations at once, below `/v1/operator`.

mod consumers;
mod consumers_dto;
mod subscriptions;
mod subscriptions_dto;

use chrono::{DateTime, Utc};
use fairlead_application::{
    Context,
    administration::StreamKey,
    list::{Cursors, Literal, Position},
};
use fairlead_domain::kernel::Invalid;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::{
    problem::{Check, Problem},
    request::Member,
};

/// The routes for operators, below `/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.configure(subscriptions::routes).configure(consumers::routes);
}

/// Which streams are tried again: all, or the one that is named by organization and stream together.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "organization_id": "0193a3c0-0000-7000-8000-000000000001", "stream_id": "019ca000-0000-7000-8000-000000000001"
}))]
struct ReplayOrder {
    /// The stream's organization; all streams are meant when both are missing.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>, nullable = false)]
    organization_id: Member<Uuid>,
    /// The stream, which is the record's id.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>, nullable = false)]
    stream_id: Member<Uuid>,
}

impl ReplayOrder {
    /// The one stream; all when `None`.
    ///
    /// # Errors
    /// Half a name, which must not be taken for all streams.
    fn stream(self) -> Result<Option<StreamKey>, Problem> {
        let mut check = Check::default();
        let tenant = self.organization_id.required(&mut check, "/organization_id", Ok);
        let stream = self.stream_id.required(&mut check, "/stream_id", Ok);
        let missing = || Err(Invalid::new("request.missing_field", "a stream is named by its organization and its id"));
        let one = match (tenant, stream) {
            (Some(Some(tenant)), Some(Some(stream))) => Some(Some(StreamKey { tenant, stream })),
            (Some(Some(_)), Some(None)) => check.at("/stream_id", missing()),
            (Some(None), Some(Some(_))) => check.at("/organization_id", missing()),
            _ => Some(None),
        };
        check.finish(one)
    }
}

/// How many streams are tried again.
#[derive(Serialize, ToSchema)]
struct Replayed {
    /// None when none was set aside: a replay may be demanded twice.
    streams: u64,
}

/// Where a page of streams ends: when the stream was set aside, its organization, and a name where that is told apart.
type Place = (DateTime<Utc>, Uuid, String);

/// A cursor behind a stream.
fn seal(cursors: &Cursors, cx: &Context, list: &str, place: &Place, stream: Uuid) -> String {
    let value = Some(Literal::Text(serde_json::to_string(place).unwrap_or_default()));
    cursors.seal(cx, list, &Position { value, id: stream })
}

/// The stream behind which a cursor stands.
fn open(cursors: &Cursors, cx: &Context, list: &str, cursor: &str) -> Result<(Place, Uuid), Invalid> {
    let Position { value, id } = cursors.open(cx, list, cursor)?;
    let place = match value {
        Some(Literal::Text(text)) => serde_json::from_str(&text).ok(),
        _ => None,
    };
    place.map(|place| (place, id)).ok_or_else(|| Invalid::new("cursor.invalid", "is none of this list"))
}
