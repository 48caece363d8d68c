//! Everything that is stored, read at one moment and held against the events.
//!
//! One read-only transaction, whose snapshot the streams, the order, the read models and the checkpoints are all seen in:
//! what happens meanwhile is not met. Streams, events and keys are merged from cursors in one order, so that a table is
//! gone through once, and memory holds a few hundred streams.

mod beside;
mod cursor;
mod order;
mod read_models;
mod streams;

use async_trait::async_trait;
use deadpool_postgres::Object;
use fairlead_application::verify::{Difference, Fault, Report, Summary, Verifier, VerifyError};
use fairlead_domain::ids::OrganizationId;
use uuid::Uuid;

use self::{read_models::ReadModel, streams::Streams};
use crate::{Databases, connect::log_error, projection::projections, work::Work};

/// Reading takes as long as it takes, and so may whoever reads what is printed.
const BEGIN: &str = "set transaction isolation level repeatable read, read only; set local statement_timeout = 0;
                     set local idle_in_transaction_session_timeout = 0";
const COUNT: &str = "select count(*) from engine.streams s where ($1::uuid is null or tenant_id = $1)";
/// What is being deleted at present is not as its events tell. Behind a condition on `$` as the table.
const NOT_ENDING: &str =
    "not exists (select from engine.purged p where p.tenant_id = $.tenant_id and p.finished_at is null)";

/// The condition that a row's organization is not being deleted.
fn not_ending(table: &str) -> String {
    NOT_ENDING.replace('$', table)
}

/// Reads the engine's database, as a member of `fairlead_engine`.
pub struct PostgresVerifier(Databases);

impl PostgresVerifier {
    /// Looks at this database.
    pub fn new(databases: Databases) -> Self {
        Self(databases)
    }

    async fn look(
        &self,
        client: &Object,
        organization: Option<Uuid>,
        findings: &mut Findings<'_>,
    ) -> Result<(), VerifyError> {
        client.batch_execute(BEGIN).await.map_err(log_error)?;
        let total: i64 = client.query_one(COUNT, &[&organization]).await.map_err(log_error)?.get(0);
        let total = total.cast_unsigned();
        let mut models = Vec::new();
        for projection in projections(&self.0.vault) {
            models.push(ReadModel::new(client, projection).await?);
        }
        let mut streams = Streams::declare(client, &self.0.vault, organization).await?;
        loop {
            findings.report.progressed(findings.summary.streams, total);
            let checked = streams.next(findings).await?;
            if checked.is_empty() {
                break;
            }
            for model in &mut models {
                model.compare(client, &checked, findings).await?;
            }
        }
        order::check(client, organization, findings).await?;
        for model in models {
            model.surplus(client, organization, findings).await?;
            findings.summary.read_models.push(model.into_summary());
        }
        Ok(())
    }
}

#[async_trait]
impl Verifier for PostgresVerifier {
    async fn verify(
        &self,
        organization: Option<OrganizationId>,
        report: &mut dyn Report,
    ) -> Result<Summary, VerifyError> {
        let mut findings = Findings { report, summary: Summary::default() };
        let work = Work::begin(&self.0.pool).await?;
        self.look(work.client()?, organization.map(Uuid::from), &mut findings).await?;
        work.rollback().await?;
        Ok(findings.summary)
    }
}

/// Where differences go.
struct Findings<'a> {
    report: &'a mut dyn Report,
    summary: Summary,
}

impl Findings<'_> {
    /// Something about a stream.
    fn of(&mut self, tenant: Uuid, stream: Uuid, aggregate: Option<&str>, fault: Fault) {
        self.tell(Some(tenant), Some(stream), aggregate.map(str::to_owned), fault);
    }

    /// Something about no tenant.
    fn of_all(&mut self, fault: Fault) {
        self.tell(None, None, None, fault);
    }

    fn tell(&mut self, organization: Option<Uuid>, stream: Option<Uuid>, aggregate: Option<String>, fault: Fault) {
        self.summary.differences += 1;
        self.report.found(Difference { organization, stream, aggregate, fault });
    }
}
