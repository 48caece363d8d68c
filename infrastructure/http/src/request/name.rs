//! Names of subscriptions and consumers.

use std::ops::Deref;

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use fairlead_domain::kernel::Invalid;
use futures::future::{self, Ready};

use crate::problem::Problem;

/// The longest name.
const MAX_LENGTH: usize = 100;

/// The `{name}` of a path. Whether something has this name is another question.
#[derive(Debug, Clone)]
pub(crate) struct Name(String);

impl Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl FromRequest for Name {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let name = name(request.match_info().get("name").unwrap_or_default()).map(Self);
        future::ready(name.map_err(|invalid| Problem::malformed("request.malformed_name", invalid.detail)))
    }
}

/// A text that can be a name.
///
/// # Errors
/// `name.invalid`
pub(crate) fn name(text: &str) -> Result<String, Invalid> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    if (1..=MAX_LENGTH).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        let detail = format!("a name has 1 to {MAX_LENGTH} letters, digits and . _ : -");
        Err(Invalid::new("name.invalid", detail))
    }
}
