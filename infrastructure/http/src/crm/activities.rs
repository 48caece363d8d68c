//! `/v1/activities`

use std::collections::BTreeSet;

use actix_web::{patch, post, web::Data};
use fairlead_application::{
    App, Wanted,
    crm::{ActivitiesErase, ActivitiesRead, ActivitiesWrite},
};
use fairlead_domain::{
    crm::{Activity, ActivityCommand},
    ids::ActivityId,
};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    activities_batch::{ActivityBatch, Verb, meant},
    activities_dto::{ActivityBody, ActivityPatch, Assignee, Detachment, Mentions, NewActivity, Outcome},
    attachments_dto::NewAttachment,
};
use crate::{
    answer::{self, Batch, BatchAnswer, Created, Receipt},
    problem::Problem,
    request::{Auth, Id, IfMatch, Valid},
    resource::resource,
};

/// The routes of activities.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    // The agenda's path comes before those of single activities, or it would be taken for an id.
    config.configure(super::agenda::routes).configure(resource::routes).service(create).service(batch).service(change);
    config.service(assign).service(complete).service(reopen).service(pin).service(unpin);
    config.service(mention).service(attach).service(detach).service(erase);
}

resource! {
    aggregate: Activity, id: ActivityId, command: ActivityCommand, body: ActivityBody,
    reads: ActivitiesRead, writes: ActivitiesWrite,
    tag: "activities", one: "an activity", many: "activities",
    paths: "/activities", "/activities/search", "/activities/{id}", "/activities/{id}/restore", "/activities/{id}/events",
}

/// Note something, or plan it.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesWrite>::SCOPE])),
    request_body = NewActivity,
    responses((status = 201, description = "It is there.", body = Receipt))
)]
#[post("/activities")]
async fn create(app: Data<App>, cx: Auth<ActivitiesWrite>, body: Valid<NewActivity>) -> Result<Created, Problem> {
    let profile = body.into_inner().profile(|| app.fresh())?;
    let command = ActivityCommand::Create { profile: Box::new(profile), seen: BTreeSet::new() };
    app.ask(&cx, Wanted::new(command)).await?.try_into()
}

/// Do many things with activities in one request.
///
/// The operations take effect one after the other, and each is answered as it would be alone. With `atomic` all take effect
/// or none, and the problem names the one that is refused; otherwise a refused one does not hold up the others. What takes
/// effect does so in one transaction.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesWrite>::SCOPE])),
    request_body = ActivityBatch,
    responses((status = 200, description = "Every operation is answered.", body = BatchAnswer))
)]
#[post("/activities/batch")]
async fn batch(app: Data<App>, cx: Auth<ActivitiesWrite>, body: Valid<Batch<Verb>>) -> Result<BatchAnswer, Problem> {
    answer::batch(&app, &cx, body.into_inner(), |operation| meant(&app, operation)).await
}

/// Change an activity's attributes (JSON merge patch, RFC 7396; what it is about is replaced as a whole).
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesWrite>::SCOPE])),
    params(IfMatch),
    request_body(
        content((ActivityPatch = "application/merge-patch+json"), (ActivityPatch = "application/json")),
        description = "What is missing stays, what is null is removed."
    ),
    responses((status = 200, description = "It is as demanded.", body = Receipt))
)]
#[patch("/activities/{id}")]
async fn change(
    app: Data<App>,
    cx: Auth<ActivitiesWrite>,
    id: Id<ActivityId>,
    expected: IfMatch,
    body: Valid<ActivityPatch>,
) -> Result<Receipt, Problem> {
    let command = ActivityCommand::Change(Box::new(body.into_inner().try_into()?));
    app.ask(&cx, Wanted::of(*id, expected.into(), command)).await?.try_into()
}

/// Give an activity to a user, or to nobody.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesWrite>::SCOPE])),
    params(IfMatch),
    request_body = Assignee,
    responses((status = 200, description = "The user is to do it.", body = Receipt))
)]
#[post("/activities/{id}/assign")]
async fn assign(
    app: Data<App>,
    cx: Auth<ActivitiesWrite>,
    id: Id<ActivityId>,
    expected: IfMatch,
    body: Valid<Assignee>,
) -> Result<Receipt, Problem> {
    let command = ActivityCommand::Assign { assignee_id: body.into_inner().into() };
    app.execute::<Activity>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Say that an activity is done. Not of notes.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesWrite>::SCOPE])),
    params(IfMatch),
    request_body = Outcome,
    responses((status = 200, description = "It is completed.", body = Receipt))
)]
#[post("/activities/{id}/complete")]
async fn complete(
    app: Data<App>,
    cx: Auth<ActivitiesWrite>,
    id: Id<ActivityId>,
    expected: IfMatch,
    body: Valid<Outcome>,
) -> Result<Receipt, Problem> {
    let command = ActivityCommand::Complete { at: app.now(), outcome: body.into_inner().try_into()? };
    app.execute::<Activity>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Say that an activity is not done after all.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is open.", body = Receipt))
)]
#[post("/activities/{id}/reopen")]
async fn reopen(
    app: Data<App>,
    cx: Auth<ActivitiesWrite>,
    id: Id<ActivityId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<Activity>(&cx, *id, expected.into(), ActivityCommand::Reopen).await?.try_into()
}

/// Keep an activity in sight.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is pinned.", body = Receipt))
)]
#[post("/activities/{id}/pin")]
async fn pin(
    app: Data<App>,
    cx: Auth<ActivitiesWrite>,
    id: Id<ActivityId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<Activity>(&cx, *id, expected.into(), ActivityCommand::Pin).await?.try_into()
}

/// Don't keep an activity in sight any more.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is not pinned.", body = Receipt))
)]
#[post("/activities/{id}/unpin")]
async fn unpin(
    app: Data<App>,
    cx: Auth<ActivitiesWrite>,
    id: Id<ActivityId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<Activity>(&cx, *id, expected.into(), ActivityCommand::Unpin).await?.try_into()
}

/// Mention users in an activity. Who was mentioned stays so.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesWrite>::SCOPE])),
    params(IfMatch),
    request_body = Mentions,
    responses((status = 200, description = "They are mentioned.", body = Receipt))
)]
#[post("/activities/{id}/mention")]
async fn mention(
    app: Data<App>,
    cx: Auth<ActivitiesWrite>,
    id: Id<ActivityId>,
    expected: IfMatch,
    body: Valid<Mentions>,
) -> Result<Receipt, Problem> {
    let command = ActivityCommand::Mention { user_ids: body.into_inner().into() };
    app.execute::<Activity>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Add a file to an activity that stands elsewhere.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesWrite>::SCOPE])),
    params(IfMatch),
    request_body = NewAttachment,
    responses((status = 200, description = "It is attached.", body = Receipt))
)]
#[post("/activities/{id}/attach")]
async fn attach(
    app: Data<App>,
    cx: Auth<ActivitiesWrite>,
    id: Id<ActivityId>,
    expected: IfMatch,
    body: Valid<NewAttachment>,
) -> Result<Receipt, Problem> {
    let command = ActivityCommand::Attach(Box::new(body.into_inner().attachment(|| app.fresh())?));
    app.execute::<Activity>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Take a file away from an activity.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesWrite>::SCOPE])),
    params(IfMatch),
    request_body = Detachment,
    responses((status = 200, description = "It is not attached.", body = Receipt))
)]
#[post("/activities/{id}/detach")]
async fn detach(
    app: Data<App>,
    cx: Auth<ActivitiesWrite>,
    id: Id<ActivityId>,
    expected: IfMatch,
    body: Valid<Detachment>,
) -> Result<Receipt, Problem> {
    let command = ActivityCommand::Detach { attachment_id: body.into_inner().into() };
    app.execute::<Activity>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Erase the words of an activity, for good: in its record, in its comments, in lists, and in the events of its past. Only where
/// they are about nobody: words about a contact are erased with the contact.
#[utoipa::path(
    tag = "activities",
    security(("bearer" = [Auth::<ActivitiesErase>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "None of its words are left.", body = Receipt))
)]
#[post("/activities/{id}/erase")]
async fn erase(
    app: Data<App>,
    cx: Auth<ActivitiesErase>,
    id: Id<ActivityId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<Activity>(&cx, *id, expected.into(), ActivityCommand::Erase).await?.try_into()
}
