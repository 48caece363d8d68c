//! Projects: workspaces inside an organization.

use actix_web::{HttpRequest, get, patch, post, web::Data};
use fairlead_application::{
    App, Expected, Recorded,
    envelope::rfc3339,
    history::History,
    identity::{ProjectsRead, ProjectsWrite},
    list::Cursors,
};
use fairlead_domain::{
    identity::{Project, ProjectCommand},
    ids::ProjectId,
    values::Label,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::dto::label;
use crate::{
    answer::{
        Created, EventPage, Page, Receipt, Record, RecordEventParams, RegisterParams, ShowDeleted, record,
        record_events, register_page,
    },
    problem::{Check, Problem},
    request::{Auth, Id, IfMatch, Query, Valid},
};

/// The routes of projects, below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(create)
        .service(list)
        .service(show)
        .service(rename)
        .service(archive)
        .service(restore)
        .service(events);
}

/// What a project is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Iberia" }))]
struct ProjectName {
    /// Unique among the organization's projects, without regard to case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

impl ProjectName {
    fn read(self) -> Result<Label, Problem> {
        let mut check = Check::default();
        let name = label(&mut check, &self.name);
        check.finish(name)
    }
}

/// A project.
#[derive(Serialize, ToSchema)]
#[schema(as = Project)]
struct ProjectBody {
    id: Uuid,
    #[schema(minimum = 1)]
    version: i64,
    name: String,
    /// Whether it is the one that was there from the start, which can't be archived.
    is_default: bool,
    archived: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Recorded<Project>> for ProjectBody {
    fn from(recorded: Recorded<Project>) -> Self {
        Self {
            id: recorded.id,
            version: recorded.version,
            name: recorded.state.name.as_str().to_owned(),
            is_default: recorded.state.is_default,
            archived: recorded.state.archived,
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
        }
    }
}

/// Create a project.
#[utoipa::path(
    tag = "projects",
    security(("bearer" = [Auth::<ProjectsWrite>::SCOPE])),
    request_body = ProjectName,
    responses((status = 201, description = "It is there.", body = Receipt))
)]
#[post("/projects")]
async fn create(app: Data<App>, cx: Auth<ProjectsWrite>, body: Valid<ProjectName>) -> Result<Created, Problem> {
    let command = ProjectCommand::Create { name: body.into_inner().read()?, is_default: false };
    app.execute::<Project>(&cx, app.fresh(), Expected::New, command).await?.try_into()
}

/// List projects, in the order in which they were made. Those archived are left out.
#[utoipa::path(
    tag = "projects",
    security(("bearer" = [Auth::<ProjectsRead>::SCOPE])),
    params(RegisterParams),
    responses((status = 200, description = "A page.", body = Page<ProjectBody>))
)]
#[get("/projects")]
async fn list(
    app: Data<App>,
    cursors: Data<Cursors>,
    cx: Auth<ProjectsRead>,
    request: HttpRequest,
    params: Query<RegisterParams>,
) -> Result<Page<ProjectBody>, Problem> {
    let read = async |after, limit| app.register::<Project>(&cx, None, after, limit).await;
    register_page(&cursors, &cx, request.path(), params.into_inner(), |project| project.id, read).await
}

/// Show a project.
#[utoipa::path(
    tag = "projects",
    security(("bearer" = [Auth::<ProjectsRead>::SCOPE])),
    params(ShowDeleted),
    responses((status = 200, description = "The project.", body = ProjectBody))
)]
#[get("/projects/{id}")]
async fn show(
    app: Data<App>,
    cx: Auth<ProjectsRead>,
    id: Id<ProjectId>,
    params: Query<ShowDeleted>,
) -> Result<Record<ProjectBody>, Problem> {
    record(app.read::<Project>(&cx, *id).await?, &params.into_inner())
}

/// Rename a project.
#[utoipa::path(
    tag = "projects",
    security(("bearer" = [Auth::<ProjectsWrite>::SCOPE])),
    params(IfMatch),
    request_body(content((ProjectName = "application/merge-patch+json"), (ProjectName = "application/json"))),
    responses((status = 200, description = "It is called so.", body = Receipt))
)]
#[patch("/projects/{id}")]
async fn rename(
    app: Data<App>,
    cx: Auth<ProjectsWrite>,
    id: Id<ProjectId>,
    expected: IfMatch,
    body: Valid<ProjectName>,
) -> Result<Receipt, Problem> {
    let command = ProjectCommand::Rename { name: body.into_inner().read()? };
    app.execute::<Project>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Archive a project; it can be restored.
#[utoipa::path(
    tag = "projects",
    security(("bearer" = [Auth::<ProjectsWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is archived.", body = Receipt))
)]
#[post("/projects/{id}/archive")]
async fn archive(
    app: Data<App>,
    cx: Auth<ProjectsWrite>,
    id: Id<ProjectId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<Project>(&cx, *id, expected.into(), ProjectCommand::Archive).await?.try_into()
}

/// Bring back an archived project.
#[utoipa::path(
    tag = "projects",
    security(("bearer" = [Auth::<ProjectsWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is back.", body = Receipt))
)]
#[post("/projects/{id}/restore")]
async fn restore(
    app: Data<App>,
    cx: Auth<ProjectsWrite>,
    id: Id<ProjectId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<Project>(&cx, *id, expected.into(), ProjectCommand::Restore).await?.try_into()
}

/// Read what happened to a project, oldest first.
#[utoipa::path(
    tag = "projects",
    security(("bearer" = [Auth::<ProjectsRead>::SCOPE])),
    params(RecordEventParams),
    responses((status = 200, description = "A page; `next_after` is a version.", body = EventPage))
)]
#[get("/projects/{id}/events")]
async fn events(
    history: Data<History>,
    cx: Auth<ProjectsRead>,
    id: Id<ProjectId>,
    params: Query<RecordEventParams>,
) -> Result<EventPage, Problem> {
    record_events::<Project>(&history, &cx, *id, params.into_inner()).await
}
