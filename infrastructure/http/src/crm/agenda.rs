//! `/v1/activities/agenda`

use actix_web::{
    get,
    web::{Data, Json},
};
use fairlead_application::crm::{ActivitiesRead, AgendaPart, Agendas, Zone};
use fairlead_domain::{ids::UserId, kernel::Invalid};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::activities_dto::ActivityBody;
use crate::{
    answer::limit,
    problem::{Check, Problem},
    request::{Auth, Query},
};

/// The route of agendas.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(agenda);
}

/// Whose agenda, and where they are.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AgendaParams {
    /// The user who is to do it: `me`, or an id; whoever if missing.
    #[param(example = "me")]
    assignee: Option<String>,
    /// When a day ends: a name of the IANA time zone database.
    #[param(default = "UTC", example = "Europe/Lisbon")]
    time_zone: Option<String>,
    /// How many activities of each part at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

/// What somebody has to do: open activities that have a due time.
#[derive(Serialize, ToSchema)]
struct AgendaBody {
    /// What should be done by now.
    overdue: AgendaPartBody,
    /// What is due before the day ends.
    today: AgendaPartBody,
    /// What is due later.
    upcoming: AgendaPartBody,
}

/// A part of an agenda.
#[derive(Serialize, ToSchema)]
struct AgendaPartBody {
    /// How many activities there are.
    #[schema(minimum = 0)]
    count: i64,
    /// Those that are due first.
    #[schema(value_type = Vec<ActivityBody>)]
    data: Vec<ActivityBody>,
}

impl From<AgendaPart> for AgendaPartBody {
    fn from(part: AgendaPart) -> Self {
        Self { count: part.count, data: part.rows.into_iter().map(ActivityBody::from).collect() }
    }
}

/// Show what somebody has to do: what is overdue, what is due today, what comes later, each in the order in which it is due.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesRead>::SCOPE])),
    params(AgendaParams),
    responses((status = 200, description = "The agenda.", body = AgendaBody))
)]
#[get("/activities/agenda")]
async fn agenda(
    agendas: Data<Agendas>,
    cx: Auth<ActivitiesRead>,
    params: Query<AgendaParams>,
) -> Result<Json<AgendaBody>, Problem> {
    let AgendaParams { assignee, time_zone, limit: most } = params.into_inner();
    let mut check = Check::default();
    let assignee = check.parameter("assignee", self::assignee(assignee.as_deref(), cx.access().user()));
    let zone = check.parameter("time_zone", time_zone.map_or(Ok(Zone::UTC), |name| Zone::parse(&name)));
    let most = check.parameter("limit", limit(most.as_deref()));
    let asked = assignee.zip(zone).zip(most);
    let ((assignee, zone), most) = check.finish(asked)?;
    let agenda = agendas.of(&cx, assignee, zone, most).await?;
    Ok(Json(AgendaBody {
        overdue: agenda.overdue.into(),
        today: agenda.today.into(),
        upcoming: agenda.upcoming.into(),
    }))
}

/// Who is meant.
fn assignee(text: Option<&str>, me: Option<UserId>) -> Result<Option<UserId>, Invalid> {
    match text {
        None => Ok(None),
        Some("me") => me.map(Some).ok_or_else(|| Invalid::new("assignee.nobody", "must be an id: no user is asking")),
        Some(id) => id.parse().map(Some).map_err(|_| Invalid::new("assignee.invalid", "must be `me` or a UUID")),
    }
}
