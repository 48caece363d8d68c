//! What is done with the links that were sent by mail.

use actix_web::{
    HttpResponse, post,
    web::{Data, Json},
};
use fairlead_application::identity::{Acceptance, Identity};
use fairlead_domain::values::{Email, PersonName};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::dto::{Hidden, missing, password};
use crate::{
    problem::{Check, Problem},
    request::{Asker, Try, Valid},
};

/// The routes of links, below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(request_reset).service(confirm_reset).service(confirm_email).service(accept);
}

/// Whose password is to be set anew.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ana@example.com" }))]
struct ResetRequest {
    #[schema(format = Email)]
    email: String,
}

/// A new password, and the token of the link that was sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "AAAA", "password": "correct horse battery" }))]
struct ResetConfirmation {
    #[schema(value_type = String)]
    token: Hidden,
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 256)]
    password: Hidden,
}

/// The token of the link that was sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "AAAA" }))]
struct EmailConfirmation {
    #[schema(value_type = String)]
    token: Hidden,
}

/// The token of an invitation; and for who has not registered yet, a name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "AAAA", "name": "Bo Ek", "password": "correct horse battery" }))]
struct AcceptanceBody {
    #[schema(value_type = String)]
    token: Hidden,
    /// What the person is called.
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    name: Option<String>,
    #[schema(value_type = Option<String>, format = Password, min_length = 10, max_length = 256, nullable = false)]
    password: Option<Hidden>,
}

/// Where the person is a member now.
#[derive(Serialize, ToSchema)]
struct Accepted {
    organization_id: Uuid,
    user_id: Uuid,
}

/// Ask for a link by which a password is set anew. The answer is the same whether the address is known or not.
#[utoipa::path(
    tag = "sessions",
    request_body = ResetRequest,
    responses((status = 202, description = "If somebody registered with the address, a link is sent there."))
)]
#[post("/password_resets")]
async fn request_reset(
    identity: Data<Identity>,
    _attempt: Try,
    asker: Asker,
    body: Valid<ResetRequest>,
) -> Result<HttpResponse, Problem> {
    let mut check = Check::default();
    let email = check.at("/email", Email::new(&body.into_inner().email));
    identity.request_password_reset(&asker, check.finish(email)?)?;
    Ok(HttpResponse::Accepted().finish())
}

/// Set a password anew by the link that was sent. All sessions end.
#[utoipa::path(
    tag = "sessions",
    request_body = ResetConfirmation,
    responses((status = 204, description = "The password is set."))
)]
#[post("/password_resets/confirm")]
async fn confirm_reset(
    identity: Data<Identity>,
    _attempt: Try,
    asker: Asker,
    body: Valid<ResetConfirmation>,
) -> Result<HttpResponse, Problem> {
    let ResetConfirmation { token: Hidden(token), password: new } = body.into_inner();
    let mut check = Check::default();
    let new = password(&mut check, "/password", new);
    identity.reset_password(&asker, token.expose_secret(), check.finish(new)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Show that an address is one's own, by the link that was sent there.
#[utoipa::path(
    tag = "sessions",
    request_body = EmailConfirmation,
    responses((status = 204, description = "The address is verified."))
)]
#[post("/email_verifications/confirm")]
async fn confirm_email(
    identity: Data<Identity>,
    _attempt: Try,
    asker: Asker,
    body: Valid<EmailConfirmation>,
) -> Result<HttpResponse, Problem> {
    let Hidden(token) = body.into_inner().token;
    identity.verify_email(&asker, token.expose_secret()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Accept an invitation by the link that was sent. Who has not registered yet does so with it.
#[utoipa::path(
    tag = "sessions",
    request_body = AcceptanceBody,
    responses((status = 200, description = "The person is a member; they sign in next.", body = Accepted))
)]
#[post("/invitations/accept")]
async fn accept(
    identity: Data<Identity>,
    _attempt: Try,
    asker: Asker,
    body: Valid<AcceptanceBody>,
) -> Result<Json<Accepted>, Problem> {
    let AcceptanceBody { token: Hidden(token), name, password: new } = body.into_inner();
    let mut check = Check::default();
    let name = check.at("/name", name.as_deref().map(PersonName::new).transpose());
    let new = match new {
        Some(new) => password(&mut check, "/password", new).map(Some),
        None => Some(None),
    };
    let acceptance = match (name, new) {
        (Some(Some(name)), Some(Some(password))) => Some(Some(Acceptance { name, password })),
        (Some(None), Some(None)) => Some(None),
        (Some(name), Some(_)) => {
            let pointer = if name.is_some() { "/password" } else { "/name" };
            missing(&mut check, pointer, "who registers sends name and password");
            None
        }
        _ => None,
    };
    let acceptance = check.finish(acceptance)?;
    let (organization, outcome) = identity.accept(&asker, token.expose_secret(), acceptance).await?;
    let user_id = outcome.receipts.first().map(|receipt| receipt.id).unwrap_or_default();
    Ok(Json(Accepted { organization_id: organization.into(), user_id }))
}
