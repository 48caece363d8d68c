//! Where one belongs, and how one goes.

use actix_web::{HttpResponse, delete, get, post, web::Data};
use fairlead_application::{
    administration::OperatorWrite,
    identity::{Identity, ProfileRead, ProfileWrite},
};
use fairlead_domain::ids::{OrganizationId, UserId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{dto::Confirmation, memberships::MembershipStatus};
use crate::{
    answer::{Page, Receipt},
    problem::Problem,
    request::{Asker, Auth, Id, Valid},
};

/// The routes of those who belong and go, below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(organizations)
        .service(leave)
        .service(deactivate)
        .service(erase)
        .service(deactivate_as_operator)
        .service(reactivate);
}

/// An organization to which one belongs.
#[derive(Serialize, ToSchema)]
struct OwnOrganization {
    id: Uuid,
    name: String,
    status: MembershipStatus,
}

/// List the organizations to which one belongs, or into which one is invited.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileRead>::SCOPE])),
    responses((status = 200, description = "All of them.", body = Page<OwnOrganization>))
)]
#[get("/me/organizations")]
async fn organizations(
    identity: Data<Identity>,
    cx: Auth<ProfileRead>,
    asker: Asker,
) -> Result<Page<OwnOrganization>, Problem> {
    let all = identity.my_organizations(&asker, &cx).await?;
    let body = |own: fairlead_application::identity::OwnOrganization| OwnOrganization {
        id: own.id.into(),
        name: own.name.as_str().to_owned(),
        status: if own.is_member { MembershipStatus::Active } else { MembershipStatus::Invited },
    };
    Ok(Page::whole(all.into_iter().map(body).collect()))
}

/// Leave an organization. The last owner can't.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    responses((status = 204, description = "One is no member."))
)]
#[delete("/me/organizations/{id}")]
async fn leave(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    id: Id<OrganizationId>,
) -> Result<HttpResponse, Problem> {
    identity.leave_organization(&asker, &cx, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deactivate one's account: all sessions end, and nobody signs in, until an operator reactivates it.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = Confirmation,
    responses((status = 204, description = "It is deactivated."))
)]
#[post("/me/deactivate")]
async fn deactivate(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<Confirmation>,
) -> Result<HttpResponse, Problem> {
    identity.deactivate_myself(&asker, &cx, body.into_inner().password()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Erase everything personal about oneself, for good. One leaves all organizations; the last owner of one can't.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = Confirmation,
    responses((status = 204, description = "Nothing personal is left."))
)]
#[post("/me/erase")]
async fn erase(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<Confirmation>,
) -> Result<HttpResponse, Problem> {
    identity.erase_myself(&asker, &cx, body.into_inner().password()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deactivate somebody's account: all sessions end, and nobody signs in, until it is reactivated.
#[utoipa::path(
    tag = "operator",
    operation_id = "deactivate_user",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    responses((status = 200, description = "It is deactivated.", body = Receipt))
)]
#[post("/operator/users/{id}/deactivate")]
async fn deactivate_as_operator(
    identity: Data<Identity>,
    cx: Auth<OperatorWrite>,
    asker: Asker,
    id: Id<UserId>,
) -> Result<Receipt, Problem> {
    identity.set_active(&asker, &cx, *id, false).await?.try_into()
}

/// Reactivate somebody's account.
#[utoipa::path(
    tag = "operator",
    operation_id = "reactivate_user",
    security(("bearer" = [Auth::<OperatorWrite>::SCOPE])),
    responses((status = 200, description = "It is active.", body = Receipt))
)]
#[post("/operator/users/{id}/reactivate")]
async fn reactivate(
    identity: Data<Identity>,
    cx: Auth<OperatorWrite>,
    asker: Asker,
    id: Id<UserId>,
) -> Result<Receipt, Problem> {
    identity.set_active(&asker, &cx, *id, true).await?.try_into()
}
