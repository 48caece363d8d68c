//! `/v1/contacts`

use actix_web::{HttpRequest, delete, get, patch, post, web::Data};
use fairlead_application::{
    App, Expected,
    crm::{ContactsRead, ContactsWrite},
    list::{Cursors, Lists},
};
use fairlead_domain::{
    crm::{Contact, ContactCommand},
    ids::ContactId,
};
use utoipa_actix_web::service_config::ServiceConfig;

use super::contacts_dto::{ContactBody, ContactPatch, NewContact, Tags};
use crate::{
    answer::{Created, ListParams, Page, Receipt, Record, ShowDeleted, fields, page, record},
    problem::Problem,
    request::{Auth, Id, IfMatch, Query, Valid},
};

/// The routes of contacts.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(create).service(list).service(show).service(change).service(delete);
    config.service(restore).service(tag).service(untag);
}

/// Make a contact known.
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsWrite>::SCOPE])),
    request_body = NewContact,
    responses((status = 201, description = "The contact is known.", body = Receipt))
)]
#[post("/contacts")]
async fn create(app: Data<App>, cx: Auth<ContactsWrite>, body: Valid<NewContact>) -> Result<Created, Problem> {
    let command = ContactCommand::Create(Box::new(body.into_inner().try_into()?));
    app.execute::<Contact>(&cx, app.fresh(), Expected::New, command).await?.try_into()
}

/// List contacts.
#[utoipa::path(
    tag = "contacts",
    description = fields::<Contact>(),
    security(("bearer" = [Auth::<ContactsRead>::SCOPE])),
    params(ListParams),
    responses((status = 200, description = "A page.", body = Page<ContactBody>))
)]
#[get("/contacts")]
async fn list(
    lists: Data<Lists<Contact>>,
    cursors: Data<Cursors>,
    cx: Auth<ContactsRead>,
    request: HttpRequest,
    params: Query<ListParams>,
) -> Result<Page<ContactBody>, Problem> {
    page(&lists, &cursors, &cx, request.path(), params.into_inner()).await
}

/// Show a contact as it is now.
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsRead>::SCOPE])),
    params(ShowDeleted),
    responses(
        (status = 200, description = "The contact.", body = ContactBody, headers(("ETag" = String, description = "The version."))),
        (status = 304, description = "It has not changed since the version in `If-None-Match`."),
    )
)]
#[get("/contacts/{id}")]
async fn show(
    app: Data<App>,
    cx: Auth<ContactsRead>,
    id: Id<ContactId>,
    params: Query<ShowDeleted>,
) -> Result<Record<ContactBody>, Problem> {
    record(app.read::<Contact>(&cx, *id).await?, &params.into_inner())
}

/// Change a contact's attributes (JSON merge patch, RFC 7396; an address is replaced as a whole).
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsWrite>::SCOPE])),
    params(IfMatch),
    request_body(
        content((ContactPatch = "application/merge-patch+json"), (ContactPatch = "application/json")),
        description = "What is missing stays, what is null is removed."
    ),
    responses((status = 200, description = "The contact is as demanded.", body = Receipt))
)]
#[patch("/contacts/{id}")]
async fn change(
    app: Data<App>,
    cx: Auth<ContactsWrite>,
    id: Id<ContactId>,
    expected: IfMatch,
    body: Valid<ContactPatch>,
) -> Result<Receipt, Problem> {
    let command = ContactCommand::Change(Box::new(body.into_inner().try_into()?));
    app.execute::<Contact>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Delete a contact; it can be restored.
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "The contact is deleted.", body = Receipt))
)]
#[delete("/contacts/{id}")]
async fn delete(
    app: Data<App>,
    cx: Auth<ContactsWrite>,
    id: Id<ContactId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<Contact>(&cx, *id, expected.into(), ContactCommand::Delete).await?.try_into()
}

/// Bring back a deleted contact.
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "The contact is back.", body = Receipt))
)]
#[post("/contacts/{id}/restore")]
async fn restore(
    app: Data<App>,
    cx: Auth<ContactsWrite>,
    id: Id<ContactId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<Contact>(&cx, *id, expected.into(), ContactCommand::Restore).await?.try_into()
}

/// Put labels on a contact.
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsWrite>::SCOPE])),
    params(IfMatch),
    request_body = Tags,
    responses((status = 200, description = "The contact carries the labels.", body = Receipt))
)]
#[post("/contacts/{id}/tag")]
async fn tag(
    app: Data<App>,
    cx: Auth<ContactsWrite>,
    id: Id<ContactId>,
    expected: IfMatch,
    body: Valid<Tags>,
) -> Result<Receipt, Problem> {
    let command = ContactCommand::Tag(body.into_inner().try_into()?);
    app.execute::<Contact>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Take labels off a contact.
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsWrite>::SCOPE])),
    params(IfMatch),
    request_body = Tags,
    responses((status = 200, description = "The contact carries the labels no more.", body = Receipt))
)]
#[post("/contacts/{id}/untag")]
async fn untag(
    app: Data<App>,
    cx: Auth<ContactsWrite>,
    id: Id<ContactId>,
    expected: IfMatch,
    body: Valid<Tags>,
) -> Result<Receipt, Problem> {
    let command = ContactCommand::Untag(body.into_inner().try_into()?);
    app.execute::<Contact>(&cx, *id, expected.into(), command).await?.try_into()
}
