//! Data on its way out, as it is read.

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION},
    web::Bytes,
};
use fairlead_application::{AppError, export::Export};
use futures::{Stream, stream::try_unfold};
use tracing::warn;
use uuid::Uuid;

/// Lines of JSON.
const LINES: &str = "application/x-ndjson";

/// An answer that is written while it is read. It breaks off where it can't go on, and then lacks its last line.
pub(crate) fn exported(organization: Uuid, export: Export) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(LINES)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{organization}.ndjson\"")))
        .streaming(lines(export))
}

fn lines(export: Export) -> impl Stream<Item = Result<Bytes, AppError>> {
    try_unfold(export, |mut export| async move {
        match export.next().await {
            Ok(lines) => Ok(lines.map(|lines| (Bytes::from(lines), export))),
            Err(error) => {
                warn!(%error, "an export was cut off");
                Err(error)
            }
        }
    })
}
