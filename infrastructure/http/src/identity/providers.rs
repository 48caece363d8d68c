//! Signing in by providers. Tokens never stand in a URL: the provider sends the browser to the web client, which brings here what
//! came with it.

use actix_web::{
    HttpResponse, get,
    http::header::LOCATION,
    post,
    web::{Data, Json},
};
use fairlead_application::identity::{Departure, Identity, ProfileWrite, ProviderSignIn, Return, oidc::Answer};
use fairlead_domain::values::Provider;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{dto::Hidden, sessions_dto::TokenBody};
use crate::{
    answer::Page,
    problem::Problem,
    request::{Asker, Auth, Try, Valid},
};

/// The routes of providers, below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list).service(begin).service(sign_in).service(begin_link).service(link).service(unlink);
}

/// By whom one may sign in.
#[derive(Serialize, ToSchema)]
#[schema(as = Provider)]
struct ProviderBody {
    #[schema(example = "google")]
    name: String,
}

impl From<Provider> for ProviderBody {
    fn from(provider: Provider) -> Self {
        Self { name: provider.as_str().to_owned() }
    }
}

/// By whom somebody wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "provider": "google" }))]
struct Begin {
    provider: String,
}

/// A provider, and the present password, of who has one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "provider": "google", "password": "correct horse battery" }))]
struct ProviderConfirmation {
    provider: String,
    #[schema(value_type = Option<String>, format = Password, nullable = false)]
    password: Option<Hidden>,
}

/// Where somebody has to go, and what the browser keeps until it is back.
#[derive(Serialize, ToSchema)]
#[schema(as = Departure)]
struct DepartureBody {
    /// Send the browser there. It comes back to `/oidc/{provider}` of the web client.
    #[schema(example = "https://accounts.google.com/o/oauth2/v2/auth?response_type=code&state=…")]
    authorization_url: String,
    /// Keep it with the browser, in its session storage, and send it with what comes back, within ten minutes.
    visit: String,
}

impl From<Departure> for DepartureBody {
    fn from(departure: Departure) -> Self {
        let visit = departure.visit.expose_secret().to_owned();
        Self { authorization_url: departure.authorization_url, visit }
    }
}

/// What the browser brought back in the query, and what it kept; and where to go to work.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "provider": "google", "visit": "AAAA", "state": "BBBB", "code": "CCCC" }))]
struct ProviderSignInBody {
    /// To whose path the browser came back.
    provider: String,
    #[schema(value_type = String)]
    visit: Hidden,
    #[schema(nullable = false)]
    state: Option<String>,
    #[schema(value_type = Option<String>, nullable = false)]
    code: Option<Hidden>,
    #[schema(nullable = false)]
    iss: Option<String>,
    #[schema(nullable = false)]
    error: Option<String>,
    /// In which organization; without, in the one that invited, or the first of one's own.
    #[schema(nullable = false)]
    organization_id: Option<Uuid>,
    /// The token of an invitation, which is accepted thereby. Who has not registered yet does so with it.
    #[schema(value_type = Option<String>, nullable = false)]
    invitation: Option<Hidden>,
}

/// What the browser brought back in the query, and what it kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "provider": "google", "visit": "AAAA", "state": "BBBB", "code": "CCCC" }))]
struct ProviderLink {
    /// To whose path the browser came back.
    provider: String,
    #[schema(value_type = String)]
    visit: Hidden,
    #[schema(nullable = false)]
    state: Option<String>,
    #[schema(value_type = Option<String>, nullable = false)]
    code: Option<Hidden>,
    #[schema(nullable = false)]
    iss: Option<String>,
    #[schema(nullable = false)]
    error: Option<String>,
}

impl From<ProviderLink> for Return {
    fn from(body: ProviderLink) -> Self {
        let Hidden(visit) = body.visit;
        let code = body.code.map(|Hidden(code)| code.expose_secret().to_owned());
        let answer = Answer { state: body.state, code, issuer: body.iss, error: body.error };
        Self { provider: body.provider, visit, answer }
    }
}

/// List by whom one may sign in.
#[utoipa::path(
    tag = "sessions",
    operation_id = "providers",
    responses((status = 200, description = "All of them.", body = Page<ProviderBody>))
)]
#[get("/oidc/providers")]
async fn list(providers: Data<ProviderSignIn>) -> Page<ProviderBody> {
    Page::whole(providers.names().into_iter().map(ProviderBody::from).collect())
}

/// Go to a provider to sign in there.
#[utoipa::path(
    tag = "sessions",
    operation_id = "begin_by_provider",
    request_body = Begin,
    responses((status = 200, description = "Where to go.", body = DepartureBody))
)]
#[post("/oidc/authorize")]
async fn begin(
    providers: Data<ProviderSignIn>,
    _attempt: Try,
    body: Valid<Begin>,
) -> Result<Json<DepartureBody>, Problem> {
    Ok(Json(providers.begin(&body.into_inner().provider).await?.into()))
}

/// Sign in with what came back from a provider.
///
/// Who is not linked to this identity yet is refused with `oidc.unknown_user` or `oidc.not_linked`, unless there is an invitation,
/// or the provider's word about the address is enough by the settings.
#[utoipa::path(
    tag = "sessions",
    operation_id = "sign_in_by_provider",
    request_body = ProviderSignInBody,
    responses((status = 201, description = "Signed in.", body = TokenBody))
)]
#[post("/oidc/sign_in")]
async fn sign_in(
    providers: Data<ProviderSignIn>,
    _attempt: Try,
    asker: Asker,
    body: Valid<ProviderSignInBody>,
) -> Result<HttpResponse, Problem> {
    let ProviderSignInBody { provider, visit, state, code, iss, error, organization_id, invitation } =
        body.into_inner();
    let back = ProviderLink { provider, visit, state, code, iss, error }.into();
    let invitation = invitation.as_ref().map(|Hidden(token)| token);
    let signed_in = providers.sign_in(&asker, back, organization_id.map(Into::into), invitation).await?;
    let location = format!("/v1/sessions/{}", signed_in.session);
    Ok(HttpResponse::Created().insert_header((LOCATION, location)).json(TokenBody::from(signed_in)))
}

/// Go to a provider to be linked to who one is there.
#[utoipa::path(
    tag = "me",
    operation_id = "begin_provider_link",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = ProviderConfirmation,
    responses((status = 200, description = "Where to go.", body = DepartureBody))
)]
#[post("/me/providers/authorize")]
async fn begin_link(
    providers: Data<ProviderSignIn>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<ProviderConfirmation>,
) -> Result<Json<DepartureBody>, Problem> {
    let ProviderConfirmation { provider, password } = body.into_inner();
    let password = password.map(|Hidden(password)| password);
    Ok(Json(providers.begin_link(&asker, &cx, &provider, password).await?.into()))
}

/// Be linked, with what came back from a provider: from then on one signs in by it.
#[utoipa::path(
    tag = "me",
    operation_id = "link_provider",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = ProviderLink,
    responses((status = 204, description = "Linked."))
)]
#[post("/me/providers")]
async fn link(
    providers: Data<ProviderSignIn>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<ProviderLink>,
) -> Result<HttpResponse, Problem> {
    providers.link(&asker, &cx, body.into_inner().into()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Be linked to a provider no longer. Who has no password keeps one link.
#[utoipa::path(
    tag = "me",
    operation_id = "unlink_provider",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = ProviderConfirmation,
    responses((status = 204, description = "Not linked."))
)]
#[post("/me/providers/unlink")]
async fn unlink(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<ProviderConfirmation>,
) -> Result<HttpResponse, Problem> {
    let ProviderConfirmation { provider, password } = body.into_inner();
    identity.unlink_provider(&asker, &cx, &provider, password.map(|Hidden(password)| password)).await?;
    Ok(HttpResponse::NoContent().finish())
}
