//! `/v1/specimens`

use actix_web::{HttpRequest, delete, get, patch, post, web::Data};
use fairlead_application::{
    App, Expected, Recorded,
    @context::{SpecimensRead, SpecimensWrite},
    envelope::rfc3339,
    history::History,
    list::{AllLists, Cursors},
};
use fairlead_domain::{
    @context::{self, SpecimenChange, SpecimenCommand, SpecimenProfile},
    ids::SpecimenId,
    values::{Description, Label},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::{
    document::{closed::True, parameters::Order},
    answer::{
        Created, EventPage, ListParams, Page, Receipt, Record, RecordEventParams, ShowDeleted, fields, page, record,
        record_events,
    },
    problem::{Check, Problem},
    request::{Auth, Id, IfMatch, Member, Query, Valid},
};

/// The routes of @nouns.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(create).service(list).service(show).service(change).service(delete).service(restore).service(events);
}

/// @A @noun that is to be begun.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "First", "description": "As it began" }))]
struct NewSpecimen {
    /// Unique among the organization's @nouns, without regard to case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it is for.
    #[schema(min_length = 1, max_length = 500)]
    description: Option<String>,
    /// The user who looks after it.
    owner_id: Option<Uuid>,
    /// The workspace to which it belongs.
    project_id: Option<Uuid>,
}

/// A change of @a @noun: what is missing stays, what is null is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Second", "description": null }))]
struct SpecimenPatch {
    /// What it is called. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, nullable = false)]
    name: Member<String>,
    /// What it is for.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    description: Member<String>,
    /// The user who looks after it.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    owner_id: Member<Uuid>,
    /// The workspace to which it belongs.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    project_id: Member<Uuid>,
}

/// @A @noun.
#[derive(Serialize, ToSchema)]
#[schema(as = Specimen)]
struct SpecimenBody {
    id: Uuid,
    /// Grows with each change.
    #[schema(minimum = 1)]
    version: i64,
    name: String,
    #[schema(required)]
    description: Option<String>,
    #[schema(required)]
    owner_id: Option<Uuid>,
    #[schema(required)]
    project_id: Option<Uuid>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// There, and true, when it is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    deleted: bool,
}

impl From<Recorded<@context::Specimen>> for SpecimenBody {
    fn from(recorded: Recorded<@context::Specimen>) -> Self {
        let @context::Specimen { profile, deleted } = recorded.state;
        Self {
            id: recorded.id,
            version: recorded.version,
            name: profile.name.as_str().to_owned(),
            description: profile.description.map(|description| description.as_str().to_owned()),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
            deleted,
        }
    }
}

impl TryFrom<NewSpecimen> for SpecimenProfile {
    type Error = Problem;

    fn try_from(body: NewSpecimen) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = check.at("/name", Label::new(&body.name));
        let description = check.at("/description", body.description.map(|text| Description::new(&text)).transpose());
        let (owner_id, project_id) = (body.owner_id.map(Into::into), body.project_id.map(Into::into));
        let built = || Some(Self { name: name?, description: description?, owner_id, project_id });
        let built = built();
        check.finish(built)
    }
}

impl TryFrom<SpecimenPatch> for SpecimenChange {
    type Error = Problem;

    fn try_from(body: SpecimenPatch) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = body.name.required(&mut check, "/name", |text| Label::new(&text));
        let description = body.description.optional(&mut check, "/description", |text| Description::new(&text));
        let owner_id = body.owner_id.optional(&mut check, "/owner_id", |id| Ok(id.into()));
        let project_id = body.project_id.optional(&mut check, "/project_id", |id| Ok(id.into()));
        let built = || {
            Some(Self { name: name?, description: description?, owner_id: owner_id?, project_id: project_id? })
        };
        let built = built();
        check.finish(built)
    }
}

/// Create @a @noun.
#[utoipa::path(
    tag = "specimens",
    security(("bearer" = [Auth::<SpecimensWrite>::SCOPE])),
    request_body = NewSpecimen,
    responses((status = 201, description = "It is there.", body = Receipt))
)]
#[post("/specimens")]
async fn create(app: Data<App>, cx: Auth<SpecimensWrite>, body: Valid<NewSpecimen>) -> Result<Created, Problem> {
    let command = SpecimenCommand::Create(body.into_inner().try_into()?);
    app.execute::<@context::Specimen>(&cx, app.fresh(), Expected::New, command).await?.try_into()
}

/// List @nouns.
#[utoipa::path(
    tag = "specimens",
    description = fields::<@context::Specimen>(),
    security(("bearer" = [Auth::<SpecimensRead>::SCOPE])),
    params(ListParams, Order<@context::Specimen>),
    responses((status = 200, description = "A page.", body = Page<SpecimenBody>))
)]
#[get("/specimens")]
async fn list(
    lists: Data<AllLists>,
    cursors: Data<Cursors>,
    cx: Auth<SpecimensRead>,
    request: HttpRequest,
    params: Query<ListParams>,
) -> Result<Page<SpecimenBody>, Problem> {
    page(&lists, &cursors, &cx, request.path(), params.into_inner()).await
}

/// Show @a @noun as it is now.
#[utoipa::path(
    tag = "specimens",
    security(("bearer" = [Auth::<SpecimensRead>::SCOPE])),
    params(ShowDeleted),
    responses(
        (status = 200, description = "The @noun.", body = SpecimenBody, headers(("ETag" = String, description = "The version."))),
        (status = 304, description = "It has not changed since the version in `If-None-Match`."),
    )
)]
#[get("/specimens/{id}")]
async fn show(
    app: Data<App>,
    cx: Auth<SpecimensRead>,
    id: Id<SpecimenId>,
    params: Query<ShowDeleted>,
) -> Result<Record<SpecimenBody>, Problem> {
    record(app.read::<@context::Specimen>(&cx, *id).await?, &params.into_inner())
}

/// Change @a @noun's attributes (JSON merge patch, RFC 7396).
#[utoipa::path(
    tag = "specimens",
    security(("bearer" = [Auth::<SpecimensWrite>::SCOPE])),
    params(IfMatch),
    request_body(
        content((SpecimenPatch = "application/merge-patch+json"), (SpecimenPatch = "application/json")),
        description = "What is missing stays, what is null is removed."
    ),
    responses((status = 200, description = "It is as demanded.", body = Receipt))
)]
#[patch("/specimens/{id}")]
async fn change(
    app: Data<App>,
    cx: Auth<SpecimensWrite>,
    id: Id<SpecimenId>,
    expected: IfMatch,
    body: Valid<SpecimenPatch>,
) -> Result<Receipt, Problem> {
    let command = SpecimenCommand::Change(body.into_inner().try_into()?);
    app.execute::<@context::Specimen>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Delete @a @noun; it can be restored.
#[utoipa::path(
    tag = "specimens",
    security(("bearer" = [Auth::<SpecimensWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is deleted.", body = Receipt))
)]
#[delete("/specimens/{id}")]
async fn delete(
    app: Data<App>,
    cx: Auth<SpecimensWrite>,
    id: Id<SpecimenId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<@context::Specimen>(&cx, *id, expected.into(), SpecimenCommand::Delete).await?.try_into()
}

/// Bring back a deleted @noun.
#[utoipa::path(
    tag = "specimens",
    security(("bearer" = [Auth::<SpecimensWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is back.", body = Receipt))
)]
#[post("/specimens/{id}/restore")]
async fn restore(
    app: Data<App>,
    cx: Auth<SpecimensWrite>,
    id: Id<SpecimenId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<@context::Specimen>(&cx, *id, expected.into(), SpecimenCommand::Restore).await?.try_into()
}

/// Read what happened to @a @noun, oldest first, whether it is deleted or not.
#[utoipa::path(
    tag = "specimens",
    security(("bearer" = [Auth::<SpecimensRead>::SCOPE])),
    params(RecordEventParams),
    responses((status = 200, description = "A page; `next_after` is a version.", body = EventPage))
)]
#[get("/specimens/{id}/events")]
async fn events(
    history: Data<History>,
    cx: Auth<SpecimensRead>,
    id: Id<SpecimenId>,
    params: Query<RecordEventParams>,
) -> Result<EventPage, Problem> {
    record_events::<@context::Specimen>(&history, &cx, *id, params.into_inner()).await
}
