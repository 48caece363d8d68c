//! The audit log: what events tell, and what was noted beside them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fairlead_application::{
    AppError, Context,
    envelope::SequencedEvent,
    identity::{AuditEntry, AuditPort, AuditQuery},
    recorded::DecodeError,
};
use sea_orm::entity::prelude::*;
use serde::Serialize;
use tokio_postgres::Row;

use crate::{
    Databases, EventProjection,
    coverage::wait_for,
    event_store::{internal, pool_error, store_error},
};

const READ: &str = "select * from identity.read_audit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// Audit logs of organizations, reached as a member of `fairlead_app`.
pub struct AuditLog(Databases);

impl AuditLog {
    /// The log in the database for requests.
    pub fn new(databases: Databases) -> Self {
        Self(databases)
    }
}

/// A row of `identity.audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(schema_name = "identity", table_name = "audit")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: Uuid,
    pub subject_id: Uuid,
    pub position: i64,
    pub version: i64,
    pub occurred_at: DateTimeUtc,
    pub actor: String,
    pub action: String,
    pub resource_type: String,
    pub correlation_id: Option<Uuid>,
    pub changes: Vec<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl EventProjection for AuditLog {
    type Entity = Entity;
    const NAME: &'static str = "identity.audit";
    const TABLE: &'static str = "identity.audit";
    const KEY: &'static str = "tenant_id, event_id";
    const EXPIRED: &'static str = "e.occurred_at < (select h.since from identity.audit_horizon h)";
    const ERASING: Option<&'static str> = Some("select identity.forget_origins($1, $2)");

    fn concerns(_: &str) -> bool {
        true
    }

    fn rows(sequenced: &SequencedEvent) -> Result<Vec<Model>, DecodeError> {
        let event = &sequenced.event;
        let (resource_type, _) = event.event_type.split_once('.').unwrap_or((&event.event_type, ""));
        Ok(vec![Model {
            tenant_id: sequenced.tenant,
            event_id: event.id,
            subject_id: sequenced.stream,
            position: sequenced.position,
            version: event.version,
            occurred_at: event.occurred_at,
            actor: event.metadata.actor.clone(),
            action: event.event_type.clone(),
            resource_type: resource_type.to_owned(),
            correlation_id: event.metadata.correlation_id,
            // Their names are those of the event's shape; what stands below may be named by anybody.
            changes: event.data.as_object().map(|data| data.keys().cloned().collect()).unwrap_or_default(),
        }])
    }
}

#[async_trait]
impl AuditPort for AuditLog {
    async fn entries(
        &self,
        cx: &Context,
        since: DateTime<Utc>,
        query: &AuditQuery,
    ) -> Result<Vec<AuditEntry>, AppError> {
        wait_for(&self.0, cx, Self::NAME).await?;
        let client = self.0.pool.get().await.map_err(pool_error)?;
        let read = client.prepare_cached(READ).await.map_err(store_error)?;
        let AuditQuery { actor, action, resource_type, resource_id, refused, until, behind, limit, .. } = query;
        let (tenant, limit) = (Uuid::from(cx.tenant()), i32::from(*limit));
        let (behind_at, behind) = behind.unzip();
        let rows = client
            .query(
                &read,
                &[
                    &tenant,
                    &since,
                    until,
                    actor,
                    action,
                    resource_type,
                    resource_id,
                    refused,
                    &behind_at,
                    &behind,
                    &limit,
                ],
            )
            .await
            .map_err(store_error)?;
        Ok(rows.iter().map(entry).collect::<Result<_, _>>().map_err(internal)?)
    }
}

fn entry(row: &Row) -> Result<AuditEntry, tokio_postgres::Error> {
    Ok(AuditEntry {
        id: row.try_get(0)?,
        occurred_at: row.try_get(1)?,
        actor: row.try_get(2)?,
        action: row.try_get(3)?,
        resource_type: row.try_get(4)?,
        resource_id: row.try_get(5)?,
        version: row.try_get(6)?,
        correlation_id: row.try_get(7)?,
        changes: row.try_get(8)?,
        permission: row.try_get(9)?,
        code: row.try_get(10)?,
        address: row.try_get(11)?,
        user_agent: row.try_get(12)?,
    })
}
