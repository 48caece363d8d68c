//! Many things done with contacts in one request.

use chrono::{DateTime, Utc};
use fairlead_application::AppError;
use fairlead_domain::crm::{Contact, ContactCommand, ContactProfile, ContactUpsert, Schema};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::contacts_dto::{ContactPatch, ContactUpsert as UpsertBody, NewContact, Tags, UpsertBy};
use crate::{
    answer::{Meant, Operation},
    problem::Problem,
};

/// What can be done; [`ContactOperation`] says of what each takes.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verb {
    Create,
    Change,
    Upsert,
    Tag,
    Untag,
    Delete,
    Restore,
}

/// The command that an operation means, which is said now.
pub(super) fn meant(now: DateTime<Utc>) -> impl Fn(Operation<Verb>) -> Result<Meant<Contact>, Problem> {
    move |operation| match operation.op {
        Verb::Create => operation.makes(|data: NewContact| {
            let (details, tags) = data.read(now)?;
            let profile = ContactProfile::begun(details, tags).map_err(AppError::from)?;
            Ok(ContactCommand::Create(Box::new(profile), Schema::default()))
        }),
        Verb::Change => operation.changes(|data: ContactPatch| Ok(ContactCommand::Change(Box::new(data.read(now)?)))),
        Verb::Upsert => operation.upserts(
            |by: UpsertBy| by.key().map(|key| (key.reserved(), key)),
            |data: UpsertBody| data.read(now),
            |by, (change, tags)| ContactCommand::Upsert(Box::new(ContactUpsert { by, change, tags })),
        ),
        Verb::Tag => operation.changes(|data: Tags| Ok(ContactCommand::Tag(data.try_into()?))),
        Verb::Untag => operation.changes(|data: Tags| Ok(ContactCommand::Untag(data.try_into()?))),
        Verb::Delete => operation.does(ContactCommand::Delete),
        Verb::Restore => operation.does(ContactCommand::Restore),
    }
}

/// Operations on contacts.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "atomic": false,
    "operations": [
        { "op": "create", "data": { "name": "Ana Lima", "tags": ["vip"] } },
        { "op": "create", "data": { "name": "Bo" } },
    ]
}))]
#[expect(dead_code, reason = "for the document; what is read is generic")]
pub(super) struct ContactBatch {
    /// Whether all take effect or none; each for itself if missing.
    #[schema(required = false)]
    atomic: bool,
    /// In the order in which they take effect.
    #[schema(min_items = 1, max_items = 1000)]
    operations: Vec<ContactOperation>,
}

/// An operation on a contact.
#[derive(ToSchema)]
#[serde(tag = "op", rename_all = "snake_case")]
#[expect(dead_code, reason = "for the document; what is read is generic")]
pub(super) enum ContactOperation {
    /// Make a contact known.
    #[serde(deny_unknown_fields)]
    #[schema(title = "CreateContact")]
    Create {
        /// As in `POST /v1/contacts`.
        data: NewContact,
    },
    /// Change attributes.
    #[serde(deny_unknown_fields)]
    #[schema(title = "ChangeContact")]
    Change {
        /// The contact.
        id: Uuid,
        /// The version at which it must be when it is this operation's turn; any if missing.
        #[schema(required = false, minimum = 1)]
        if_match: i64,
        /// As in `PATCH /v1/contacts/{id}`.
        data: ContactPatch,
    },
    /// Change the one that is known by a key, or make somebody known who has it.
    #[serde(deny_unknown_fields)]
    #[schema(title = "UpsertContact")]
    Upsert {
        /// By what the contact is looked for.
        by: UpsertBy,
        /// What is to be so; whoever has to be made known needs a name.
        data: UpsertBody,
    },
    /// Put labels on.
    #[serde(deny_unknown_fields)]
    #[schema(title = "TagContact")]
    Tag {
        /// The contact.
        id: Uuid,
        /// The version at which it must be when it is this operation's turn; any if missing.
        #[schema(required = false, minimum = 1)]
        if_match: i64,
        /// As in `POST /v1/contacts/{id}/tag`.
        data: Tags,
    },
    /// Take labels off.
    #[serde(deny_unknown_fields)]
    #[schema(title = "UntagContact")]
    Untag {
        /// The contact.
        id: Uuid,
        /// The version at which it must be when it is this operation's turn; any if missing.
        #[schema(required = false, minimum = 1)]
        if_match: i64,
        /// As in `POST /v1/contacts/{id}/untag`.
        data: Tags,
    },
    /// Delete softly.
    #[serde(deny_unknown_fields)]
    #[schema(title = "DeleteContact")]
    Delete {
        /// The contact.
        id: Uuid,
        /// The version at which it must be when it is this operation's turn; any if missing.
        #[schema(required = false, minimum = 1)]
        if_match: i64,
    },
    /// Bring back.
    #[serde(deny_unknown_fields)]
    #[schema(title = "RestoreContact")]
    Restore {
        /// The contact.
        id: Uuid,
        /// The version at which it must be when it is this operation's turn; any if missing.
        #[schema(required = false, minimum = 1)]
        if_match: i64,
    },
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema as _;

    use super::*;
    use crate::document::closed;

    #[test]
    fn the_document_tells_of_what_is_read() {
        let schema = serde_json::to_value(ContactOperation::schema()).unwrap();
        let forms = schema["oneOf"].as_array().unwrap().iter();
        let told: Vec<_> = forms.map(|form| form["properties"]["op"]["enum"][0].as_str().unwrap()).collect();
        assert_eq!(told, closed::names::<Verb>());
    }
}
