//! What is answered when all goes well.

mod batch;
mod events;
mod export;
mod operations;
mod page;
mod receipt;
mod record;
mod register;
mod timeline;

pub(crate) use batch::{Batch, BatchAnswer, Operation, batch};
pub(crate) use events::{Event, EventPage, RecordEventParams, after, record_events};
pub(crate) use export::exported;
pub(crate) use operations::operations;
pub(crate) use page::{FilterBody, FilterOperator, ListParams, Page, Search, fields, limit, page, search};
pub(crate) use receipt::{Created, CreatedBelow, REPLAYED, Receipt};
pub(crate) use record::{Record, ShowDeleted, missing, record, shown};
pub(crate) use register::{RegisterParams, register_page};
pub(crate) use timeline::{TimelineItem, TimelineParams, timeline_page};

use actix_web::http::header::{HeaderValue, InvalidHeaderValue};

/// The entity tag of a version.
fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

fn value(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::from_str(text)
}
