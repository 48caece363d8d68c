//! Entity tags (RFC 9110, section 8.8.3): a record's version in quotes.

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{IF_MATCH, IF_NONE_MATCH},
};
use fairlead_application::Expected;
use fairlead_domain::kernel::ErrorKind;
use futures::future::{self, Ready};
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterIn},
};

use super::header;
use crate::{document::parameters, problem::Problem};

/// The version at which the caller wants the record to be: `If-Match`, any if there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IfMatch(Expected);

impl From<IfMatch> for Expected {
    fn from(condition: IfMatch) -> Self {
        condition.0
    }
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(header(request, &IF_MATCH).and_then(|text| text.map_or(Ok(Expected::Any), expected)).map(Self))
    }
}

/// So that the document names the header where a handler reads it.
impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![parameters::if_match()]
    }
}

fn expected(text: &str) -> Result<Expected, Problem> {
    let text = text.trim();
    if text == "*" {
        return Ok(Expected::Any);
    }
    let strong = text.strip_prefix("W/").unwrap_or(text);
    let tag = strong.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|tag| !tag.contains('"'));
    let Some(tag) = tag else {
        return Err(Problem::malformed("request.malformed_etag", r#"If-Match must be one entity tag such as "3""#));
    };
    // Well-formed, but never a version of ours; and weak tags never match here (RFC 9110, section 13.1.1).
    let version = tag.parse::<i64>().ok().filter(|version| version.to_string() == tag && strong.len() == text.len());
    version.map(Expected::Exactly).ok_or_else(|| {
        let detail = "no version has this entity tag; send back the ETag as you got it";
        Problem::new(ErrorKind::Stale, "version.stale", detail)
    })
}

/// Whether the caller has this version already (`If-None-Match`, compared weakly).
pub(crate) fn matches(request: &HttpRequest, etag: &str) -> bool {
    let values = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_one_version_or_any() {
        assert_eq!(expected(r#""3""#).unwrap(), Expected::Exactly(3));
        assert_eq!(expected("*").unwrap(), Expected::Any);
    }
}
