//! JSON bodies.

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{
        Method, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};
use futures::{FutureExt, future, future::LocalBoxFuture};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::Segment;

use super::{
    body,
    decode::{mistake, named},
    header,
    shape::Object,
};
use crate::problem::{Check, Problem, member};

/// A body that is a `T`. Whether its values are acceptable is for `T`'s conversion to say.
#[derive(Debug)]
pub(crate) struct Valid<T>(T);

impl<T> Valid<T> {
    /// The body.
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Valid<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if let Err(problem) = is_json(request) {
            return future::ready(Err(problem)).boxed_local();
        }
        let reading = body::bytes(request, payload);
        async move { decode(&reading.await?).map(Self) }.boxed_local()
    }
}

fn is_json(request: &HttpRequest) -> Result<(), Problem> {
    let media_type = header(request, &CONTENT_TYPE)?.and_then(|text| text.split(';').next()).map(str::trim);
    let accepted = |media_type: &str| {
        media_type.eq_ignore_ascii_case("application/json")
            || (request.method() == Method::PATCH && media_type.eq_ignore_ascii_case("application/merge-patch+json"))
    };
    let unsupported = |detail| Problem::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.unsupported", detail);
    if !media_type.is_some_and(accepted) {
        return Err(unsupported("send Content-Type: application/json"));
    }
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(unsupported("send the body without Content-Encoding"));
    }
    Ok(())
}

/// Reads a JSON object; what is wrong with it is told by its place in there.
///
/// # Errors
/// `request.malformed`, or `request.invalid` with the place
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let decoded = serde_path_to_error::deserialize::<_, Object<T>>(&mut reader);
    let decoded = decoded.map_err(|error| (pointer(error.path()), error.into_inner()));
    match decoded.and_then(|Object(body)| reader.end().map(|()| body).map_err(|error| (String::new(), error))) {
        Ok(body) => Ok(body),
        Err((pointer, error)) if error.classify() == Category::Data => {
            let mut check = Check::default();
            let sentence = error.to_string();
            let pointer = named(&sentence).map_or_else(|| pointer.clone(), |name| member(&pointer, name));
            let fault = check.at::<T>(pointer, Err(mistake(&sentence)));
            check.finish(fault)
        }
        Err((_, error)) => {
            let detail = format!("no JSON at line {}, column {}", error.line(), error.column());
            Err(Problem::malformed("request.malformed", detail))
        }
    }
}

/// The place as a JSON Pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter().fold(String::new(), |parent, segment| match segment {
        Segment::Seq { index } => format!("{parent}/{index}"),
        Segment::Map { key } => member(&parent, key),
        Segment::Enum { variant } => member(&parent, variant),
        Segment::Unknown => parent,
    })
}
