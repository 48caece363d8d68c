//! Many things done with contacts in one request.

use chrono::{DateTime, Utc};
use fairlead_application::{AppError, Wanted};
use fairlead_domain::crm::{ContactCommand, ContactProfile, ContactUpsert, Schema};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::contacts_dto::{ContactPatch, ContactUpsert as UpsertBody, NewContact, Tags, UpsertBy};
use crate::{
    answer::{Operation, operations},
    problem::Problem,
};

/// What an operation asks, which is said now.
pub(super) fn meant(now: DateTime<Utc>) -> impl Fn(Operation<Verb>) -> Result<Wanted<ContactCommand>, Problem> {
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

operations! {
    /// Operations on contacts.
    #[schema(example = json!({
        "atomic": false,
        "operations": [
            { "op": "create", "data": { "name": "Ana Lima", "tags": ["vip"] } },
            { "op": "create", "data": { "name": "Bo" } },
        ]
    }))]
    ContactBatch of
    /// An operation on a contact.
    ContactOperation {
        /// Make a contact known.
        #[schema(title = "CreateContact")]
        new Create {
            /// As in `POST /v1/contacts`.
            data: NewContact,
        }
        /// Change attributes.
        #[schema(title = "ChangeContact")]
        record Change {
            /// As in `PATCH /v1/contacts/{id}`.
            data: ContactPatch,
        }
        /// Change the one that is known by a key, or make somebody known who has it.
        #[schema(title = "UpsertContact")]
        new Upsert {
            /// By what the contact is looked for.
            by: UpsertBy,
            /// What is to be so; whoever has to be made known needs a name.
            data: UpsertBody,
        }
        /// Put labels on.
        #[schema(title = "TagContact")]
        record Tag {
            /// As in `POST /v1/contacts/{id}/tag`.
            data: Tags,
        }
        /// Take labels off.
        #[schema(title = "UntagContact")]
        record Untag {
            /// As in `POST /v1/contacts/{id}/untag`.
            data: Tags,
        }
        /// Delete softly.
        #[schema(title = "DeleteContact")]
        record Delete {}
        /// Bring back.
        #[schema(title = "RestoreContact")]
        record Restore {}
    }
}
