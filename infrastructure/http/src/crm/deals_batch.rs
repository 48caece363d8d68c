//! Many things done with deals in one request.

use fairlead_application::{Wanted, crm::DealRequest};
use fairlead_domain::crm::{DealChange, DealCommand};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    contacts_dto::Tags,
    deals_dto::{Closing, DealPatch, Links, Moving, NewDeal},
};
use crate::{
    answer::{Operation, operations},
    problem::Problem,
};

/// What an operation asks.
pub(super) fn meant(operation: Operation<Verb>) -> Result<Wanted<DealRequest>, Problem> {
    match operation.op {
        Verb::Open => operation.makes(|data: NewDeal| Ok(DealRequest::Open(Box::new(data.try_into()?)))),
        Verb::Change => operation.changes(|data: DealPatch| Ok(DealChange::try_from(data)?.into())),
        Verb::Move => operation.changes(|data: Moving| Ok(data.into())),
        Verb::Win => operation.changes(|data: Closing| Ok(DealRequest::Win { reason: data.try_into()? })),
        Verb::Lose => operation.changes(|data: Closing| Ok(DealRequest::Lose { reason: data.try_into()? })),
        Verb::Reopen => operation.does(DealRequest::Reopen),
        Verb::Link => operation.changes(|data: Links| Ok(DealRequest::Link(data.into()))),
        Verb::Unlink => operation.changes(|data: Links| Ok(DealRequest::Unlink(data.into()))),
        Verb::Tag => operation.changes(|data: Tags| Ok(DealCommand::Tag(data.try_into()?).into())),
        Verb::Untag => operation.changes(|data: Tags| Ok(DealCommand::Untag(data.try_into()?).into())),
        Verb::Delete => operation.does(DealCommand::Delete.into()),
        Verb::Restore => operation.does(DealCommand::Restore.into()),
    }
}

operations! {
    /// Operations on deals.
    #[schema(example = json!({
        "atomic": true,
        "operations": [
            { "op": "open", "data": { "name": "40 forklifts", "pipeline_id": "0192b1c8-6a3e-7000-8000-000000000010" } },
            { "op": "open", "data": { "name": "Spare parts", "pipeline_id": "0192b1c8-6a3e-7000-8000-000000000010" } },
        ]
    }))]
    DealBatch of
    /// An operation on a deal.
    DealOperation {
        /// Open a deal.
        #[schema(title = "OpenDeal")]
        new Open {
            /// As in `POST /v1/deals`.
            data: NewDeal,
        }
        /// Change attributes.
        #[schema(title = "ChangeDeal")]
        record Change {
            /// As in `PATCH /v1/deals/{id}`.
            data: DealPatch,
        }
        /// Put it into another stage.
        #[schema(title = "MoveDeal")]
        record Move {
            /// As in `POST /v1/deals/{id}/move`.
            data: Moving,
        }
        /// Say that it was won.
        #[schema(title = "WinDeal")]
        record Win {
            /// As in `POST /v1/deals/{id}/win`.
            data: Closing,
        }
        /// Say that it was lost.
        #[schema(title = "LoseDeal")]
        record Lose {
            /// As in `POST /v1/deals/{id}/lose`.
            data: Closing,
        }
        /// Open it again.
        #[schema(title = "ReopenDeal")]
        record Reopen {}
        /// Name people and companies.
        #[schema(title = "LinkDeal")]
        record Link {
            /// As in `POST /v1/deals/{id}/link`.
            data: Links,
        }
        /// Name people and companies no more.
        #[schema(title = "UnlinkDeal")]
        record Unlink {
            /// As in `POST /v1/deals/{id}/unlink`.
            data: Links,
        }
        /// Put labels on.
        #[schema(title = "TagDeal")]
        record Tag {
            /// As in `POST /v1/deals/{id}/tag`.
            data: Tags,
        }
        /// Take labels off.
        #[schema(title = "UntagDeal")]
        record Untag {
            /// As in `POST /v1/deals/{id}/untag`.
            data: Tags,
        }
        /// Delete softly.
        #[schema(title = "DeleteDeal")]
        record Delete {}
        /// Bring back.
        #[schema(title = "RestoreDeal")]
        record Restore {}
    }
}
