//! What is one's own: profile, password, second factor.

use actix_web::{
    HttpResponse, get, patch, post,
    web::{Data, Json},
};
use fairlead_application::{
    Recorded,
    envelope::rfc3339,
    export::Exports,
    identity::{Identity, ProfileRead, ProfileWrite},
};
use fairlead_domain::{
    identity::User,
    kernel::Personal,
    values::{Email, PersonName},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{
    dto::{Confirmation, Hidden, password},
    sessions_dto::TokenBody,
};
use crate::{
    answer::{Receipt, Record, ShowDeleted, record},
    problem::{Check, Problem},
    request::{Asker, Auth, IfMatch, Member, Valid},
};

/// The routes of what is one's own, below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(show)
        .service(change)
        .service(change_password)
        .service(request_verification)
        .service(begin_totp)
        .service(enable_totp)
        .service(disable_totp)
        .service(renew_recovery_codes)
        .service(export);
}

/// A person who signs in.
#[derive(Serialize, ToSchema)]
#[schema(as = Profile)]
struct ProfileBody {
    id: Uuid,
    #[schema(minimum = 1)]
    version: i64,
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    email: Option<String>,
    email_verified: bool,
    /// Whether the person signs in with a second factor.
    totp_enabled: bool,
    /// How many of the codes are left that were written down.
    #[schema(minimum = 0)]
    recovery_codes_left: usize,
    has_password: bool,
    /// Who besides vouches for the person.
    providers: Vec<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Recorded<User>> for ProfileBody {
    fn from(recorded: Recorded<User>) -> Self {
        let user = recorded.state;
        Self {
            id: recorded.id,
            version: recorded.version,
            name: user.name.as_ref().and_then(Personal::known).map(|name| name.as_str().to_owned()),
            email: user.email.known().map(|email| email.as_str().to_owned()),
            email_verified: user.email_verified,
            totp_enabled: user.asks_for_totp(),
            recovery_codes_left: user.totp.as_ref().map_or(0, |totp| totp.recovery_codes.len()),
            has_password: user.has_password,
            providers: user.identities.iter().map(|identity| identity.provider.as_str().to_owned()).collect(),
            created_at: rfc3339(recorded.created_at),
        }
    }
}

/// A change of one's own record: what is missing stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Ana Maria Lima" }))]
struct ProfilePatch {
    /// Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, nullable = false)]
    name: Member<String>,
    /// A new one is to be verified. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Email, max_length = 254, nullable = false)]
    email: Member<String>,
}

/// A new password, and the present one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct horse battery", "new_password": "another horse battery" }))]
struct PasswordChange {
    /// The present one, of who has one.
    #[schema(value_type = Option<String>, format = Password, nullable = false)]
    password: Option<Hidden>,
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 256)]
    new_password: Hidden,
}

/// A present code of the second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "123456" }))]
struct TotpCode {
    #[schema(value_type = String)]
    code: Hidden,
}

/// A second factor that is being set up. Shown this once.
#[derive(Serialize, ToSchema)]
struct TotpSecret {
    /// In base 32, to be typed into an app.
    secret: String,
    /// To be shown as a QR code.
    #[schema(example = "otpauth://totp/Fairlead:ana%40example.com?secret=…")]
    address: String,
}

/// Codes to be written down, for the case that the device is lost. Each works once. Shown this once.
#[derive(Serialize, ToSchema)]
struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

impl RecoveryCodes {
    fn of(codes: Vec<SecretString>) -> Json<Self> {
        Json(Self { recovery_codes: codes.iter().map(|code| code.expose_secret().to_owned()).collect() })
    }
}

/// Show one's own record.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileRead>::SCOPE])),
    responses((status = 200, description = "The person who signed in.", body = ProfileBody))
)]
#[get("/me")]
async fn show(identity: Data<Identity>, cx: Auth<ProfileRead>, asker: Asker) -> Result<Record<ProfileBody>, Problem> {
    record(Some(identity.profile(&asker, &cx).await?), &ShowDeleted::default())
}

/// Change one's own name or address. A new address is to be verified.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    params(IfMatch),
    request_body(content((ProfilePatch = "application/merge-patch+json"), (ProfilePatch = "application/json"))),
    responses((status = 200, description = "The record is as demanded.", body = Receipt))
)]
#[patch("/me")]
async fn change(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    expected: IfMatch,
    body: Valid<ProfilePatch>,
) -> Result<Receipt, Problem> {
    let ProfilePatch { name, email } = body.into_inner();
    let mut check = Check::default();
    let name = name.required(&mut check, "/name", |name| PersonName::new(&name));
    let email = email.required(&mut check, "/email", |email| Email::new(&email));
    let (name, email) = check.finish(name.zip(email))?;
    identity.change_profile(&asker, &cx, expected.into(), name, email).await?.try_into()
}

/// Choose a new password. All sessions end; a new one begins in the place of this one.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = PasswordChange,
    responses((status = 200, description = "The password is set.", body = TokenBody))
)]
#[post("/me/password")]
async fn change_password(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<PasswordChange>,
) -> Result<Json<TokenBody>, Problem> {
    let PasswordChange { password: present, new_password } = body.into_inner();
    let mut check = Check::default();
    let new = password(&mut check, "/new_password", new_password);
    let (new, present) = (check.finish(new)?, present.map(|Hidden(password)| password));
    Ok(Json(identity.change_password(&asker, &cx, present, new).await?.into()))
}

/// Have the link by which one's address is verified sent once more.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    responses((status = 202, description = "It is sent, unless the address is verified."))
)]
#[post("/me/email_verification")]
async fn request_verification(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
) -> Result<HttpResponse, Problem> {
    identity.request_verification(&asker, &cx).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Begin to set up a second factor. It counts once a code of it has come back.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = Confirmation,
    responses((status = 200, description = "What an app needs.", body = TotpSecret))
)]
#[post("/me/totp")]
async fn begin_totp(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<Confirmation>,
) -> Result<Json<TotpSecret>, Problem> {
    let setup = identity.begin_totp(&asker, &cx, body.into_inner().password()).await?;
    let shown = |secret: &SecretString| secret.expose_secret().to_owned();
    Ok(Json(TotpSecret { secret: shown(&setup.secret), address: shown(&setup.address) }))
}

/// Enable the second factor by a first code.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = TotpCode,
    responses((status = 200, description = "Whoever signs in needs a code from now on.", body = RecoveryCodes))
)]
#[post("/me/totp/enable")]
async fn enable_totp(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<TotpCode>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let Hidden(code) = body.into_inner().code;
    Ok(RecoveryCodes::of(identity.enable_totp(&asker, &cx, code).await?))
}

/// Take the second factor off.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = Confirmation,
    responses((status = 204, description = "The password alone is asked for."))
)]
#[post("/me/totp/disable")]
async fn disable_totp(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<Confirmation>,
) -> Result<HttpResponse, Problem> {
    identity.disable_totp(&asker, &cx, body.into_inner().password()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Have other codes to be written down; those of before hold no longer.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileWrite>::SCOPE])),
    request_body = Confirmation,
    responses((status = 200, description = "The codes.", body = RecoveryCodes))
)]
#[post("/me/recovery_codes")]
async fn renew_recovery_codes(
    identity: Data<Identity>,
    cx: Auth<ProfileWrite>,
    asker: Asker,
    body: Valid<Confirmation>,
) -> Result<Json<RecoveryCodes>, Problem> {
    Ok(RecoveryCodes::of(identity.renew_recovery_codes(&asker, &cx, body.into_inner().password()).await?))
}

/// Take out all that is known about oneself: profile, sessions, memberships, and what happened to each.
#[utoipa::path(
    tag = "me",
    security(("bearer" = [Auth::<ProfileRead>::SCOPE])),
    responses((status = 200, description = "One document.", body = Map<String, Value>))
)]
#[get("/me/export")]
async fn export(exports: Data<Exports>, cx: Auth<ProfileRead>) -> Result<Json<Value>, Problem> {
    Ok(Json(exports.myself(&cx).await?))
}
