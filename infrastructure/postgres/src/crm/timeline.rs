//! What happened to a contact.

use async_trait::async_trait;
use fairlead_application::{
    AppError, Context,
    crm::{TimelineEntry, TimelinePort},
    envelope::SequencedEvent,
    recorded::DecodeError,
};
use sea_orm::{Condition, QueryOrder, QuerySelect, entity::prelude::*};
use serde::Serialize;

use crate::{Databases, EventProjection, coverage::wait_for, list::unavailable, tenant::TenantTransaction};

/// Timelines of contacts.
pub struct ContactTimeline(Databases);

impl ContactTimeline {
    /// The read model in the database for requests.
    pub fn new(databases: Databases) -> Self {
        Self(databases)
    }
}

/// A row of `crm.timeline`.
#[derive(Clone, Debug, PartialEq, Serialize, DeriveEntityModel)]
#[sea_orm(schema_name = "crm", table_name = "timeline")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub record_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: Uuid,
    pub subject_id: Uuid,
    pub position: i64,
    pub version: i64,
    #[serde(rename = "type")]
    #[sea_orm(column_name = "type")]
    pub event_type: String,
    pub occurred_at: DateTimeUtc,
    pub actor: String,
    pub data: Json,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl EventProjection for ContactTimeline {
    type Entity = Entity;
    const NAME: &'static str = "crm.timeline";
    const TABLE: &'static str = "crm.timeline";
    const KEY: &'static str = "tenant_id, record_id, event_id";

    fn concerns(event_type: &str) -> bool {
        event_type.starts_with("contact.")
    }

    fn row(sequenced: &SequencedEvent) -> Result<Model, DecodeError> {
        let event = &sequenced.event;
        Ok(Model {
            tenant_id: sequenced.tenant,
            record_id: sequenced.stream,
            event_id: event.id,
            subject_id: sequenced.stream,
            position: sequenced.position,
            version: event.version,
            event_type: event.event_type.clone(),
            occurred_at: event.occurred_at,
            actor: event.metadata.actor.clone(),
            data: event.data.clone(),
        })
    }
}

#[async_trait]
impl TimelinePort for ContactTimeline {
    async fn page(
        &self,
        cx: &Context,
        record: Uuid,
        before: Option<i64>,
        limit: u16,
    ) -> Result<Vec<TimelineEntry>, AppError> {
        wait_for(&self.0, cx, Self::NAME).await?;
        let mut of_record =
            Condition::all().add(Column::TenantId.eq(Uuid::from(cx.tenant()))).add(Column::RecordId.eq(record));
        if let Some(position) = before {
            of_record = of_record.add(Column::Position.lt(position));
        }
        let select = Entity::find().filter(of_record).order_by_desc(Column::Position).limit(u64::from(limit));
        let rows = async {
            let transaction = TenantTransaction::begin(&self.0.sql, cx).await?;
            let rows = select.all(&transaction).await?;
            transaction.end().await?;
            Ok(rows)
        };
        let rows = rows.await.map_err(unavailable)?;
        let entry = |row: Model| TimelineEntry {
            event_id: row.event_id,
            event_type: row.event_type,
            position: row.position,
            version: row.version,
            occurred_at: row.occurred_at,
            actor: row.actor,
            data: row.data,
        };
        Ok(rows.into_iter().map(entry).collect())
    }
}
