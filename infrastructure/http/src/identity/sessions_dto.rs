//! Sessions as JSON.

use fairlead_application::{
    Recorded,
    envelope::rfc3339,
    identity::{SecondFactor, SignIn, SignedIn},
};
use fairlead_domain::{
    identity::{Session, SessionMethod},
    kernel::Personal,
    values::Email,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::dto::Hidden;
use crate::{
    document::closed,
    problem::{Check, Problem},
};

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ana@example.com", "password": "correct horse battery" }))]
pub(super) struct SignInBody {
    #[schema(format = Email)]
    email: String,
    #[schema(value_type = String, format = Password)]
    password: Hidden,
    /// The present code of the second factor, for those who have one.
    #[schema(value_type = Option<String>, nullable = false, example = "123456")]
    totp: Option<Hidden>,
    /// One of the codes that were written down, in its place.
    #[schema(value_type = Option<String>, nullable = false)]
    recovery_code: Option<Hidden>,
    /// In which organization; without, in the first of one's own.
    #[schema(nullable = false)]
    organization_id: Option<Uuid>,
}

impl TryFrom<SignInBody> for SignIn {
    type Error = Problem;

    fn try_from(body: SignInBody) -> Result<Self, Problem> {
        let mut check = Check::default();
        let email = check.at("/email", Email::new(&body.email));
        let recovery = body.recovery_code.map(|Hidden(code)| SecondFactor::RecoveryCode(code));
        let second_factor = body.totp.map(|Hidden(code)| SecondFactor::Totp(code)).or(recovery);
        let (Hidden(password), organization) = (body.password, body.organization_id.map(Into::into));
        check.finish(email.map(|email| Self { email, password, second_factor, organization }))
    }
}

/// The token that brings the next ones.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "refresh_token": "AAAA" }))]
pub(super) struct RefreshBody {
    #[schema(value_type = String)]
    pub(super) refresh_token: Hidden,
}

/// In which organization one goes to work.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "organization_id": "0193a3c0-0000-7000-8000-000000000001" }))]
pub(super) struct SwitchBody {
    pub(super) organization_id: Uuid,
}

/// How an access token is sent (RFC 6750).
#[derive(Serialize, ToSchema)]
enum TokenType {
    Bearer,
}

/// What somebody has who signed in (RFC 6749, section 5.1, and more).
#[derive(Serialize, ToSchema)]
pub(super) struct TokenBody {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    token_type: TokenType,
    /// For how many seconds the access token holds.
    #[schema(minimum = 0, example = 900)]
    expires_in: u64,
    /// Brings the next tokens, once.
    refresh_token: String,
    session_id: Uuid,
    /// Until when the session can be refreshed.
    #[schema(format = DateTime)]
    session_expires_at: String,
    user_id: Uuid,
    organization_id: Uuid,
}

impl From<SignedIn> for TokenBody {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            access_token: signed_in.access_token.expose_secret().to_owned(),
            token_type: TokenType::Bearer,
            expires_in: signed_in.expires_in.as_secs(),
            refresh_token: signed_in.refresh_token.expose_secret().to_owned(),
            session_id: signed_in.session.into(),
            session_expires_at: rfc3339(signed_in.session_expires_at),
            user_id: signed_in.user.into(),
            organization_id: signed_in.organization.into(),
        }
    }
}

/// A session that has not ended.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionBody {
    id: Uuid,
    organization_id: Uuid,
    /// How the person proved who they are.
    #[schema(value_type = Vec<closed::SessionMethod>, example = json!(["password", "totp"]))]
    methods: Vec<SessionMethod>,
    /// Which provider vouched for the person, if one did.
    #[schema(required)]
    provider: Option<String>,
    /// From which address it was used last.
    #[schema(required)]
    address: Option<String>,
    #[schema(required)]
    user_agent: Option<String>,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    refreshed_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<Recorded<Session>> for SessionBody {
    fn from(recorded: Recorded<Session>) -> Self {
        let session = recorded.state;
        let origin = session.origin.as_ref().and_then(|origin| Personal::known(&origin.value));
        Self {
            id: recorded.id,
            organization_id: session.organization_id.into(),
            methods: session.methods.iter().copied().collect(),
            provider: session.provider.as_ref().map(|provider| provider.as_str().to_owned()),
            address: origin.and_then(|origin| origin.address).map(|address| address.to_string()),
            user_agent: origin.and_then(|origin| origin.user_agent()).map(str::to_owned),
            started_at: rfc3339(session.started_at),
            refreshed_at: rfc3339(session.refreshed_at),
            expires_at: rfc3339(session.expires_at),
        }
    }
}
