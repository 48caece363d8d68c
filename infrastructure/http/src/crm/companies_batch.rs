//! Many things done with companies in one request.

use fairlead_application::Wanted;
use fairlead_domain::{
    crm::{Ancestry, Company, CompanyCommand, CompanyUpsert, Schema},
    values::DomainName,
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    companies_dto::{CompanyPatch, CompanyUpsert as UpsertBody, NewCompany},
    contacts_dto::Tags,
};
use crate::{
    answer::{Operation, operations},
    problem::{Check, Problem},
};

/// What an operation asks.
pub(super) fn meant(operation: Operation<Verb>) -> Result<Wanted<CompanyCommand>, Problem> {
    match operation.op {
        Verb::Create => operation.makes(|data: NewCompany| {
            Ok(CompanyCommand::Create(Box::new(data.try_into()?), Ancestry::default(), Schema::default()))
        }),
        Verb::Change => operation.changes(|data: CompanyPatch| Ok(CompanyCommand::Change(Box::new(data.try_into()?)))),
        Verb::Upsert => operation.upserts(
            |by: CompanyUpsertBy| by.domain().map(|domain| (Company::domain_key(&domain), domain)),
            UpsertBody::read,
            |by, (change, tags)| CompanyCommand::Upsert(Box::new(CompanyUpsert { by, change, tags })),
        ),
        Verb::Tag => operation.changes(|data: Tags| Ok(CompanyCommand::Tag(data.try_into()?))),
        Verb::Untag => operation.changes(|data: Tags| Ok(CompanyCommand::Untag(data.try_into()?))),
        Verb::Delete => operation.does(CompanyCommand::Delete),
        Verb::Restore => operation.does(CompanyCommand::Restore),
    }
}

/// By what a company is looked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "domain": "lima.example" }))]
pub(super) struct CompanyUpsertBy {
    /// The name of a host; international ones as they are or in punycode.
    domain: String,
}

impl CompanyUpsertBy {
    fn domain(self) -> Result<DomainName, Problem> {
        let mut check = Check::default();
        let domain = check.at("/domain", DomainName::new(&self.domain));
        check.finish(domain)
    }
}

operations! {
    /// Operations on companies.
    #[schema(example = json!({
        "atomic": false,
        "operations": [
            { "op": "upsert", "by": { "domain": "lima.example" }, "data": { "name": "Lima Shipping", "tags": ["harbour"] } },
            { "op": "create", "data": { "name": "Porto Cranes" } },
        ]
    }))]
    CompanyBatch of
    /// An operation on a company.
    CompanyOperation {
        /// Make a company known.
        #[schema(title = "CreateCompany")]
        new Create {
            /// As in `POST /v1/companies`.
            data: NewCompany,
        }
        /// Change attributes.
        #[schema(title = "ChangeCompany")]
        record Change {
            /// As in `PATCH /v1/companies/{id}`.
            data: CompanyPatch,
        }
        /// Change the one that has a domain, or make one known that has it.
        #[schema(title = "UpsertCompany")]
        new Upsert {
            /// By what the company is looked for.
            by: CompanyUpsertBy,
            /// What is to be so; one that has to be made known needs a name.
            data: UpsertBody,
        }
        /// Put labels on.
        #[schema(title = "TagCompany")]
        record Tag {
            /// As in `POST /v1/companies/{id}/tag`.
            data: Tags,
        }
        /// Take labels off.
        #[schema(title = "UntagCompany")]
        record Untag {
            /// As in `POST /v1/companies/{id}/untag`.
            data: Tags,
        }
        /// Delete softly.
        #[schema(title = "DeleteCompany")]
        record Delete {}
        /// Bring back.
        #[schema(title = "RestoreCompany")]
        record Restore {}
    }
}
