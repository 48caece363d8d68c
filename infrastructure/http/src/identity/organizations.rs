//! Organizations: how one comes into being, what it is called, and how it ends.

use actix_web::{
    HttpRequest, HttpResponse, Responder, body::BoxBody, get, http::header::LOCATION, patch, post, web::Data,
};
use fairlead_application::{
    App, Expected, Recorded,
    administration::OperatorWrite,
    envelope::rfc3339,
    export::Exports,
    history::History,
    identity::{
        Founded, Identity, OrganizationsClose, OrganizationsExport, OrganizationsRead, OrganizationsWrite,
        ProfileWrite, SignedIn,
    },
};
use fairlead_domain::{
    identity::{Organization, OrganizationCommand, OrganizationStatus},
    ids::OrganizationId,
    kernel::ErrorKind,
    values::{Description, Label},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{
    dto::{NewUserBody, label},
    sessions_dto::TokenBody,
};
use crate::{
    answer::{EventPage, Receipt, Record, RecordEventParams, ShowDeleted, exported, missing, record, record_events},
    document::closed,
    problem::{Check, Problem},
    request::{Asker, Auth, Id, IfMatch, Object, Query, Try, Valid},
};

/// The routes of organizations, below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(register)
        .service(register_another)
        .service(show)
        .service(rename)
        .service(close)
        .service(reopen)
        .service(export)
        .service(events)
        .service(register_as_operator)
        .service(suspend)
        .service(resume);
}

/// An organization that is to be registered, and its owner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Lima & Co",
    "owner": { "name": "Ana Lima", "email": "ana@example.com", "password": "correct horse battery" }
}))]
struct NewOrganization {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(value_type = NewUserBody)]
    owner: Object<NewUserBody>,
}

/// What an organization is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Lima & Co" }))]
struct OrganizationName {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

impl OrganizationName {
    fn read(self) -> Result<Label, Problem> {
        let mut check = Check::default();
        let name = label(&mut check, &self.name);
        check.finish(name)
    }
}

/// Why an organization is suspended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "the invoice of March is not paid" }))]
struct SuspensionOrder {
    #[schema(max_length = 500, nullable = false)]
    reason: Option<String>,
}

/// What has come into being.
#[derive(Serialize, ToSchema)]
struct Registered {
    organization_id: Uuid,
    /// The first project.
    project_id: Uuid,
    user_id: Uuid,
    /// What the owner signs in with at once; missing for one who has a second factor, or who did so already.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tokens: Option<TokenBody>,
}

impl Registered {
    fn of(founded: &Founded, signed_in: Option<SignedIn>) -> Self {
        Self {
            organization_id: founded.organization.into(),
            project_id: founded.project.into(),
            user_id: founded.owner.into(),
            tokens: signed_in.map(TokenBody::from),
        }
    }
}

impl Responder for Registered {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let location = format!("/v1/organizations/{}", self.organization_id);
        HttpResponse::Created().insert_header((LOCATION, location)).json(self)
    }
}

/// An organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Organization)]
struct OrganizationBody {
    id: Uuid,
    #[schema(minimum = 1)]
    version: i64,
    name: String,
    #[schema(value_type = closed::OrganizationStatus)]
    status: OrganizationStatus,
    /// The users who own it.
    owners: Vec<Uuid>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Recorded<Organization>> for OrganizationBody {
    fn from(recorded: Recorded<Organization>) -> Self {
        Self {
            id: recorded.id,
            version: recorded.version,
            name: recorded.state.name.as_str().to_owned(),
            status: recorded.state.status(),
            owners: recorded.state.owners.iter().copied().map(Into::into).collect(),
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
        }
    }
}

fn read(body: NewOrganization) -> Result<(Label, fairlead_application::identity::NewUser), Problem> {
    let mut check = Check::default();
    let name = label(&mut check, &body.name);
    let owner = body.owner.0.read(&mut check, "/owner");
    check.finish(name.zip(owner))
}

/// Register an organization together with its owner, who is signed in at once.
///
/// Where the installation does not let anybody in, the answer is 403, and an operator registers it.
#[utoipa::path(
    tag = "organizations",
    request_body = NewOrganization,
    responses((status = 201, description = "It has come into being.", body = Registered))
)]
#[post("/organizations")]
async fn register(
    identity: Data<Identity>,
    _attempt: Try,
    asker: Asker,
    body: Valid<NewOrganization>,
) -> Result<Registered, Problem> {
    if !identity.registration_is_open() {
        let detail = "organizations are registered by the operators of this installation";
        return Err(Problem::new(ErrorKind::Forbidden, "registration.closed", detail));
    }
    let (name, owner) = read(body.into_inner())?;
    let (founded, signed_in) = identity.found(&asker, name, owner).await?;
    Ok(Registered::of(&founded, signed_in))
}

/// Register an organization together with its owner, whether anybody may do so or not.
#[utoipa::path(
    tag = "operator",
    operation_id = "register_organization",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    request_body = NewOrganization,
    responses((status = 201, description = "It has come into being.", body = Registered))
)]
#[post("/operator/organizations")]
async fn register_as_operator(
    identity: Data<Identity>,
    _cx: Auth<OperatorWrite>,
    asker: Asker,
    body: Valid<NewOrganization>,
) -> Result<Registered, Problem> {
    let (name, owner) = read(body.into_inner())?;
    let (founded, _) = identity.found(&asker, name, owner).await?;
    Ok(Registered::of(&founded, None))
}

/// Register another organization, of which one is the owner. Go to work there by switching the session.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = OrganizationName,
    responses((status = 201, description = "It has come into being.", body = Registered))
)]
#[post("/me/organizations")]
async fn register_another(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<OrganizationName>,
) -> Result<Registered, Problem> {
    if !identity.registration_is_open() {
        let detail = "organizations are registered by the operators of this installation";
        return Err(Problem::new(ErrorKind::Forbidden, "registration.closed", detail));
    }
    Ok(Registered::of(&identity.found_another(&asker, &cx, body.into_inner().read()?).await?, None))
}

/// Show the organization.
#[utoipa::path(
    tag = "organizations",
    security(("bearer" = [Auth::<OrganizationsRead>::SCOPE])),
    responses((status = 200, description = "The organization.", body = OrganizationBody))
)]
#[get("/organizations/{id}")]
async fn show(
    app: Data<App>,
    cx: Auth<OrganizationsRead>,
    id: Id<OrganizationId>,
) -> Result<Record<OrganizationBody>, Problem> {
    record(app.read::<Organization>(&cx, *id).await?, &ShowDeleted::default())
}

/// Rename the organization.
#[utoipa::path(
    tag = "organizations",
    security(("bearer" = [Auth::<OrganizationsWrite>::SCOPE])),
    params(IfMatch),
    request_body(content((OrganizationName = "application/merge-patch+json"), (OrganizationName = "application/json"))),
    responses((status = 200, description = "It is called so.", body = Receipt))
)]
#[patch("/organizations/{id}")]
async fn rename(
    app: Data<App>,
    cx: Auth<OrganizationsWrite>,
    id: Id<OrganizationId>,
    expected: IfMatch,
    body: Valid<OrganizationName>,
) -> Result<Receipt, Problem> {
    let command = OrganizationCommand::Rename { name: body.into_inner().read()? };
    app.execute::<Organization>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Close the organization. Nothing can be done in it any more but reading how it stands, taking its data out, and reopening
/// it, until it is deleted for good.
#[utoipa::path(
    tag = "organizations",
    security(("bearer" = [Auth::<OrganizationsClose>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is closed.", body = Receipt))
)]
#[post("/organizations/{id}/close")]
async fn close(
    identity: Data<Identity>,
    app: Data<App>,
    cx: Auth<OrganizationsClose>,
    id: Id<OrganizationId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    let command = OrganizationCommand::Close { at: identity.now() };
    app.execute::<Organization>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Reopen a closed organization.
#[utoipa::path(
    tag = "organizations",
    security(("bearer" = [Auth::<OrganizationsClose>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is open.", body = Receipt))
)]
#[post("/organizations/{id}/reopen")]
async fn reopen(
    app: Data<App>,
    cx: Auth<OrganizationsClose>,
    id: Id<OrganizationId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<Organization>(&cx, *id, expected.into(), OrganizationCommand::Reopen).await?.try_into()
}

/// Take out everything that the organization has, as lines of JSON. Possible also while it is closed.
///
/// The first line tells of the export, then come records and events, and the last line counts them: without it, the answer was cut
/// off. Secrets, such as hashes of passwords, are not among it.
#[utoipa::path(
    tag = "organizations",
    security(("bearer" = [Auth::<OrganizationsExport>::SCOPE])),
    responses(
        (status = 200, description = "Everything, line by line.", body = String, content_type = "application/x-ndjson"),
    )
)]
#[get("/organizations/{id}/export")]
async fn export(
    exports: Data<Exports>,
    app: Data<App>,
    cx: Auth<OrganizationsExport>,
    id: Id<OrganizationId>,
) -> Result<HttpResponse, Problem> {
    // What is not the caller's own organization is not there.
    let organization = app.read::<Organization>(&cx, *id).await?.ok_or_else(missing::<Organization>)?;
    Ok(exported(organization.id, exports.organization(&cx).await?))
}

/// Read what happened to the organization, oldest first.
#[utoipa::path(
    tag = "organizations",
    security(("bearer" = [Auth::<OrganizationsRead>::SCOPE])),
    params(RecordEventParams),
    responses((status = 200, description = "A page; `next_after` is a version.", body = EventPage))
)]
#[get("/organizations/{id}/events")]
async fn events(
    history: Data<History>,
    cx: Auth<OrganizationsRead>,
    id: Id<OrganizationId>,
    params: Query<RecordEventParams>,
) -> Result<EventPage, Problem> {
    record_events::<Organization>(&history, &cx, *id, params.into_inner()).await
}

/// Suspend an organization: nobody can do anything in it until it is resumed.
#[utoipa::path(
    tag = "operator",
    operation_id = "suspend_organization",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    request_body = SuspensionOrder,
    responses((status = 200, description = "It is suspended.", body = Receipt))
)]
#[post("/operator/organizations/{id}/suspend")]
async fn suspend(
    identity: Data<Identity>,
    cx: Auth<OperatorWrite>,
    asker: Asker,
    id: Id<OrganizationId>,
    body: Valid<SuspensionOrder>,
) -> Result<Receipt, Problem> {
    let mut check = Check::default();
    let reason = body.into_inner().reason;
    let reason = check.at("/reason", reason.as_deref().map(Description::new).transpose());
    let command = OrganizationCommand::Suspend { reason: check.finish(reason)? };
    identity.operate(&asker, &cx, *id, Expected::Any, command).await?.try_into()
}

/// Resume a suspended organization.
#[utoipa::path(
    tag = "operator",
    operation_id = "resume_organization",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    responses((status = 200, description = "It is not suspended.", body = Receipt))
)]
#[post("/operator/organizations/{id}/resume")]
async fn resume(
    identity: Data<Identity>,
    cx: Auth<OperatorWrite>,
    asker: Asker,
    id: Id<OrganizationId>,
) -> Result<Receipt, Problem> {
    identity.operate(&asker, &cx, *id, Expected::Any, OrganizationCommand::Resume).await?.try_into()
}
