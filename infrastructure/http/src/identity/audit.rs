//! The audit log: page by page, and whole.

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse, get,
    web::{Bytes, Data},
};
use fairlead_application::{
    AppError,
    access::Authorized,
    identity::{Audit, AuditEntry, AuditQuery, AuditRead},
    list::Cursors,
};
use futures::stream;
use utoipa_actix_web::service_config::ServiceConfig;

use super::audit_dto::{AuditItem, AuditParams, ExportParams, behind, position};
use crate::{
    answer::Page,
    problem::Problem,
    request::{Auth, HeadOnly, Query},
};

/// Entries read at once for an export.
const STRETCH: u16 = 500;
const PATH: &str = "/v1/audit";
const MEDIA_TYPE: &str = "application/x-ndjson";

/// The routes of the audit log, below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list).service(export);
}

/// Read who did what, and what was refused, the newest first.
///
/// Tells about all records, so that `audit:read` must be held over all. What happened is there a moment later; from where a
/// request came, and what was refused, within some seconds. Entries are kept for a time that the installation sets, a year if it
/// does not.
#[utoipa::path(
    tag = "audit",
    operation_id = "list",
    security(("bearer" = [Auth::<AuditRead>::SCOPE])),
    params(AuditParams),
    responses((status = 200, description = "A page.", body = Page<AuditItem>))
)]
#[get("/audit")]
async fn list(
    audit: Data<Audit>,
    cursors: Data<Cursors>,
    cx: Auth<AuditRead>,
    params: Query<AuditParams>,
) -> Result<Page<AuditItem>, Problem> {
    let (query, list) =
        params.into_inner().query(|list, cursor| cursors.open(&cx, &format!("{PATH} {list}"), cursor))?;
    let limit = usize::from(query.limit);
    let mut entries = audit.entries(&cx, &AuditQuery { limit: query.limit + 1, ..query }).await?;
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let last = entries.last().filter(|_| has_more);
    let next_cursor = last.map(|last| cursors.seal(&cx, &format!("{PATH} {list}"), &position(last)));
    Ok(Page::new(entries.into_iter().map(AuditItem::from).collect(), next_cursor))
}

/// Take out the audit log, the newest first: an entry a line, as JSON.
#[utoipa::path(
    tag = "audit",
    operation_id = "export",
    security(("bearer" = [Auth::<AuditRead>::SCOPE])),
    params(ExportParams),
    responses((status = 200, description = "All entries that were asked for.", body = String, content_type = "application/x-ndjson"))
)]
#[get("/audit/export")]
async fn export(
    audit: Data<Audit>,
    cx: Auth<AuditRead>,
    request: HttpRequest,
    params: Query<ExportParams>,
) -> Result<HttpResponse, Problem> {
    let query = AuditQuery { limit: STRETCH, ..params.into_inner().query()? };
    // Refusals come before anything is answered.
    let first = audit.entries(&cx, &query).await?;
    let mut response = HttpResponse::Ok();
    response.content_type(MEDIA_TYPE);
    if request.extensions().contains::<HeadOnly>() {
        return Ok(response.finish());
    }
    let export = Export { audit: Audit::clone(&audit), cx: (*cx).clone(), query, stretch: Some(first) };
    Ok(response.streaming(stream::try_unfold(export, |export| async move { export.next().await })))
}

/// An export under way: one stretch in memory at a time.
struct Export {
    audit: Audit,
    cx: Authorized<AuditRead>,
    query: AuditQuery,
    /// What was read, and not told yet.
    stretch: Option<Vec<AuditEntry>>,
}

impl Export {
    /// The lines of the next stretch.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, AppError> {
        let entries = match self.stretch.take() {
            Some(entries) => entries,
            None => self.audit.entries(&self.cx, &self.query).await?,
        };
        let Some(last) = entries.last() else { return Ok(None) };
        self.query.behind = Some(behind(last));
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, &AuditItem::from(entry)).map_err(AppError::internal)?;
            lines.push(b'\n');
        }
        Ok(Some((lines.into(), self)))
    }
}
