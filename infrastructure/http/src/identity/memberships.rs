//! Members: who is invited, may do what, and leaves.

use actix_web::{HttpRequest, delete, get, patch, post, web::Data};
use fairlead_application::{
    envelope::rfc3339,
    history::History,
    identity::{Asking, Identity, Member as KnownMember, MembershipsRead, MembershipsWrite},
    list::Cursors,
};
use fairlead_domain::{
    identity::{Membership, MembershipProfile, MembershipStanding},
    ids::UserId,
    kernel::Personal,
    values::Email,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::dto::{MAX_PROJECTS, MAX_ROLES, projects, roles};
use crate::{
    answer::{
        Created, EventPage, Page, Receipt, Record, RecordEventParams, RegisterParams, missing, record_events,
        register_page,
    },
    problem::{Check, Problem},
    request::{Asker, Auth, Id, IfMatch, List, Member, Query, Valid},
};

/// The routes of memberships, below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(invite).service(list).service(show).service(change).service(remove).service(events);
}

/// Who is invited, and what they may do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "bo@example.com", "roles": ["editor"] }))]
struct Invitation {
    #[schema(format = Email, max_length = 254)]
    email: String,
    /// `owner`, `admin`, `editor`, `viewer`, or the id of a role of the organization.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 20)]
    roles: List<String, MAX_ROLES>,
    /// The projects to which the member is limited; without, to none.
    #[schema(value_type = Option<Vec<Uuid>>, max_items = 500)]
    projects: Option<List<Uuid, MAX_PROJECTS>>,
}

/// A change of what a member may do: what is missing stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "roles": ["viewer"] }))]
struct MembershipPatch {
    /// All of the member's roles. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 20, nullable = false)]
    roles: Member<List<String, MAX_ROLES>>,
    /// The projects to which the member is limited; null lifts the limit.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Uuid>>, max_items = 500)]
    projects: Member<List<Uuid, MAX_PROJECTS>>,
}

/// Whether somebody belongs to an organization, or is asked to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MembershipStatus {
    Active,
    Invited,
    /// Neither shown nor listed.
    #[serde(skip)]
    Removed,
}

/// A member, or somebody who is invited. Has the id of the user.
#[derive(Serialize, ToSchema)]
#[schema(as = Membership)]
struct MembershipBody {
    id: Uuid,
    #[schema(minimum = 1)]
    version: i64,
    /// Null for who has not registered yet, or was erased.
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    email: Option<String>,
    status: MembershipStatus,
    /// Until when the invitation holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    invitation_expires_at: Option<String>,
    roles: Vec<String>,
    /// The projects to which the member is limited; null for no limit.
    #[schema(required)]
    projects: Option<Vec<Uuid>>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<KnownMember> for MembershipBody {
    fn from(KnownMember { membership, user }: KnownMember) -> Self {
        let user = user.as_ref();
        let name = user.and_then(|user| user.name.as_ref()).and_then(Personal::known);
        let (status, expires_at) = match membership.state.standing {
            MembershipStanding::Invited { expires_at } => (MembershipStatus::Invited, Some(expires_at)),
            MembershipStanding::Active => (MembershipStatus::Active, None),
            MembershipStanding::Removed => (MembershipStatus::Removed, None),
        };
        let MembershipProfile { roles, projects } = membership.state.profile;
        Self {
            id: membership.id,
            version: membership.version,
            name: name.map(|name| name.as_str().to_owned()),
            email: user.and_then(|user| user.email.known()).map(|email| email.as_str().to_owned()),
            status,
            invitation_expires_at: expires_at.map(rfc3339),
            roles: roles.iter().map(ToString::to_string).collect(),
            projects: projects.map(|projects| projects.into_iter().map(Into::into).collect()),
            created_at: rfc3339(membership.created_at),
            updated_at: rfc3339(membership.updated_at),
        }
    }
}

/// Invite the holder of an address, by a link that is sent there. Invite once more, and the link of before works no longer.
///
/// Nobody passes on more than they have: neither permissions nor, where they are limited to projects, others.
#[utoipa::path(
    tag = "memberships",
    security(("bearer" = [Auth::<MembershipsWrite>::SCOPE])),
    request_body = Invitation,
    responses((status = 201, description = "They are invited.", body = Receipt))
)]
#[post("/memberships")]
async fn invite(
    identity: Data<Identity>,
    cx: Auth<MembershipsWrite>,
    asker: Asker,
    body: Valid<Invitation>,
) -> Result<Created, Problem> {
    let body = body.into_inner();
    let mut check = Check::default();
    let email = check.at("/email", Email::new(&body.email));
    let roles = roles(&mut check, "/roles", body.roles);
    let (email, roles) = check.finish(email.zip(roles))?;
    let profile = MembershipProfile { roles, projects: body.projects.map(projects) };
    identity.invite(&asker, &cx, email, profile).await?.try_into()
}

/// List members and those invited.
#[utoipa::path(
    tag = "memberships",
    security(("bearer" = [Auth::<MembershipsRead>::SCOPE])),
    params(RegisterParams),
    responses((status = 200, description = "A page.", body = Page<MembershipBody>))
)]
#[get("/memberships")]
async fn list(
    identity: Data<Identity>,
    cursors: Data<Cursors>,
    cx: Auth<MembershipsRead>,
    asker: Asker,
    request: HttpRequest,
    params: Query<RegisterParams>,
) -> Result<Page<MembershipBody>, Problem> {
    let asking: &Asking = &asker;
    let read = async |after: Option<Uuid>, limit| identity.members(asking, &cx, after.map(UserId::from), limit).await;
    let id = |member: &KnownMember| member.membership.id;
    register_page(&cursors, &cx, request.path(), params.into_inner(), id, read).await
}

/// Show a member.
#[utoipa::path(
    tag = "memberships",
    security(("bearer" = [Auth::<MembershipsRead>::SCOPE])),
    responses((status = 200, description = "The member.", body = MembershipBody))
)]
#[get("/memberships/{id}")]
async fn show(
    identity: Data<Identity>,
    cx: Auth<MembershipsRead>,
    asker: Asker,
    id: Id<UserId>,
) -> Result<Record<MembershipBody>, Problem> {
    let member = identity.member(&asker, &cx, *id).await?;
    let member = member.filter(|member| member.membership.state.standing != MembershipStanding::Removed);
    let member = member.ok_or_else(missing::<Membership>)?;
    Ok(Record::new(member.membership.version, member.into()))
}

/// Change what a member may do. It holds from the member's next request on.
#[utoipa::path(
    tag = "memberships",
    security(("bearer" = [Auth::<MembershipsWrite>::SCOPE])),
    params(IfMatch),
    request_body(content((MembershipPatch = "application/merge-patch+json"), (MembershipPatch = "application/json"))),
    responses((status = 200, description = "It is as demanded.", body = Receipt))
)]
#[patch("/memberships/{id}")]
async fn change(
    identity: Data<Identity>,
    cx: Auth<MembershipsWrite>,
    id: Id<UserId>,
    expected: IfMatch,
    body: Valid<MembershipPatch>,
) -> Result<Receipt, Problem> {
    let body = body.into_inner();
    let mut check = Check::default();
    let changed = match body.roles {
        Member::Value(texts) => roles(&mut check, "/roles", texts).map(Some),
        other => other.required(&mut check, "/roles", |_| Ok(Default::default())),
    };
    let limited = body.projects.optional(&mut check, "/projects", |ids| Ok(projects(ids)));
    let (roles, projects) = check.finish(changed.zip(limited))?;
    identity.change_member(&cx, *id, expected.into(), roles, projects).await?.try_into()
}

/// Take somebody out of the organization, or take an invitation back. The last owner can't go.
#[utoipa::path(
    tag = "memberships",
    security(("bearer" = [Auth::<MembershipsWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "They are no member.", body = Receipt))
)]
#[delete("/memberships/{id}")]
async fn remove(
    identity: Data<Identity>,
    cx: Auth<MembershipsWrite>,
    id: Id<UserId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    identity.remove_member(&cx, *id, expected.into()).await?.try_into()
}

/// Read what happened to a membership, oldest first.
#[utoipa::path(
    tag = "memberships",
    security(("bearer" = [Auth::<MembershipsRead>::SCOPE])),
    params(RecordEventParams),
    responses((status = 200, description = "A page; `next_after` is a version.", body = EventPage))
)]
#[get("/memberships/{id}/events")]
async fn events(
    history: Data<History>,
    cx: Auth<MembershipsRead>,
    id: Id<UserId>,
    params: Query<RecordEventParams>,
) -> Result<EventPage, Problem> {
    record_events::<Membership>(&history, &cx, *id, params.into_inner()).await
}
