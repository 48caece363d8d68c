//! Many things done with activities in one request.

use std::collections::BTreeSet;

use fairlead_application::{App, Wanted};
use fairlead_domain::crm::ActivityCommand;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    activities_dto::{ActivityPatch, Assignee, Detachment, Mentions, NewActivity, Outcome},
    attachments_dto::NewAttachment,
};
use crate::{
    answer::{Operation, operations},
    problem::Problem,
};

/// What an operation asks.
pub(super) fn meant(app: &App, operation: Operation<Verb>) -> Result<Wanted<ActivityCommand>, Problem> {
    match operation.op {
        Verb::Create => operation.makes(|data: NewActivity| {
            let profile = Box::new(data.profile(|| app.fresh())?);
            Ok(ActivityCommand::Create { profile, seen: BTreeSet::new() })
        }),
        Verb::Change => {
            operation.changes(|data: ActivityPatch| Ok(ActivityCommand::Change(Box::new(data.try_into()?))))
        }
        Verb::Assign => operation.changes(|data: Assignee| Ok(ActivityCommand::Assign { assignee_id: data.into() })),
        Verb::Complete => operation
            .changes(|data: Outcome| Ok(ActivityCommand::Complete { at: app.now(), outcome: data.try_into()? })),
        Verb::Reopen => operation.does(ActivityCommand::Reopen),
        Verb::Pin => operation.does(ActivityCommand::Pin),
        Verb::Unpin => operation.does(ActivityCommand::Unpin),
        Verb::Mention => operation.changes(|data: Mentions| Ok(ActivityCommand::Mention { user_ids: data.into() })),
        Verb::Attach => operation
            .changes(|data: NewAttachment| Ok(ActivityCommand::Attach(Box::new(data.attachment(|| app.fresh())?)))),
        Verb::Detach => {
            operation.changes(|data: Detachment| Ok(ActivityCommand::Detach { attachment_id: data.into() }))
        }
        Verb::Delete => operation.does(ActivityCommand::Delete),
        Verb::Restore => operation.does(ActivityCommand::Restore),
    }
}

operations! {
    /// Operations on activities.
    #[schema(example = json!({
        "atomic": false,
        "operations": [
            { "op": "complete", "id": "01990b1e-7c5a-7d2e-9c42-3a1f5b6c7d8f", "data": {} },
            { "op": "create", "data": {
                "kind": "note",
                "subject": "They want the new prices",
                "about": [{ "type": "company", "id": "01990b1e-7c5a-7d2e-9c42-3a1f5b6c7d8e" }]
            } },
        ]
    }))]
    ActivityBatch of
    /// An operation on an activity.
    ActivityOperation {
        /// Note something, or plan it.
        #[schema(title = "CreateActivity")]
        new Create {
            /// As in `POST /v1/activities`.
            data: NewActivity,
        }
        /// Change attributes.
        #[schema(title = "ChangeActivity")]
        record Change {
            /// As in `PATCH /v1/activities/{id}`.
            data: ActivityPatch,
        }
        /// Give it to a user, or to nobody.
        #[schema(title = "AssignActivity")]
        record Assign {
            /// As in `POST /v1/activities/{id}/assign`.
            data: Assignee,
        }
        /// Say that it is done.
        #[schema(title = "CompleteActivity")]
        record Complete {
            /// As in `POST /v1/activities/{id}/complete`.
            data: Outcome,
        }
        /// Say that it is not done after all.
        #[schema(title = "ReopenActivity")]
        record Reopen {}
        /// Keep it in sight.
        #[schema(title = "PinActivity")]
        record Pin {}
        /// Don't keep it in sight any more.
        #[schema(title = "UnpinActivity")]
        record Unpin {}
        /// Mention users.
        #[schema(title = "MentionInActivity")]
        record Mention {
            /// As in `POST /v1/activities/{id}/mention`.
            data: Mentions,
        }
        /// Add a file that stands elsewhere.
        #[schema(title = "AttachToActivity")]
        record Attach {
            /// As in `POST /v1/activities/{id}/attach`.
            data: NewAttachment,
        }
        /// Take a file away.
        #[schema(title = "DetachFromActivity")]
        record Detach {
            /// As in `POST /v1/activities/{id}/detach`.
            data: Detachment,
        }
        /// Delete softly.
        #[schema(title = "DeleteActivity")]
        record Delete {}
        /// Bring back.
        #[schema(title = "RestoreActivity")]
        record Restore {}
    }
}
