//! API keys: with what programs act.

use std::collections::BTreeSet;

use actix_web::{
    HttpRequest, HttpResponse, Responder, body::BoxBody, delete, get, http::header::LOCATION, patch, post, web::Data,
};
use chrono::{DateTime, Utc};
use fairlead_application::{
    App,
    envelope::rfc3339,
    history::History,
    identity::{ApiKeysRead, ApiKeysWrite, Identity, IssuedKey, KnownApiKey},
    list::Cursors,
};
use fairlead_domain::{
    identity::{ApiKey, ApiKeyCommand, ApiKeyProfile},
    ids::ApiKeyId,
    kernel::Invalid,
    values::Permission,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::dto::{MAX_PROJECTS, label, projects};
use crate::{
    answer::{
        EventPage, Page, Receipt, Record, RecordEventParams, RegisterParams, missing, record_events, register_page,
    },
    problem::{Check, Problem},
    request::{Auth, Id, IfMatch, List, Query, Valid},
};

/// Permissions in one request at most; a key has no more.
const MAX_PERMISSIONS: usize = 100;

/// The routes of keys, below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(issue).service(list).service(show).service(rename).service(rotate).service(revoke).service(events);
}

/// A key that is to be issued.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Web shop", "permissions": ["contacts:read", "contacts:write"] }))]
struct NewKey {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What may be done with it; no more than one may oneself.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 100)]
    permissions: List<String, MAX_PERMISSIONS>,
    /// The projects to which it is limited; without, to none.
    #[schema(value_type = Option<Vec<Uuid>>, max_items = 500)]
    projects: Option<List<Uuid, MAX_PROJECTS>>,
    /// From when on it does not work; without, it works until it is revoked.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// What a key is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Web shop" }))]
struct KeyName {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// How long the key of before still works.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "overlap_seconds": 3600 }))]
struct Rotation {
    /// 30 days at most; 0, or without, not at all.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 2592000)]
    overlap_seconds: u32,
}

/// A key that was issued or rotated.
#[derive(Serialize, ToSchema)]
struct Issued {
    id: Uuid,
    #[schema(minimum = 1)]
    version: i64,
    /// Send it as `Authorization: Bearer`. Shown this once.
    #[schema(example = "flk_…")]
    key: String,
    #[serde(skip)]
    is_new: bool,
}

impl Issued {
    fn of(issued: IssuedKey, is_new: bool) -> Result<Self, Problem> {
        let receipt = issued.outcome.receipts.first().copied();
        let receipt = receipt.ok_or_else(|| fairlead_application::AppError::internal("an outcome has a receipt"))?;
        let key = issued.key.expose_secret().to_owned();
        Ok(Self { id: receipt.id, version: receipt.version, key, is_new })
    }
}

impl Responder for Issued {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        if self.is_new {
            let location = format!("/v1/api_keys/{}", self.id);
            HttpResponse::Created().insert_header((LOCATION, location)).json(self)
        } else {
            HttpResponse::Ok().json(self)
        }
    }
}

/// A key, but for its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
struct ApiKeyBody {
    id: Uuid,
    #[schema(minimum = 1)]
    version: i64,
    name: String,
    permissions: Vec<String>,
    #[schema(required)]
    projects: Option<Vec<Uuid>>,
    #[schema(required, format = DateTime)]
    expires_at: Option<String>,
    /// Until when the key of before still works.
    #[schema(required, format = DateTime)]
    previous_works_until: Option<String>,
    /// Who issued it: `user:<id>`, `api_key:<id>`.
    issued_by: String,
    /// Some seconds may be missing.
    #[schema(required, format = DateTime)]
    last_used_at: Option<String>,
    #[schema(required)]
    last_used_from: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<KnownApiKey> for ApiKeyBody {
    fn from(KnownApiKey { key, last_use }: KnownApiKey) -> Self {
        let ApiKeyProfile { name, permissions, projects, expires_at, issued_by } = key.state.profile;
        Self {
            id: key.id,
            version: key.version,
            name: name.as_str().to_owned(),
            permissions: permissions.iter().map(ToString::to_string).collect(),
            projects: projects.map(|projects| projects.into_iter().map(Into::into).collect()),
            expires_at: expires_at.map(rfc3339),
            previous_works_until: key.state.previous.map(|previous| rfc3339(previous.until)),
            issued_by,
            last_used_at: last_use.map(|last_use| rfc3339(last_use.at)),
            last_used_from: last_use.and_then(|last_use| last_use.address).map(|address| address.to_string()),
            created_at: rfc3339(key.created_at),
            updated_at: rfc3339(key.updated_at),
        }
    }
}

fn instant(text: &str) -> Result<DateTime<Utc>, Invalid> {
    let invalid = |_| Invalid::new("time.invalid", "must be a point in time such as 2026-12-31T00:00:00Z (RFC 3339)");
    DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).map_err(invalid)
}

/// Issue a key. It can't do more than one may oneself.
#[utoipa::path(
    tag = "api_keys",
    security(("bearer" = [Auth::<ApiKeysWrite>::SCOPE])),
    request_body = NewKey,
    responses((status = 201, description = "The key, shown this once.", body = Issued))
)]
#[post("/api_keys")]
async fn issue(identity: Data<Identity>, cx: Auth<ApiKeysWrite>, body: Valid<NewKey>) -> Result<Issued, Problem> {
    let NewKey { name, permissions: List(permissions), projects: limit, expires_at } = body.into_inner();
    let mut check = Check::default();
    let name = label(&mut check, &name);
    let permissions: Vec<_> = permissions
        .iter()
        .enumerate()
        .map(|(n, text)| check.at(format!("/permissions/{n}"), Permission::new(text)))
        .collect();
    let permissions: Option<BTreeSet<_>> = permissions.into_iter().collect();
    let expires_at = check.at("/expires_at", expires_at.as_deref().map(instant).transpose());
    let profile = || {
        Some(ApiKeyProfile {
            name: name?,
            permissions: permissions?,
            projects: limit.map(projects),
            expires_at: expires_at?,
            issued_by: cx.actor().as_str().to_owned(),
        })
    };
    let profile = profile();
    Issued::of(identity.issue_key(&cx, check.finish(profile)?).await?, true)
}

/// List keys that are not revoked.
#[utoipa::path(
    tag = "api_keys",
    security(("bearer" = [Auth::<ApiKeysRead>::SCOPE])),
    params(RegisterParams),
    responses((status = 200, description = "A page.", body = Page<ApiKeyBody>))
)]
#[get("/api_keys")]
async fn list(
    identity: Data<Identity>,
    cursors: Data<Cursors>,
    cx: Auth<ApiKeysRead>,
    request: HttpRequest,
    params: Query<RegisterParams>,
) -> Result<Page<ApiKeyBody>, Problem> {
    let read = async |after: Option<Uuid>, limit| identity.keys(&cx, after.map(ApiKeyId::from), limit).await;
    register_page(&cursors, &cx, request.path(), params.into_inner(), |known| known.key.id, read).await
}

/// Show a key.
#[utoipa::path(
    tag = "api_keys",
    security(("bearer" = [Auth::<ApiKeysRead>::SCOPE])),
    responses((status = 200, description = "The key, but for its secret.", body = ApiKeyBody))
)]
#[get("/api_keys/{id}")]
async fn show(
    identity: Data<Identity>,
    cx: Auth<ApiKeysRead>,
    id: Id<ApiKeyId>,
) -> Result<Record<ApiKeyBody>, Problem> {
    let known = identity.key(&cx, *id).await?.ok_or_else(missing::<ApiKey>)?;
    Ok(Record::new(known.key.version, known.into()))
}

/// Rename a key.
#[utoipa::path(
    tag = "api_keys",
    security(("bearer" = [Auth::<ApiKeysWrite>::SCOPE])),
    params(IfMatch),
    request_body(content((KeyName = "application/merge-patch+json"), (KeyName = "application/json"))),
    responses((status = 200, description = "It is called so.", body = Receipt))
)]
#[patch("/api_keys/{id}")]
async fn rename(
    app: Data<App>,
    cx: Auth<ApiKeysWrite>,
    id: Id<ApiKeyId>,
    expected: IfMatch,
    body: Valid<KeyName>,
) -> Result<Receipt, Problem> {
    let mut check = Check::default();
    let name = label(&mut check, &body.into_inner().name);
    let command = ApiKeyCommand::Rename { name: check.finish(name)? };
    app.execute::<ApiKey>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Give a key another secret. The one of before works for a while, so that whoever uses it can take the new one.
#[utoipa::path(
    tag = "api_keys",
    security(("bearer" = [Auth::<ApiKeysWrite>::SCOPE])),
    params(IfMatch),
    request_body = Rotation,
    responses((status = 200, description = "The key with its new secret, shown this once.", body = Issued))
)]
#[post("/api_keys/{id}/rotate")]
async fn rotate(
    identity: Data<Identity>,
    cx: Auth<ApiKeysWrite>,
    id: Id<ApiKeyId>,
    expected: IfMatch,
    body: Valid<Rotation>,
) -> Result<Issued, Problem> {
    let overlap = Some(body.into_inner().overlap_seconds).filter(|seconds| *seconds > 0);
    let overlap = overlap.map(|seconds| identity.now() + chrono::Duration::seconds(seconds.into()));
    Issued::of(identity.rotate_key(&cx, *id, expected.into(), overlap).await?, false)
}

/// Revoke a key, for good.
#[utoipa::path(
    tag = "api_keys",
    security(("bearer" = [Auth::<ApiKeysWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It works no longer.", body = Receipt))
)]
#[delete("/api_keys/{id}")]
async fn revoke(
    identity: Data<Identity>,
    cx: Auth<ApiKeysWrite>,
    id: Id<ApiKeyId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    identity.revoke_key(&cx, *id, expected.into()).await?.try_into()
}

/// Read what happened to a key, oldest first.
#[utoipa::path(
    tag = "api_keys",
    security(("bearer" = [Auth::<ApiKeysRead>::SCOPE])),
    params(RecordEventParams),
    responses((status = 200, description = "A page; `next_after` is a version.", body = EventPage))
)]
#[get("/api_keys/{id}/events")]
async fn events(
    history: Data<History>,
    cx: Auth<ApiKeysRead>,
    id: Id<ApiKeyId>,
    params: Query<RecordEventParams>,
) -> Result<EventPage, Problem> {
    record_events::<ApiKey>(&history, &cx, *id, params.into_inner()).await
}
