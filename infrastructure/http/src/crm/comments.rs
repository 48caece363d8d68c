//! `/v1/activities/{id}/comments` and `/v1/comments`

use actix_web::{HttpRequest, delete, get, patch, post, web::Data};
use fairlead_application::{
    Recorded,
    crm::{CommentEdit, Comments, CommentsRead, CommentsWrite, NewComment},
    envelope::rfc3339,
    list::{AllLists, Cursors},
};
use fairlead_domain::{
    crm::Comment,
    ids::{ActivityId, CommentId},
    values::Prose,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::{
    answer::{CreatedBelow, Page, Receipt, Record, ShowDeleted, limit, record},
    document::closed::True,
    problem::{Check, Problem},
    request::{Auth, Id, IfMatch, List, Member, Query, Valid},
};

/// Users in one request at most; a comment mentions no more.
const MAX_MENTIONS: usize = 50;
/// Below which path a comment is found.
const PATH: &str = "/v1/comments";

/// The routes of comments.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(create).service(list).service(show).service(change).service(delete).service(restore);
}

/// A comment that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewComment, example = json!({ "text": "She called back." }))]
struct NewCommentBody {
    /// What is said. It is about whom the activity is about, and is erased with them; or else with the activity.
    #[schema(min_length = 1, max_length = 10000)]
    text: String,
    /// Users who are mentioned.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, required = false, max_items = 50)]
    mentions: List<Uuid, MAX_MENTIONS>,
}

/// A change of a comment: what is missing stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "text": "She called back twice." }))]
struct CommentPatch {
    /// What is said. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 10000, nullable = false)]
    text: Member<String>,
    /// Users who are mentioned, all of them. Can't be removed, but may be empty.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Uuid>>, max_items = 50, nullable = false)]
    mentions: Member<List<Uuid, MAX_MENTIONS>>,
}

/// A comment.
#[derive(Serialize, ToSchema)]
#[schema(as = Comment)]
struct CommentBody {
    id: Uuid,
    /// Grows with each change.
    #[schema(minimum = 1)]
    version: i64,
    activity_id: Uuid,
    /// Who wrote it: `user:<id>`, `api_key:<id>`.
    author: String,
    /// Null when it was erased.
    #[schema(required)]
    text: Option<String>,
    mentions: Vec<Uuid>,
    /// Whether the text was changed since it was written.
    edited: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// There, and true, when it is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    deleted: bool,
}

impl From<Recorded<Comment>> for CommentBody {
    fn from(recorded: Recorded<Comment>) -> Self {
        let Comment { profile, edited, deleted } = recorded.state;
        Self {
            id: recorded.id,
            version: recorded.version,
            activity_id: profile.activity_id.into(),
            author: profile.author.as_str().to_owned(),
            text: profile.text.value.known().map(|text| text.as_str().to_owned()),
            mentions: profile.mentions.into_iter().map(Into::into).collect(),
            edited,
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
            deleted,
        }
    }
}

impl TryFrom<NewCommentBody> for NewComment {
    type Error = Problem;

    fn try_from(body: NewCommentBody) -> Result<Self, Problem> {
        let mut check = Check::default();
        let text = check.at("/text", Prose::new(&body.text));
        let mentions = body.mentions.0.into_iter().map(Into::into).collect();
        check.finish(text.map(|text| Self { text, mentions }))
    }
}

impl TryFrom<CommentPatch> for CommentEdit {
    type Error = Problem;

    fn try_from(body: CommentPatch) -> Result<Self, Problem> {
        let mut check = Check::default();
        let text = body.text.required(&mut check, "/text", |text| Prose::new(&text));
        let ids = |List(mentions): List<Uuid, MAX_MENTIONS>| mentions.into_iter().map(Into::into).collect();
        let mentions = body.mentions.required(&mut check, "/mentions", |mentions| Ok(ids(mentions)));
        check.finish(text.zip(mentions).map(|(text, mentions)| Self { text, mentions }))
    }
}

/// Comment on an activity.
#[utoipa::path(
    tag = "comments",
    security(("bearer" = [Auth::<CommentsWrite>::SCOPE])),
    request_body = NewCommentBody,
    responses((status = 201, description = "It is said.", body = Receipt))
)]
#[post("/activities/{id}/comments")]
async fn create(
    comments: Data<Comments>,
    cx: Auth<CommentsWrite>,
    id: Id<ActivityId>,
    body: Valid<NewCommentBody>,
) -> Result<CreatedBelow, Problem> {
    let receipt = comments.create(&cx, *id, body.into_inner().try_into()?).await?.try_into()?;
    Ok(CreatedBelow { path: PATH, receipt })
}

/// Which part of the comments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CommentsParams {
    /// How many comments at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// Where the page begins: the `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List the comments of an activity, the oldest first.
#[utoipa::path(
    tag = "comments",
    security(("bearer" = [Auth::<CommentsRead>::SCOPE])),
    params(CommentsParams),
    responses((status = 200, description = "A page.", body = Page<CommentBody>))
)]
#[get("/activities/{id}/comments")]
async fn list(
    (comments, lists, cursors): (Data<Comments>, Data<AllLists>, Data<Cursors>),
    cx: Auth<CommentsRead>,
    id: Id<ActivityId>,
    request: HttpRequest,
    params: Query<CommentsParams>,
) -> Result<Page<CommentBody>, Problem> {
    let CommentsParams { limit: most, cursor } = params.into_inner();
    let mut check = Check::default();
    let most = check.parameter("limit", limit(most.as_deref()));
    let cursor = cursor.map(|cursor| cursors.open(&cx, request.path(), &cursor)).transpose();
    let asked = most.zip(check.parameter("cursor", cursor));
    let (most, after) = check.finish(asked)?;
    let page = comments.page(&cx, &lists, *id, after, most).await?;
    let next_cursor = page.next.map(|position| cursors.seal(&cx, request.path(), &position));
    Ok(Page::new(page.rows.into_iter().map(CommentBody::from).collect(), next_cursor))
}

/// Show a comment as it is now.
#[utoipa::path(
    tag = "comments",
    security(("bearer" = [Auth::<CommentsRead>::SCOPE])),
    params(ShowDeleted),
    responses(
        (status = 200, description = "The comment.", body = CommentBody, headers(("ETag" = String, description = "The version."))),
        (status = 304, description = "It has not changed since the version in `If-None-Match`."),
    )
)]
#[get("/comments/{id}")]
async fn show(
    comments: Data<Comments>,
    cx: Auth<CommentsRead>,
    id: Id<CommentId>,
    params: Query<ShowDeleted>,
) -> Result<Record<CommentBody>, Problem> {
    record(comments.read(&cx, *id).await?, &params.into_inner())
}

/// Change a comment (JSON merge patch, RFC 7396): one's own, or with `comments:moderate` anybody's.
#[utoipa::path(
    tag = "comments",
    security(("bearer" = [Auth::<CommentsWrite>::SCOPE])),
    params(IfMatch),
    request_body(
        content((CommentPatch = "application/merge-patch+json"), (CommentPatch = "application/json")),
        description = "What is missing stays."
    ),
    responses((status = 200, description = "It is as demanded.", body = Receipt))
)]
#[patch("/comments/{id}")]
async fn change(
    comments: Data<Comments>,
    cx: Auth<CommentsWrite>,
    id: Id<CommentId>,
    expected: IfMatch,
    body: Valid<CommentPatch>,
) -> Result<Receipt, Problem> {
    comments.change(&cx, *id, expected.into(), body.into_inner().try_into()?).await?.try_into()
}

/// Delete a comment: one's own, or with `comments:moderate` anybody's. It can be restored.
#[utoipa::path(
    tag = "comments",
    security(("bearer" = [Auth::<CommentsWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is deleted.", body = Receipt))
)]
#[delete("/comments/{id}")]
async fn delete(
    comments: Data<Comments>,
    cx: Auth<CommentsWrite>,
    id: Id<CommentId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    comments.delete(&cx, *id, expected.into()).await?.try_into()
}

/// Bring back a comment that was deleted: one's own, or with `comments:moderate` anybody's.
#[utoipa::path(
    tag = "comments",
    security(("bearer" = [Auth::<CommentsWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is back.", body = Receipt))
)]
#[post("/comments/{id}/restore")]
async fn restore(
    comments: Data<Comments>,
    cx: Auth<CommentsWrite>,
    id: Id<CommentId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    comments.restore(&cx, *id, expected.into()).await?.try_into()
}
