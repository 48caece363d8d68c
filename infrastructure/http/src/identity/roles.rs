//! Roles: those that are there from the start, and those that an organization defines.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, delete, get, patch, post, web::Data};
use fairlead_application::{
    App, Recorded,
    envelope::rfc3339,
    history::History,
    identity::{Identity, RolesRead, RolesWrite, granted_by},
    list::Cursors,
};
use fairlead_domain::{
    identity::{BuiltInRole, Role, RoleChange, RoleCommand, RoleProfile},
    ids::RoleId,
    values::{Description, Grant, Label, Over, Permission},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::dto::{label, roles};
use crate::{
    answer::{
        Created, EventPage, Page, Receipt, Record, RecordEventParams, RegisterParams, ShowDeleted, record,
        record_events, register_page,
    },
    document::closed::{self, True},
    problem::{Check, Problem},
    request::{Auth, Id, IfMatch, List, Member, Query, Valid},
};

/// Grants in one request at most; a role has no more.
const MAX_GRANTS: usize = 200;
/// Roles from which one inherits, at most.
const MAX_INHERITED: usize = 10;

/// The routes of roles, below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(built_in)
        .service(define)
        .service(list)
        .service(show)
        .service(change)
        .service(remove)
        .service(restore)
        .service(events);
}

/// A right, and over which records it is granted.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Grant, example = json!({ "permission": "contacts:read", "over": "projects" }))]
struct GrantBody {
    /// `resource:action`; `*` stands for either part.
    permission: String,
    /// `all`, `projects` (of the member) or `own`; `all` if missing.
    #[serde(default = "all")]
    #[schema(value_type = closed::Over, required = false)]
    over: Over,
}

fn all() -> Over {
    Over::All
}

impl From<&Grant> for GrantBody {
    fn from(grant: &Grant) -> Self {
        Self { permission: grant.permission.as_str().to_owned(), over: grant.over }
    }
}

fn grants(check: &mut Check, List(bodies): List<GrantBody, MAX_GRANTS>) -> Option<BTreeSet<Grant>> {
    let grants = bodies.into_iter().enumerate().map(|(n, body)| {
        let permission = check.at(format!("/grants/{n}/permission"), Permission::new(&body.permission));
        permission.map(|permission| Grant { permission, over: body.over })
    });
    grants.collect::<Vec<_>>().into_iter().collect()
}

/// A role that is to be defined.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Trainee", "grants": [{ "permission": "contacts:write", "over": "own" }], "inherits": ["viewer"]
}))]
struct NewRole {
    /// Unique among the organization's roles, without regard to case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(max_length = 500)]
    description: Option<String>,
    #[serde(default)]
    #[schema(value_type = Vec<GrantBody>, required = false, max_items = 200)]
    grants: List<GrantBody, MAX_GRANTS>,
    /// Roles whose grants it has besides.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 10)]
    inherits: List<String, MAX_INHERITED>,
}

/// A change of a role: what is missing stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "description": "For the first three months." }))]
struct RolePatch {
    /// Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, nullable = false)]
    name: Member<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    description: Member<String>,
    /// All of them. Can't be removed, but may be none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<GrantBody>>, max_items = 200, nullable = false)]
    grants: Member<List<GrantBody, MAX_GRANTS>>,
    /// All of them. Can't be removed, but may be none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 10, nullable = false)]
    inherits: Member<List<String, MAX_INHERITED>>,
}

/// A role.
#[derive(Serialize, ToSchema)]
#[schema(as = Role)]
struct RoleBody {
    id: Uuid,
    #[schema(minimum = 1)]
    version: i64,
    name: String,
    #[schema(required)]
    description: Option<String>,
    grants: Vec<GrantBody>,
    inherits: Vec<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// There, and true, when the role is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    deleted: bool,
}

impl From<Recorded<Role>> for RoleBody {
    fn from(recorded: Recorded<Role>) -> Self {
        let RoleProfile { name, description, grants, inherits } = recorded.state.profile;
        Self {
            id: recorded.id,
            version: recorded.version,
            name: name.as_str().to_owned(),
            description: description.map(|description| description.as_str().to_owned()),
            grants: grants.iter().map(GrantBody::from).collect(),
            inherits: inherits.iter().map(ToString::to_string).collect(),
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
            deleted: recorded.state.deleted,
        }
    }
}

/// A role that every organization has.
#[derive(Serialize, ToSchema)]
#[schema(as = BuiltInRole)]
struct BuiltInBody {
    /// By which it is named wherever a role is.
    #[schema(example = "editor")]
    name: &'static str,
    grants: Vec<GrantBody>,
}

/// Show the roles that every organization has.
#[utoipa::path(
    tag = "roles",
    security(("bearer" = [Auth::<RolesRead>::SCOPE])),
    responses((status = 200, description = "All of them.", body = Page<BuiltInBody>))
)]
#[get("/roles/built_in")]
async fn built_in(_cx: Auth<RolesRead>) -> Result<Page<BuiltInBody>, Problem> {
    let body = |role: BuiltInRole| BuiltInBody {
        name: role.name(),
        grants: granted_by(role).iter().map(GrantBody::from).collect(),
    };
    Ok(Page::whole(BuiltInRole::ALL.into_iter().map(body).collect()))
}

/// Define a role. It can't grant more than one has.
#[utoipa::path(
    tag = "roles",
    security(("bearer" = [Auth::<RolesWrite>::SCOPE])),
    request_body = NewRole,
    responses((status = 201, description = "It is defined.", body = Receipt))
)]
#[post("/roles")]
async fn define(identity: Data<Identity>, cx: Auth<RolesWrite>, body: Valid<NewRole>) -> Result<Created, Problem> {
    let body = body.into_inner();
    let mut check = Check::default();
    let name = label(&mut check, &body.name);
    let description = check.at("/description", body.description.as_deref().map(Description::new).transpose());
    let grants = grants(&mut check, body.grants);
    let inherits = roles(&mut check, "/inherits", body.inherits);
    let profile = || Some(RoleProfile { name: name?, description: description?, grants: grants?, inherits: inherits? });
    let profile = profile();
    identity.define_role(&cx, check.finish(profile)?).await?.try_into()
}

/// List the roles that the organization defined.
#[utoipa::path(
    tag = "roles",
    security(("bearer" = [Auth::<RolesRead>::SCOPE])),
    params(RegisterParams),
    responses((status = 200, description = "A page.", body = Page<RoleBody>))
)]
#[get("/roles")]
async fn list(
    app: Data<App>,
    cursors: Data<Cursors>,
    cx: Auth<RolesRead>,
    request: HttpRequest,
    params: Query<RegisterParams>,
) -> Result<Page<RoleBody>, Problem> {
    let read = async |after, limit| app.register::<Role>(&cx, None, after, limit).await;
    register_page(&cursors, &cx, request.path(), params.into_inner(), |role| role.id, read).await
}

/// Show a role.
#[utoipa::path(
    tag = "roles",
    security(("bearer" = [Auth::<RolesRead>::SCOPE])),
    params(ShowDeleted),
    responses((status = 200, description = "The role.", body = RoleBody))
)]
#[get("/roles/{id}")]
async fn show(
    app: Data<App>,
    cx: Auth<RolesRead>,
    id: Id<RoleId>,
    params: Query<ShowDeleted>,
) -> Result<Record<RoleBody>, Problem> {
    record(app.read::<Role>(&cx, *id).await?, &params.into_inner())
}

/// Change a role. It holds from the members' next requests on.
#[utoipa::path(
    tag = "roles",
    security(("bearer" = [Auth::<RolesWrite>::SCOPE])),
    params(IfMatch),
    request_body(content((RolePatch = "application/merge-patch+json"), (RolePatch = "application/json"))),
    responses((status = 200, description = "It is as demanded.", body = Receipt))
)]
#[patch("/roles/{id}")]
async fn change(
    identity: Data<Identity>,
    cx: Auth<RolesWrite>,
    id: Id<RoleId>,
    expected: IfMatch,
    body: Valid<RolePatch>,
) -> Result<Receipt, Problem> {
    let body = body.into_inner();
    let mut check = Check::default();
    let name = body.name.required(&mut check, "/name", |name| Label::new(&name));
    let description = body.description.optional(&mut check, "/description", |text| Description::new(&text));
    let grants = match body.grants {
        Member::Value(bodies) => grants(&mut check, bodies).map(Some),
        other => other.required(&mut check, "/grants", |_| Ok(Default::default())),
    };
    let inherits = match body.inherits {
        Member::Value(texts) => roles(&mut check, "/inherits", texts).map(Some),
        other => other.required(&mut check, "/inherits", |_| Ok(Default::default())),
    };
    let change = || Some(RoleChange { name: name?, description: description?, grants: grants?, inherits: inherits? });
    let change = change();
    identity.change_role(&cx, *id, expected.into(), check.finish(change)?).await?.try_into()
}

/// Delete a role; it can be restored. Whoever has it is granted nothing by it meanwhile.
#[utoipa::path(
    tag = "roles",
    security(("bearer" = [Auth::<RolesWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is deleted.", body = Receipt))
)]
#[delete("/roles/{id}")]
async fn remove(app: Data<App>, cx: Auth<RolesWrite>, id: Id<RoleId>, expected: IfMatch) -> Result<Receipt, Problem> {
    app.execute::<Role>(&cx, *id, expected.into(), RoleCommand::Delete).await?.try_into()
}

/// Bring back a deleted role. It can't grant more than one has.
#[utoipa::path(
    tag = "roles",
    security(("bearer" = [Auth::<RolesWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is back.", body = Receipt))
)]
#[post("/roles/{id}/restore")]
async fn restore(
    identity: Data<Identity>,
    cx: Auth<RolesWrite>,
    id: Id<RoleId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    identity.restore_role(&cx, *id, expected.into()).await?.try_into()
}

/// Read what happened to a role, oldest first.
#[utoipa::path(
    tag = "roles",
    security(("bearer" = [Auth::<RolesRead>::SCOPE])),
    params(RecordEventParams),
    responses((status = 200, description = "A page; `next_after` is a version.", body = EventPage))
)]
#[get("/roles/{id}/events")]
async fn events(
    history: Data<History>,
    cx: Auth<RolesRead>,
    id: Id<RoleId>,
    params: Query<RecordEventParams>,
) -> Result<EventPage, Problem> {
    record_events::<Role>(&history, &cx, *id, params.into_inner()).await
}
