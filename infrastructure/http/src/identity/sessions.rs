//! Signing in, going on, and signing out.

use actix_web::{
    HttpRequest, HttpResponse, delete, get,
    http::header::LOCATION,
    post,
    web::{Data, Json},
};
use fairlead_application::{
    identity::{Asking, Identity, ProfileRead, ProfileWrite},
    list::Cursors,
};
use fairlead_domain::ids::SessionId;
use secrecy::ExposeSecret;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    dto::Hidden,
    sessions_dto::{RefreshBody, SessionBody, SignInBody, SwitchBody, TokenBody},
};
use crate::{
    answer::{Page, RegisterParams, register_page},
    problem::Problem,
    request::{Asker, Auth, Id, Query, Try, Valid},
};

/// The routes of sessions, below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(sign_in)
        .service(refresh)
        .service(switch)
        .service(sign_out)
        .service(sign_out_everywhere)
        .service(list)
        .service(end);
}

/// Sign in.
///
/// An unknown address is answered as a wrong password is, and takes as long. Who has a second factor sends `totp` or
/// `recovery_code` besides; without, the answer has the code `session.totp_required`.
#[utoipa::path(
    tag = "sessions",
    request_body = SignInBody,
    responses((status = 201, description = "Signed in.", body = TokenBody))
)]
#[post("/sessions")]
async fn sign_in(
    identity: Data<Identity>,
    _attempt: Try,
    asker: Asker,
    body: Valid<SignInBody>,
) -> Result<HttpResponse, Problem> {
    let signed_in = identity.sign_in(&asker, body.into_inner().try_into()?).await?;
    let location = format!("/v1/sessions/{}", signed_in.session);
    Ok(HttpResponse::Created().insert_header((LOCATION, location)).json(TokenBody::from(signed_in)))
}

/// Go on with a session: brings the next access token and the next refresh token.
///
/// A refresh token works once. One that comes a second time ends the session, since either it was stolen or what came after it
/// was.
#[utoipa::path(
    tag = "sessions",
    request_body = RefreshBody,
    responses((status = 200, description = "The session goes on.", body = TokenBody))
)]
#[post("/sessions/refresh")]
async fn refresh(
    identity: Data<Identity>,
    _attempt: Try,
    asker: Asker,
    body: Valid<RefreshBody>,
) -> Result<Json<TokenBody>, Problem> {
    let Hidden(token) = body.into_inner().refresh_token;
    Ok(Json(identity.refresh(&asker, token.expose_secret()).await?.into()))
}

/// Go to work in another organization, in the same session.
#[utoipa::path(
    tag = "sessions",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = SwitchBody,
    responses((status = 200, description = "Tokens for the other organization.", body = TokenBody))
)]
#[post("/sessions/switch")]
async fn switch(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<SwitchBody>,
) -> Result<Json<TokenBody>, Problem> {
    Ok(Json(identity.switch(&asker, &cx, body.into_inner().organization_id.into()).await?.into()))
}

/// Sign out of this session.
#[utoipa::path(
    tag = "sessions",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    responses((status = 204, description = "The session has ended."))
)]
#[post("/sessions/sign_out")]
async fn sign_out(identity: Data<Identity>, cx: Auth<ProfileWrite>, asker: Asker) -> Result<HttpResponse, Problem> {
    identity.end_session(&asker, &cx, None).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sign out of every session.
#[utoipa::path(
    tag = "sessions",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    responses((status = 204, description = "All sessions have ended."))
)]
#[post("/sessions/sign_out_everywhere")]
async fn sign_out_everywhere(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
) -> Result<HttpResponse, Problem> {
    identity.end_all_sessions(&asker, &cx).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// List one's own sessions that have not ended.
#[utoipa::path(
    tag = "sessions",
    security(("bearer" = [Auth::<ProfileRead>::SCOPE])),
    params(RegisterParams),
    responses((status = 200, description = "A page.", body = Page<SessionBody>))
)]
#[get("/sessions")]
async fn list(
    identity: Data<Identity>,
    cursors: Data<Cursors>,
    cx: Auth<ProfileRead>,
    asker: Asker,
    request: HttpRequest,
    params: Query<RegisterParams>,
) -> Result<Page<SessionBody>, Problem> {
    let asking: &Asking = &asker;
    let read = async |after: Option<uuid::Uuid>, limit| {
        identity.sessions(asking, &cx, after.map(SessionId::from), limit).await
    };
    register_page(&cursors, &cx, request.path(), params.into_inner(), |session| session.id, read).await
}

/// End one of one's own sessions.
#[utoipa::path(
    tag = "sessions",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    responses((status = 204, description = "The session has ended."))
)]
#[delete("/sessions/{id}")]
async fn end(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    id: Id<SessionId>,
) -> Result<HttpResponse, Problem> {
    identity.end_session(&asker, &cx, Some(*id)).await?;
    Ok(HttpResponse::NoContent().finish())
}
