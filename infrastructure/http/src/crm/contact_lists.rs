//! `/v1/contact_lists`

use actix_web::{patch, post, web::Data};
use fairlead_application::{
    App, Expected, Recorded,
    crm::{ContactListsRead, ContactListsWrite, add_members},
    envelope::rfc3339,
};
use fairlead_domain::{
    crm::{ContactList, ContactListChange, ContactListCommand, ContactListProfile, MAX_MEMBERS},
    ids::ContactListId,
    values::{Description, Label},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::deals_dto::ids;
use crate::{
    answer::{Created, Receipt},
    document::closed::True,
    problem::{Check, Problem},
    request::{Auth, Id, IfMatch, List, Member, Valid},
    resource::resource,
};

/// The routes of contact lists.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.configure(resource::routes).service(create).service(change).service(add).service(remove);
}

resource! {
    aggregate: ContactList, id: ContactListId, command: ContactListCommand, body: ContactListBody,
    reads: ContactListsRead, writes: ContactListsWrite,
    tag: "contact_lists", one: "a contact list", many: "contact lists",
    paths: "/contact_lists", "/contact_lists/search", "/contact_lists/{id}", "/contact_lists/{id}/restore", "/contact_lists/{id}/events",
}

/// A contact list that is to be begun.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "First", "description": "As it began" }))]
struct NewContactList {
    /// Unique among the organization's contact lists, without regard to case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it is for.
    #[schema(min_length = 1, max_length = 500)]
    description: Option<String>,
    /// The user who looks after it.
    owner_id: Option<Uuid>,
    /// The workspace to which it belongs.
    project_id: Option<Uuid>,
}

/// A change of a contact list: what is missing stays, what is null is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Second", "description": null }))]
struct ContactListPatch {
    /// What it is called. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, nullable = false)]
    name: Member<String>,
    /// What it is for.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    description: Member<String>,
    /// The user who looks after it.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    owner_id: Member<Uuid>,
    /// The workspace to which it belongs.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    project_id: Member<Uuid>,
}

/// Contacts to put on a list, or to take off it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "contact_ids": ["019ca000-0000-7000-8000-000000000001"] }))]
struct ContactListMembers {
    /// Which. More than one time the same is once.
    #[schema(value_type = Vec<Uuid>, max_items = 10_000)]
    contact_ids: List<Uuid, MAX_MEMBERS>,
}

/// A contact list. Its members are those contacts that the filter `list:<id>` lets through.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactList)]
struct ContactListBody {
    id: Uuid,
    /// Grows with each change.
    #[schema(minimum = 1)]
    version: i64,
    name: String,
    #[schema(required)]
    description: Option<String>,
    #[schema(required)]
    owner_id: Option<Uuid>,
    #[schema(required)]
    project_id: Option<Uuid>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// There, and true, when it is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    deleted: bool,
}

impl From<Recorded<ContactList>> for ContactListBody {
    fn from(recorded: Recorded<ContactList>) -> Self {
        let ContactList { profile, deleted } = recorded.state;
        Self {
            id: recorded.id,
            version: recorded.version,
            name: profile.name.as_str().to_owned(),
            description: profile.description.map(|description| description.as_str().to_owned()),
            owner_id: profile.owner_id.map(Into::into),
            project_id: profile.project_id.map(Into::into),
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
            deleted,
        }
    }
}

impl TryFrom<NewContactList> for ContactListProfile {
    type Error = Problem;

    fn try_from(body: NewContactList) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = check.at("/name", Label::new(&body.name));
        let description = check.at("/description", body.description.map(|text| Description::new(&text)).transpose());
        let (owner_id, project_id) = (body.owner_id.map(Into::into), body.project_id.map(Into::into));
        let built = || Some(Self { name: name?, description: description?, owner_id, project_id });
        let built = built();
        check.finish(built)
    }
}

impl TryFrom<ContactListPatch> for ContactListChange {
    type Error = Problem;

    fn try_from(body: ContactListPatch) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = body.name.required(&mut check, "/name", |text| Label::new(&text));
        let description = body.description.optional(&mut check, "/description", |text| Description::new(&text));
        let owner_id = body.owner_id.optional(&mut check, "/owner_id", |id| Ok(id.into()));
        let project_id = body.project_id.optional(&mut check, "/project_id", |id| Ok(id.into()));
        let built =
            || Some(Self { name: name?, description: description?, owner_id: owner_id?, project_id: project_id? });
        let built = built();
        check.finish(built)
    }
}

/// Create a contact list.
#[utoipa::path(
    tag = "contact_lists",
    security(("bearer" = [Auth::<ContactListsWrite>::SCOPE])),
    request_body = NewContactList,
    responses((status = 201, description = "It is there.", body = Receipt))
)]
#[post("/contact_lists")]
async fn create(app: Data<App>, cx: Auth<ContactListsWrite>, body: Valid<NewContactList>) -> Result<Created, Problem> {
    let command = ContactListCommand::Create(body.into_inner().try_into()?);
    app.execute::<ContactList>(&cx, app.fresh(), Expected::New, command).await?.try_into()
}

/// Change a contact list's attributes (JSON merge patch, RFC 7396).
#[utoipa::path(
    tag = "contact_lists",
    security(("bearer" = [Auth::<ContactListsWrite>::SCOPE])),
    params(IfMatch),
    request_body(
        content((ContactListPatch = "application/merge-patch+json"), (ContactListPatch = "application/json")),
        description = "What is missing stays, what is null is removed."
    ),
    responses((status = 200, description = "It is as demanded.", body = Receipt))
)]
#[patch("/contact_lists/{id}")]
async fn change(
    app: Data<App>,
    cx: Auth<ContactListsWrite>,
    id: Id<ContactListId>,
    expected: IfMatch,
    body: Valid<ContactListPatch>,
) -> Result<Receipt, Problem> {
    let command = ContactListCommand::Change(body.into_inner().try_into()?);
    app.execute::<ContactList>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Put contacts on a list: up to 10,000 that the caller may read, all of them or none. Who is on it already stays.
#[utoipa::path(
    tag = "contact_lists",
    security(("bearer" = [Auth::<ContactListsWrite>::SCOPE])),
    params(IfMatch),
    request_body = ContactListMembers,
    responses((status = 200, description = "They are on the list.", body = Receipt))
)]
#[post("/contact_lists/{id}/members")]
async fn add(
    app: Data<App>,
    cx: Auth<ContactListsWrite>,
    id: Id<ContactListId>,
    expected: IfMatch,
    body: Valid<ContactListMembers>,
) -> Result<Receipt, Problem> {
    add_members(&app, &cx, *id, expected.into(), ids(body.into_inner().contact_ids)).await?.try_into()
}

/// Take contacts off a list, up to 10,000. Who is not on it stays off.
#[utoipa::path(
    tag = "contact_lists",
    security(("bearer" = [Auth::<ContactListsWrite>::SCOPE])),
    params(IfMatch),
    request_body = ContactListMembers,
    responses((status = 200, description = "They are not on the list.", body = Receipt))
)]
#[post("/contact_lists/{id}/members/remove")]
async fn remove(
    app: Data<App>,
    cx: Auth<ContactListsWrite>,
    id: Id<ContactListId>,
    expected: IfMatch,
    body: Valid<ContactListMembers>,
) -> Result<Receipt, Problem> {
    let command = ContactListCommand::RemoveMembers(ids(body.into_inner().contact_ids));
    app.execute::<ContactList>(&cx, *id, expected.into(), command).await?.try_into()
}
