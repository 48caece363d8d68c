//! Answers to commands.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{
        StatusCode,
        header::{ETAG, HeaderName, LOCATION},
    },
};
use fairlead_application::{AppError, Outcome};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::etag;
use crate::{problem::Problem, request::CONSISTENCY};

/// Says that this is the answer an earlier request with the same key got.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What a command did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Receipt {
    /// The record.
    id: Uuid,
    /// Its version now; the same as before when it was so already.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    /// Send it as `Fairlead-Consistency` with a list to see the change there. Opaque.
    #[schema(example = "1.748.400")]
    consistency: String,
    #[serde(skip)]
    replayed: bool,
}

/// The receipt of a command that made a record; it stands below the path to which the command was sent.
pub(crate) struct Created(pub(crate) Receipt);

/// The receipt of a command that made a record, which stands below another path.
pub(crate) struct CreatedBelow {
    /// Where records of its kind are.
    pub(crate) path: &'static str,
    /// The receipt.
    pub(crate) receipt: Receipt,
}

impl TryFrom<Outcome> for Receipt {
    type Error = Problem;

    fn try_from(outcome: Outcome) -> Result<Self, Problem> {
        let receipt = outcome.receipts.first().ok_or_else(|| AppError::internal("an outcome has a receipt"))?;
        // Without a record there is nothing that a command could find as demanded.
        let token = outcome.token.ok_or_else(|| AppError::internal("a command has seen a record or made one"))?;
        let consistency = token.to_string();
        Ok(Self { id: receipt.id, version: receipt.version, consistency, replayed: outcome.replayed })
    }
}

impl TryFrom<Outcome> for Created {
    type Error = Problem;

    fn try_from(outcome: Outcome) -> Result<Self, Problem> {
        outcome.try_into().map(Self)
    }
}

impl Receipt {
    fn answer(&self, status: StatusCode) -> HttpResponse {
        let mut response = HttpResponse::build(status);
        response.insert_header((ETAG, etag(self.version)));
        response.insert_header((CONSISTENCY, self.consistency.as_str()));
        if self.replayed {
            response.insert_header((REPLAYED, "true"));
        }
        response.json(self)
    }

    fn created(&self, path: &str) -> HttpResponse {
        let mut response = self.answer(StatusCode::CREATED);
        if let Ok(location) = super::value(&format!("{path}/{}", self.id)) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

impl Responder for Receipt {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.answer(StatusCode::OK)
    }
}

impl Responder for Created {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        self.0.created(request.path())
    }
}

impl Responder for CreatedBelow {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.receipt.created(self.path)
    }
}
