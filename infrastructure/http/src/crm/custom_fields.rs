//! `/v1/custom_fields`

use actix_web::{HttpRequest, delete, get, patch, post, web::Data};
use fairlead_application::{
    App, Expected,
    crm::{CustomFieldsRead, CustomFieldsWrite},
    history::History,
    list::Cursors,
};
use fairlead_domain::{
    crm::{CustomField, CustomFieldCommand},
    ids::CustomFieldId,
};
use utoipa_actix_web::service_config::ServiceConfig;

use super::custom_fields_dto::{CustomFieldBody, CustomFieldPatch, NewCustomField, NewOption, OptionKey, OptionOrder};
use crate::{
    answer::{
        Created, EventPage, Page, Receipt, Record, RecordEventParams, RegisterParams, ShowDeleted, record,
        record_events, register_page,
    },
    problem::Problem,
    request::{Auth, Id, IfMatch, Query, Valid},
};

/// The routes of custom fields.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(define).service(list).service(show).service(change).service(delete).service(restore);
    config.service(add_option).service(rename_option).service(reorder).service(retire).service(reinstate);
    config.service(events);
}

/// Define a field that contacts, companies or deals have from now on, among their `attributes`.
///
/// Values of attributes with this key that are there already stay as they are until they are changed.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsWrite>::SCOPE])),
    request_body = NewCustomField,
    responses((status = 201, description = "The field is defined.", body = Receipt))
)]
#[post("/custom_fields")]
async fn define(app: Data<App>, cx: Auth<CustomFieldsWrite>, body: Valid<NewCustomField>) -> Result<Created, Problem> {
    let command = CustomFieldCommand::Define(Box::new(body.into_inner().try_into()?));
    app.execute::<CustomField>(&cx, app.fresh(), Expected::New, command).await?.try_into()
}

/// List custom fields, in the order in which they were defined. Those deleted are left out.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsRead>::SCOPE])),
    params(RegisterParams),
    responses((status = 200, description = "A page.", body = Page<CustomFieldBody>))
)]
#[get("/custom_fields")]
async fn list(
    app: Data<App>,
    cursors: Data<Cursors>,
    cx: Auth<CustomFieldsRead>,
    request: HttpRequest,
    params: Query<RegisterParams>,
) -> Result<Page<CustomFieldBody>, Problem> {
    let read = async |after, limit| app.register::<CustomField>(&cx, None, after, limit).await;
    register_page(&cursors, &cx, request.path(), params.into_inner(), |field| field.id, read).await
}

/// Show a custom field as it is now.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsRead>::SCOPE])),
    params(ShowDeleted),
    responses((status = 200, description = "The field.", body = CustomFieldBody))
)]
#[get("/custom_fields/{id}")]
async fn show(
    app: Data<App>,
    cx: Auth<CustomFieldsRead>,
    id: Id<CustomFieldId>,
    params: Query<ShowDeleted>,
) -> Result<Record<CustomFieldBody>, Problem> {
    record(app.read::<CustomField>(&cx, *id).await?, &params.into_inner())
}

/// Change a custom field (JSON merge patch, RFC 7396). Which records have it, its key, its type and whether it is unique never change.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsWrite>::SCOPE])),
    params(IfMatch),
    request_body(
        content((CustomFieldPatch = "application/merge-patch+json"), (CustomFieldPatch = "application/json")),
        description = "What is missing stays, what is null is removed."
    ),
    responses((status = 200, description = "It is as demanded.", body = Receipt))
)]
#[patch("/custom_fields/{id}")]
async fn change(
    app: Data<App>,
    cx: Auth<CustomFieldsWrite>,
    id: Id<CustomFieldId>,
    expected: IfMatch,
    body: Valid<CustomFieldPatch>,
) -> Result<Receipt, Problem> {
    let command = CustomFieldCommand::Change(Box::new(body.into_inner().try_into()?));
    app.execute::<CustomField>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Delete a custom field; it can be restored. Values stay, and can be changed freely.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "The field is deleted.", body = Receipt))
)]
#[delete("/custom_fields/{id}")]
async fn delete(
    app: Data<App>,
    cx: Auth<CustomFieldsWrite>,
    id: Id<CustomFieldId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    let command = CustomFieldCommand::Delete;
    app.execute::<CustomField>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Bring back a custom field that was deleted.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "The field is back.", body = Receipt))
)]
#[post("/custom_fields/{id}/restore")]
async fn restore(
    app: Data<App>,
    cx: Auth<CustomFieldsWrite>,
    id: Id<CustomFieldId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    let command = CustomFieldCommand::Restore;
    app.execute::<CustomField>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Add an option to a choice, behind the others.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsWrite>::SCOPE])),
    params(IfMatch),
    request_body = NewOption,
    responses((status = 200, description = "The field has the option.", body = Receipt))
)]
#[post("/custom_fields/{id}/options")]
async fn add_option(
    app: Data<App>,
    cx: Auth<CustomFieldsWrite>,
    id: Id<CustomFieldId>,
    expected: IfMatch,
    body: Valid<NewOption>,
) -> Result<Receipt, Problem> {
    let (key, name) = body.into_inner().read()?;
    let command = CustomFieldCommand::AddOption { key, name };
    app.execute::<CustomField>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Call an option of a choice otherwise; `key` says which. Values keep the key.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsWrite>::SCOPE])),
    params(IfMatch),
    request_body(
        content((NewOption = "application/merge-patch+json"), (NewOption = "application/json")),
        description = "What is missing stays, what is null is removed."
    ),
    responses((status = 200, description = "The option is called so.", body = Receipt))
)]
#[patch("/custom_fields/{id}/options")]
async fn rename_option(
    app: Data<App>,
    cx: Auth<CustomFieldsWrite>,
    id: Id<CustomFieldId>,
    expected: IfMatch,
    body: Valid<NewOption>,
) -> Result<Receipt, Problem> {
    let (key, name) = body.into_inner().read()?;
    let command = CustomFieldCommand::RenameOption { key, name };
    app.execute::<CustomField>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Put the options of a choice into another order.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsWrite>::SCOPE])),
    params(IfMatch),
    request_body = OptionOrder,
    responses((status = 200, description = "The options stand in this order.", body = Receipt))
)]
#[post("/custom_fields/{id}/options/reorder")]
async fn reorder(
    app: Data<App>,
    cx: Auth<CustomFieldsWrite>,
    id: Id<CustomFieldId>,
    expected: IfMatch,
    body: Valid<OptionOrder>,
) -> Result<Receipt, Problem> {
    let command = CustomFieldCommand::ReorderOptions(body.into_inner().read()?);
    app.execute::<CustomField>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Take an option out of use. Values that have it keep it, and no other record gets it.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsWrite>::SCOPE])),
    params(IfMatch),
    request_body = OptionKey,
    responses((status = 200, description = "The option is out of use.", body = Receipt))
)]
#[post("/custom_fields/{id}/options/retire")]
async fn retire(
    app: Data<App>,
    cx: Auth<CustomFieldsWrite>,
    id: Id<CustomFieldId>,
    expected: IfMatch,
    body: Valid<OptionKey>,
) -> Result<Receipt, Problem> {
    let command = CustomFieldCommand::RetireOption(body.into_inner().read()?);
    app.execute::<CustomField>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Take an option into use again.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsWrite>::SCOPE])),
    params(IfMatch),
    request_body = OptionKey,
    responses((status = 200, description = "The option is in use.", body = Receipt))
)]
#[post("/custom_fields/{id}/options/reinstate")]
async fn reinstate(
    app: Data<App>,
    cx: Auth<CustomFieldsWrite>,
    id: Id<CustomFieldId>,
    expected: IfMatch,
    body: Valid<OptionKey>,
) -> Result<Receipt, Problem> {
    let command = CustomFieldCommand::ReinstateOption(body.into_inner().read()?);
    app.execute::<CustomField>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Read what happened to a custom field, oldest first, whether it is deleted or not.
#[utoipa::path(
    tag = "custom_fields",
    security(("bearer" = [Auth::<CustomFieldsRead>::SCOPE])),
    params(RecordEventParams),
    responses((status = 200, description = "A page; `next_after` is a version.", body = EventPage))
)]
#[get("/custom_fields/{id}/events")]
async fn events(
    history: Data<History>,
    cx: Auth<CustomFieldsRead>,
    id: Id<CustomFieldId>,
    params: Query<RecordEventParams>,
) -> Result<EventPage, Problem> {
    record_events::<CustomField>(&history, &cx, *id, params.into_inner()).await
}
