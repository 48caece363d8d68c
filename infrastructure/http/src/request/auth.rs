//! Who asks, and whether they may.

use std::{ops::Deref, sync::Arc, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::{
        Method,
        header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE},
    },
    web::Data,
};
use fairlead_application::{
    AppError, Context,
    access::{Authorized, Permission},
    identity::{
        AccessLog, KeyText, Principals,
        tokens::{Credential, Credentials, Refusal},
    },
    ports::Clock,
    signing::Signer,
};
use fairlead_domain::kernel::{ErrorKind, Invalid};
use futures::{FutureExt, future::LocalBoxFuture};
use secrecy::SecretSlice;
use tracing::Span;

use super::{
    CONSISTENCY, Rates, RequestId, asker::trace_parent, body, header, idempotency, idempotency::Fingerprints, noting,
    origin::origin,
};
use crate::problem::Problem;

/// The header of W3C trace context.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// How long an answer goes on that was asked for with a key, which itself may have no end: whether the key still holds is
/// asked anew when the client comes back.
const KEY_LASTS: Duration = Duration::from_secs(15 * 60);

/// What is needed to let somebody in.
#[derive(Clone)]
pub(crate) struct Gate {
    credentials: Arc<dyn Credentials>,
    principals: Principals,
    pub(super) access_log: AccessLog,
    pub(super) clock: Arc<dyn Clock>,
    fingerprints: Fingerprints,
    rates: Arc<Rates>,
}

impl Gate {
    /// Lets in those for whom `credentials` or `principals` vouch.
    pub(crate) fn new(
        credentials: Arc<dyn Credentials>,
        principals: Principals,
        secret: &SecretSlice<u8>,
        clock: Arc<dyn Clock>,
        rates: Rates,
    ) -> Self {
        let fingerprints = Fingerprints::new(Signer::new(secret, "fingerprint"));
        let access_log = AccessLog::default();
        Self { credentials, principals, access_log, clock, fingerprints, rates: Arc::new(rates) }
    }

    /// The same, which notes who asks.
    pub(crate) fn noting(self, access_log: AccessLog) -> Self {
        Self { access_log, ..self }
    }

    /// How long what the caller was granted still holds; `None` when it has no end.
    pub(crate) fn remaining(&self, cx: &Context) -> Option<Duration> {
        cx.valid_until.map(|end| (end - self.clock.now()).to_std().unwrap_or_default())
    }

    /// The caller with everything that the headers say about the request.
    async fn context(&self, request: &HttpRequest) -> Result<Context, Problem> {
        let mut context = self.caller(request).await?;
        Span::current().record("tenant", tracing::field::display(context.tenant()));
        let standings = self.rates.count(&context);
        let within = standings.check();
        request.extensions_mut().insert(standings);
        within?;
        context.correlation_id = request.extensions().get::<RequestId>().map(|id| id.correlation);
        context.trace_parent = trace_parent(request.headers());
        let malformed = |invalid: Invalid| Problem::malformed(invalid.code, invalid.detail);
        context.read_after = header(request, &CONSISTENCY)?.map(str::parse).transpose().map_err(malformed)?;
        Ok(context)
    }

    /// Who it is, and what they may do.
    async fn caller(&self, request: &HttpRequest) -> Result<Context, Problem> {
        let token = bearer(request)?;
        if KeyText::is_meant(token) {
            let mut context = self.principals.of_key(token, origin(request).address).await.map_err(challenged)?;
            context.valid_until = Some(self.clock.now() + KEY_LASTS);
            return Ok(context);
        }
        match self.credentials.verify(token).await.map_err(refused)? {
            Credential::Granted { organization, actor, access, valid_until } => {
                let mut context = Context::new(organization, actor, access);
                context.valid_until = valid_until;
                Ok(context)
            }
            Credential::Session { user, organization, session, valid_until } => {
                let context = self.principals.of_session(organization, user, session).await;
                let mut context = context.map_err(challenged)?;
                context.valid_until = Some(valid_until);
                Ok(context)
            }
        }
    }
}

/// Proof that the caller holds `P`. Stands before the body in a handler's arguments, so that strangers' bodies are
/// not read.
#[derive(Debug)]
pub(crate) struct Auth<P>(Authorized<P>);

impl<P: Permission> Auth<P> {
    /// What the caller must have been granted, for the `OpenAPI` document.
    pub(crate) const SCOPE: &'static str = P::NAME;
}

impl<P> Deref for Auth<P> {
    type Target = Authorized<P>;
    fn deref(&self) -> &Authorized<P> {
        &self.0
    }
}

impl<P: Permission> FromRequest for Auth<P> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_command = !matches!(*request.method(), Method::GET | Method::HEAD);
        let key = if is_command { idempotency::key(request) } else { Ok(None) };
        // Read once the caller may ask; whoever comes later finds it in the request.
        let reading = matches!(key, Ok(Some(_))).then(|| body::bytes(request, payload));
        let request = request.clone();
        async move {
            let gate = request.app_data::<Data<Gate>>().ok_or_else(|| AppError::internal("no gate"))?;
            let mut context = gate.context(&request).await?;
            noting::asks::<P>(&request, &context);
            let authorized = context.clone().authorize::<P>()?;
            let Some((key, reading)) = key?.zip(reading) else { return Ok(Self(authorized)) };
            context.idempotency = Some(gate.fingerprints.bind(&request, key, &reading.await?));
            Ok(Self(context.authorize()?))
        }
        .boxed_local()
    }
}

/// The token of a request (RFC 6750, section 2.1).
fn bearer(request: &HttpRequest) -> Result<&str, Problem> {
    let credentials = header(request, &AUTHORIZATION).ok().flatten().and_then(|value| value.split_once(' '));
    let token = credentials.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    token.ok_or_else(|| {
        Problem::new(ErrorKind::Unauthenticated, "access.unauthenticated", "send Authorization: Bearer and a token")
            .header(WWW_AUTHENTICATE, r#"Bearer realm="fairlead""#)
    })
}

fn refused(refusal: Refusal) -> Problem {
    let code = match refusal {
        Refusal::Invalid => "access.invalid_token",
        Refusal::Expired => "access.expired_token",
        Refusal::Unavailable => {
            return Problem::new(ErrorKind::Unavailable, "access.keys_unavailable", refusal.to_string());
        }
    };
    challenge(Problem::new(ErrorKind::Unauthenticated, code, refusal.to_string()), &refusal.to_string())
}

/// Says of those who are not let in that it is for what they came with.
fn challenged(error: AppError) -> Problem {
    match error {
        AppError::Unauthenticated { detail, .. } => challenge(error.into(), detail),
        error => error.into(),
    }
}

fn challenge(problem: Problem, why: &str) -> Problem {
    let challenge = format!(r#"Bearer realm="fairlead", error="invalid_token", error_description="{why}""#);
    problem.header(WWW_AUTHENTICATE, &challenge)
}
