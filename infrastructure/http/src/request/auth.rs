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
    AppError, Context, TraceParent,
    access::{Authorized, Permission},
    ports::Clock,
    signing::Signer,
};
use fairlead_domain::kernel::{ErrorKind, Invalid};
use futures::{FutureExt, future, future::LocalBoxFuture};
use secrecy::SecretSlice;
use tracing::Span;

use super::{CONSISTENCY, Rates, RequestId, body, header, idempotency, idempotency::Fingerprints};
use crate::{
    problem::Problem,
    token::{self, Verifier, WeakKey},
};

/// The header of W3C trace context.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What is needed to let somebody in.
#[derive(Clone)]
pub(crate) struct Gate {
    verifier: Verifier,
    fingerprints: Fingerprints,
    rates: Arc<Rates>,
}

impl Gate {
    /// Lets in who holds a token that `settings` accept.
    pub(crate) fn new(
        settings: &token::Settings,
        secret: &SecretSlice<u8>,
        clock: Arc<dyn Clock>,
        rates: Rates,
    ) -> Result<Self, WeakKey> {
        let fingerprints = Fingerprints::new(Signer::new(secret, "fingerprint"));
        Ok(Self { verifier: Verifier::new(settings, clock)?, fingerprints, rates: Arc::new(rates) })
    }

    /// How long what the caller was granted still holds; `None` when it has no end.
    pub(crate) fn remaining(&self, cx: &Context) -> Option<Duration> {
        self.verifier.remaining(cx)
    }

    /// The caller with everything that the headers say about the request.
    fn context(&self, request: &HttpRequest) -> Result<Context, Problem> {
        let mut context = self.verifier.verify(bearer(request)?).map_err(refused)?;
        Span::current().record("tenant", tracing::field::display(context.tenant()));
        let standings = self.rates.count(&context);
        let within = standings.check();
        request.extensions_mut().insert(standings);
        within?;
        context.correlation_id = request.extensions().get::<RequestId>().map(|id| id.correlation);
        // The recommendation says to go on without a trace that can't be read.
        let trace = header(request, &TRACEPARENT).ok().flatten();
        context.trace_parent = trace.and_then(|text| TraceParent::parse(text).ok());
        let malformed = |invalid: Invalid| Problem::malformed(invalid.code, invalid.detail);
        context.read_after = header(request, &CONSISTENCY)?.map(str::parse).transpose().map_err(malformed)?;
        Ok(context)
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
        match admit::<P>(request, payload) {
            Ok(admission) => admission,
            Err(problem) => future::ready(Err(problem)).boxed_local(),
        }
    }
}

fn admit<P: Permission>(
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<LocalBoxFuture<'static, Result<Auth<P>, Problem>>, Problem> {
    let gate = request.app_data::<Data<Gate>>().ok_or_else(|| AppError::internal("no gate"))?.clone();
    let mut context = gate.context(request)?;
    let authorized = context.clone().authorize::<P>()?;
    let is_command = !matches!(*request.method(), Method::GET | Method::HEAD);
    let key = if is_command { idempotency::key(request)? } else { None };
    let Some(key) = key else { return Ok(future::ready(Ok(Auth(authorized))).boxed_local()) };
    let reading = body::bytes(request, payload);
    let request = request.clone();
    Ok(async move {
        context.idempotency = Some(gate.fingerprints.bind(&request, key, &reading.await?));
        Ok(Auth(context.authorize()?))
    }
    .boxed_local())
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

fn refused(refusal: token::Refusal) -> Problem {
    let code = match refusal {
        token::Refusal::Invalid => "access.invalid_token",
        token::Refusal::Expired => "access.expired_token",
    };
    let challenge = format!(r#"Bearer realm="fairlead", error="invalid_token", error_description="{refusal}""#);
    Problem::new(ErrorKind::Unauthenticated, code, refusal.to_string()).header(WWW_AUTHENTICATE, &challenge)
}
