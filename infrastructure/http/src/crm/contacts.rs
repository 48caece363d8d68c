//! `/v1/contacts`

use actix_web::{
    get, patch, post,
    web::{Data, Json},
};
use fairlead_application::{
    App, AppError, Wanted,
    crm::{ContactsErase, ContactsRead, ContactsWrite, Duplicates, erase_contact, link_company, merge_contacts},
    export::Exports,
};
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactProfile, Schema},
    ids::ContactId,
};
use serde_json::Value;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    contacts_batch::{ContactBatch, Verb, meant},
    contacts_dto::{CompanyLink, CompanyUnlink, ContactMerge, ContactPatch, NewContact, Tags},
    contacts_shown::{ContactBody, DuplicateBody},
};
use crate::{
    answer::{self, Batch, BatchAnswer, Created, Page, Receipt, ShowDeleted, missing, shown},
    problem::Problem,
    request::{Auth, Id, IfMatch, Valid},
    resource::{resource, timeline},
};

/// The routes of contacts.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.configure(resource::routes).service(create).service(batch).service(change).service(erase);
    config.service(duplicates);
    config
        .service(tag)
        .service(untag)
        .service(link)
        .service(unlink)
        .service(merge)
        .service(timeline::timeline)
        .service(export);
}

resource! {
    aggregate: Contact, id: ContactId, command: ContactCommand, body: ContactBody,
    reads: ContactsRead, writes: ContactsWrite,
    tag: "contacts", one: "a contact", many: "contacts",
    paths: "/contacts", "/contacts/search", "/contacts/{id}", "/contacts/{id}/restore", "/contacts/{id}/events",
    moved: (
        status = 301,
        description = "It is part of another contact, which is to be found there.",
        headers(("Location" = String, description = "The path of the contact that took it in."))
    ),
}

timeline! {
    aggregate: Contact, id: ContactId, reads: ContactsRead,
    tag: "contacts", one: "a contact", path: "/contacts/{id}/timeline"
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
    let (details, tags) = body.into_inner().read(app.now())?;
    let profile = ContactProfile::begun(details, tags).map_err(AppError::from)?;
    let command = ContactCommand::Create(Box::new(profile), Schema::default());
    app.ask(&cx, Wanted::new(command)).await?.try_into()
}

/// Do many things with contacts in one request.
///
/// The operations take effect one after the other, and each is answered as it would be alone. With `atomic` all take effect
/// or none, and the problem names the one that is refused; otherwise a refused one does not hold up the others. What takes
/// effect does so in one transaction.
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsWrite>::SCOPE])),
    request_body = ContactBatch,
    responses((status = 200, description = "Every operation is answered.", body = BatchAnswer))
)]
#[post("/contacts/batch")]
async fn batch(app: Data<App>, cx: Auth<ContactsWrite>, body: Valid<Batch<Verb>>) -> Result<BatchAnswer, Problem> {
    answer::batch(&app, &cx, body.into_inner(), meant(app.now())).await
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
    let command = ContactCommand::Change(Box::new(body.into_inner().read(app.now())?));
    app.ask(&cx, Wanted::of(*id, expected.into(), command)).await?.try_into()
}

/// Erase everything personal about a contact, for good: in its record, in lists, and in the events of its past, which
/// read as erased from then on. Its record stays as a shell, and counts as deleted.
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsErase>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "Nothing personal is left.", body = Receipt))
)]
#[post("/contacts/{id}/erase")]
async fn erase(
    app: Data<App>,
    cx: Auth<ContactsErase>,
    id: Id<ContactId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    erase_contact(&app, &cx, *id, expected.into()).await?.try_into()
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

/// Say how a person belongs to a company.
#[utoipa::path(
    tag = "contacts",
    operation_id = "link_company",
    security(("bearer" = [Auth::<ContactsWrite>::SCOPE])),
    params(IfMatch),
    request_body = CompanyLink,
    responses((status = 200, description = "The person belongs to the company in this way.", body = Receipt))
)]
#[post("/contacts/{id}/link_company")]
async fn link(
    app: Data<App>,
    cx: Auth<ContactsWrite>,
    id: Id<ContactId>,
    expected: IfMatch,
    body: Valid<CompanyLink>,
) -> Result<Receipt, Problem> {
    let link = body.into_inner();
    let company_id = link.company_id.into();
    link_company(&app, &cx, *id, expected.into(), company_id, link.employment()?).await?.try_into()
}

/// Say that a person does not belong to a company, and never did. Who left has a last day.
#[utoipa::path(
    tag = "contacts",
    operation_id = "unlink_company",
    security(("bearer" = [Auth::<ContactsWrite>::SCOPE])),
    params(IfMatch),
    request_body = CompanyUnlink,
    responses((status = 200, description = "The person does not belong to the company.", body = Receipt))
)]
#[post("/contacts/{id}/unlink_company")]
async fn unlink(
    app: Data<App>,
    cx: Auth<ContactsWrite>,
    id: Id<ContactId>,
    expected: IfMatch,
    body: Valid<CompanyUnlink>,
) -> Result<Receipt, Problem> {
    let command = ContactCommand::UnlinkCompany(body.into_inner().company_id.into());
    app.execute::<Contact>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Make two contacts one, which are the same person.
///
/// This one takes in what it lacks of the other: addresses, labels, companies, whatever it has no value of its own for. The other
/// counts as deleted for good, keeps its past, and `GET` leads from it to this one.
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsWrite>::SCOPE])),
    params(IfMatch),
    request_body = ContactMerge,
    responses((status = 200, description = "The two are one.", body = Receipt))
)]
#[post("/contacts/{id}/merge")]
async fn merge(
    app: Data<App>,
    cx: Auth<ContactsWrite>,
    id: Id<ContactId>,
    expected: IfMatch,
    body: Valid<ContactMerge>,
) -> Result<Receipt, Problem> {
    merge_contacts(&app, &cx, *id, expected.into(), body.into_inner().loser_id.into()).await?.try_into()
}

/// List contacts that may be the same person, the likeliest first, with the reasons; 200 at most are looked at.
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsRead>::SCOPE])),
    responses((status = 200, description = "All of them.", body = Page<DuplicateBody>))
)]
#[get("/contacts/{id}/duplicates")]
async fn duplicates(
    app: Data<App>,
    found: Data<Duplicates>,
    cx: Auth<ContactsRead>,
    id: Id<ContactId>,
) -> Result<Page<DuplicateBody>, Problem> {
    let contact = shown(app.read::<Contact>(&cx, *id).await?, &ShowDeleted::default())?;
    let found = found.of(&app, &cx, contact.id).await?;
    Ok(Page::whole(found.into_iter().map(DuplicateBody::from).collect()))
}

/// Take out all that is known about a contact, deleted or not: its present, what happened, and the timeline.
#[utoipa::path(
    tag = "contacts",
    security(("bearer" = [Auth::<ContactsRead>::SCOPE])),
    responses((status = 200, description = "One document.", body = Map<String, Value>))
)]
#[get("/contacts/{id}/export")]
async fn export(exports: Data<Exports>, cx: Auth<ContactsRead>, id: Id<ContactId>) -> Result<Json<Value>, Problem> {
    Ok(Json(exports.contact(&cx, *id).await?.ok_or_else(missing::<Contact>)?))
}
