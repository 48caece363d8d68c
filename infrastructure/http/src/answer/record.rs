//! One record with its version.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::header::{ETAG, LOCATION},
};
use fairlead_application::Recorded;
use fairlead_domain::kernel::{Aggregate, ErrorKind};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::etag;
use crate::{problem::Problem, request::matches};

/// A body with its record's version; not sent to those who have it already.
pub(crate) struct Record<T>(Place<T>);

enum Place<T> {
    /// Here it is.
    Here { version: i64, body: T },
    /// Another record took it in, which is to be found at this path.
    Moved(String),
}

/// Whether what was deleted is shown.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowDeleted {
    /// `true` shows the record although it is deleted.
    #[serde(default)]
    #[param(default = false)]
    pub(super) deleted: bool,
}

impl<T> Record<T> {
    /// A body of this version.
    pub(crate) fn new(version: i64, body: T) -> Self {
        Self(Place::Here { version, body })
    }
}

/// Shows a record, unless there is none, or it is deleted and the caller did not ask for that. In the place of one that was
/// merged into another stands the way to that one.
///
/// # Errors
/// `<aggregate>.not_found`
pub(crate) fn record<A: Aggregate, T: From<Recorded<A>>>(
    recorded: Option<Recorded<A>>,
    show: &ShowDeleted,
) -> Result<Record<T>, Problem> {
    if let Some(successor) = recorded.as_ref().filter(|_| !show.deleted).and_then(|recorded| recorded.state.successor())
    {
        return Ok(Record(Place::Moved(format!("/v1/{}/{}", A::PLURAL, Into::<Uuid>::into(successor)))));
    }
    let recorded = shown(recorded, show)?;
    Ok(Record::new(recorded.version, recorded.into()))
}

/// The record as it is, unless there is none, or it is deleted and the caller did not ask for that.
///
/// # Errors
/// `<aggregate>.not_found`
pub(crate) fn shown<A: Aggregate>(recorded: Option<Recorded<A>>, show: &ShowDeleted) -> Result<Recorded<A>, Problem> {
    recorded.filter(|recorded| show.deleted || !recorded.state.is_deleted()).ok_or_else(missing::<A>)
}

/// There is no such record.
pub(crate) fn missing<A: Aggregate>() -> Problem {
    let detail = format!("there is no such {}", A::TYPE);
    Problem::new(ErrorKind::NotFound, format!("{}.not_found", A::TYPE), detail)
}

impl<T: Serialize> Responder for Record<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let (version, body) = match self.0 {
            Place::Here { version, body } => (version, body),
            Place::Moved(path) => return HttpResponse::MovedPermanently().insert_header((LOCATION, path)).finish(),
        };
        let etag = etag(version);
        if matches(request, &etag) {
            return HttpResponse::NotModified().insert_header((ETAG, etag)).finish();
        }
        HttpResponse::Ok().insert_header((ETAG, etag)).json(body)
    }
}
