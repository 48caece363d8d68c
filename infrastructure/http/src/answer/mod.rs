//! What is answered when all goes well.

mod page;
mod receipt;
mod record;

pub(crate) use page::{ListParams, Page, fields, page};
pub(crate) use receipt::{Created, REPLAYED, Receipt};
pub(crate) use record::{Record, ShowDeleted, record};

use actix_web::http::header::{HeaderValue, InvalidHeaderValue};

/// The entity tag of a version.
fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

fn value(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::from_str(text)
}
