//! Many things done with contacts in one request.

use fairlead_domain::crm::{Contact, ContactCommand};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::contacts_dto::{ContactPatch, NewContact, Tags};
use crate::{
    answer::{Meant, Operation},
    problem::Problem,
};

/// What can be done.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ContactVerb)]
pub(super) enum Verb {
    /// Make a contact known; `data` as in `POST /v1/contacts`, neither `id` nor `if_match`.
    Create,
    /// Change attributes; `data` as in `PATCH`.
    Change,
    /// Put labels on; `data` as in `POST …/tag`.
    Tag,
    /// Take labels off; `data` as in `POST …/untag`.
    Untag,
    /// Delete softly, without `data`.
    Delete,
    /// Bring back, without `data`.
    Restore,
}

/// The command that an operation means.
pub(super) fn meant(operation: Operation<Verb>) -> Result<Meant<Contact>, Problem> {
    match operation.op {
        Verb::Create => operation.makes(|data: NewContact| Ok(ContactCommand::Create(Box::new(data.try_into()?)))),
        Verb::Change => operation.changes(|data: ContactPatch| Ok(ContactCommand::Change(Box::new(data.try_into()?)))),
        Verb::Tag => operation.changes(|data: Tags| Ok(ContactCommand::Tag(data.try_into()?))),
        Verb::Untag => operation.changes(|data: Tags| Ok(ContactCommand::Untag(data.try_into()?))),
        Verb::Delete => operation.does(ContactCommand::Delete),
        Verb::Restore => operation.does(ContactCommand::Restore),
    }
}

/// Operations on contacts.
#[derive(ToSchema)]
#[schema(example = json!({
    "atomic": false,
    "operations": [
        { "op": "create", "data": { "name": "Ana Lima", "tags": ["vip"] } },
        { "op": "create", "data": { "name": "Bo" } },
    ]
}))]
#[expect(dead_code, reason = "for the document; what is read is generic")]
pub(super) struct ContactBatch {
    /// Whether all take effect or none.
    #[schema(required = false, default = false)]
    atomic: bool,
    /// In the order in which they take effect.
    #[schema(min_items = 1, max_items = 1000)]
    operations: Vec<ContactOperation>,
}

/// An operation on a contact.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document; what is read is generic")]
pub(super) struct ContactOperation {
    op: Verb,
    /// The contact; not for `create`.
    #[schema(required = false)]
    id: Uuid,
    /// The version at which the contact must be when it is this operation's turn; any if missing.
    #[schema(required = false, minimum = 1)]
    if_match: i64,
    /// What the operation alone would take as its body.
    #[schema(required = false)]
    data: ContactOperationData,
}

/// What an operation takes.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the document; what is read is generic")]
pub(super) enum ContactOperationData {
    #[schema(title = "create")]
    Create(NewContact),
    #[schema(title = "change")]
    Change(ContactPatch),
    #[schema(title = "tag, untag")]
    Tags(Tags),
}
