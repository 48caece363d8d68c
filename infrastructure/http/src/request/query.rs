//! Query strings.

use actix_web::{FromRequest, HttpRequest, dev::Payload, error::QueryPayloadError, web};
use fairlead_domain::kernel::Invalid;
use futures::future::{self, Ready};
use serde::{Deserialize, de::DeserializeOwned};

use super::decode::mistake;
use crate::problem::Problem;

/// A query string that is a `T`, of which unknown parameters are no part.
#[derive(Debug)]
pub(crate) struct Query<T>(T);

impl<T> Query<T> {
    /// The parameters.
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(decode(request.query_string()).map(Self))
    }
}

/// Refuses every query parameter, as [`Query`] does unknown ones.
///
/// # Errors
/// `request.unknown_parameter`, or `request.malformed`
pub(crate) fn no_query(text: &str) -> Result<(), Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    decode(text).map(|Nothing {}| ())
}

fn decode<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    // Percent-encoded bytes that are no UTF-8 are decoded to this character without a word.
    let pairs = web::Query::<Vec<(String, String)>>::from_query(text).map(web::Query::into_inner).unwrap_or_default();
    if pairs.iter().any(|(name, value)| [name, value].into_iter().any(|text| text.contains('\u{FFFD}'))) {
        return Err(Problem::malformed("request.malformed", "the query string must be UTF-8"));
    }
    web::Query::from_query(text).map(web::Query::into_inner).map_err(|error| {
        let sentence = match error {
            QueryPayloadError::Deserialize(error) => error.to_string(),
            error => error.to_string(),
        };
        let Invalid { code, detail } = mistake(&sentence);
        let code = match code {
            "request.unknown_field" => "request.unknown_parameter",
            "request.duplicate_field" => "request.duplicate_parameter",
            _ => "request.invalid_parameter",
        };
        Problem::from(Invalid::new(code, detail.replace("field", "parameter")))
    })
}
