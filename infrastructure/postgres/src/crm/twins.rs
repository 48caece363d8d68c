//! Contacts that have something in common.

use async_trait::async_trait;
use fairlead_application::{
    AppError, Context,
    crm::{Reason, Twin, TwinPort},
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};
use uuid::Uuid;

use super::contacts::ContactList;
use crate::{Databases, StateProjection, coverage::wait_for, list::unavailable, tenant::TenantTransaction};

/// Looks for contacts that have something in common, in the list of contacts.
pub struct ContactTwins(Databases);

impl ContactTwins {
    /// The read model in the database for requests.
    pub fn new(databases: Databases) -> Self {
        Self(databases)
    }
}

#[async_trait]
impl TwinPort for ContactTwins {
    async fn twins(&self, cx: &Context, contact: Uuid, most: i32) -> Result<Vec<Twin>, AppError> {
        wait_for(&self.0, cx, ContactList::NAME).await?;
        let sql = "select id, shared, companies, similarity from crm.contact_twins($1, $2)";
        let rows = async {
            let transaction = TenantTransaction::begin(&self.0.sql, cx).await?;
            let values = [contact.into(), most.into()];
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
            let rows = transaction.query_all_raw(statement).await?;
            transaction.end().await?;
            rows.iter().map(twin).collect::<Result<Vec<_>, DbErr>>()
        };
        rows.await.map_err(unavailable)
    }
}

fn twin(row: &QueryResult) -> Result<Twin, DbErr> {
    let shared: Vec<String> = row.try_get("", "shared")?;
    let companies: Vec<Uuid> = row.try_get("", "companies")?;
    let similarity: f32 = row.try_get("", "similarity")?;
    let mut reasons: Vec<_> = shared.iter().filter_map(|twin| reason(twin)).collect();
    if similarity >= ALIKE && !reasons.iter().any(|reason| matches!(reason, Reason::Name(_))) {
        reasons.push(Reason::SimilarName(similarity));
    }
    reasons.extend(companies.into_iter().map(|company| Reason::Company(company.into())));
    Ok(Twin { id: row.try_get("", "id")?, reasons })
}

/// How similar names are that are told as a reason: what the function finds names by.
const ALIKE: f32 = 0.5;

/// As the projection writes it.
fn reason(twin: &str) -> Option<Reason> {
    let (kind, value) = twin.split_once(':')?;
    match kind {
        "email" => Some(Reason::Email(value.to_owned())),
        "phone" => Some(Reason::Phone(value.to_owned())),
        "name" => Some(Reason::Name(value.to_owned())),
        _ => None,
    }
}
