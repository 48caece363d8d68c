//! The `{id}` of a path.

use std::ops::Deref;

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures::future::{self, Ready};
use uuid::Uuid;

use crate::problem::Problem;

/// The length of a UUID as RFC 9562 writes it; the other forms that exist would give one record several addresses.
const LENGTH: usize = 36;

/// The identifier of the record that a path names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id<T>(T);

impl<T> Deref for Id<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: From<Uuid>> FromRequest for Id<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("id").filter(|text| text.len() == LENGTH);
        let id = text.and_then(|text| text.parse::<Uuid>().ok()).map(|id| Self(id.into()));
        future::ready(id.ok_or_else(|| Problem::malformed("request.malformed_id", "the id in the path is no UUID")))
    }
}
