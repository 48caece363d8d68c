//! What happened to records, and to what is about them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use fairlead_application::{
    AppError, Context,
    access::Extent,
    crm::{TimelineEntry, TimelinePort, TimelineQuery},
    envelope::SequencedEvent,
    recorded::{DecodeError, decode_event},
};
use fairlead_domain::{
    crm::{Activity, Company, Contact, Deal},
    kernel::Aggregate,
};
use sea_orm::{Condition, QueryOrder, QuerySelect, Value, entity::prelude::*, sea_query::Expr};
use serde::Serialize;

use crate::{
    Databases, EventProjection, coverage::wait_for, history::ids, list::unavailable, tenant::TenantTransaction,
};

/// Timelines of records.
pub struct RecordTimeline(Databases);

impl RecordTimeline {
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
    /// Where it happened, when that is not the record itself.
    pub stream_id: Option<Uuid>,
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

impl EventProjection for RecordTimeline {
    type Entity = Entity;
    const NAME: &'static str = "crm.timeline";
    const TABLE: &'static str = "crm.timeline";
    const KEY: &'static str = "tenant_id, record_id, event_id";

    const TELLS_OF_OTHERS: bool = true;

    fn concerns(event_type: &str) -> bool {
        matches!(event_type.split_once('.'), Some((Contact::TYPE | Company::TYPE | Deal::TYPE | Activity::TYPE, _)))
    }

    fn rows(sequenced: &SequencedEvent) -> Result<Vec<Model>, DecodeError> {
        let event = &sequenced.event;
        let Place { records, subject } = match event.event_type.split_once('.') {
            Some((Activity::TYPE, _)) => of_activity(sequenced)?,
            _ => Place { records: vec![sequenced.stream], subject: sequenced.stream },
        };
        let row = |record_id| Model {
            tenant_id: sequenced.tenant,
            record_id,
            event_id: event.id,
            stream_id: Some(sequenced.stream).filter(|stream| *stream != record_id),
            subject_id: subject,
            position: sequenced.position,
            version: event.version,
            event_type: event.event_type.clone(),
            occurred_at: event.occurred_at,
            actor: event.metadata.actor.clone(),
            data: event.data.clone(),
        };
        Ok(records.into_iter().map(row).collect())
    }
}

/// In whose timelines an event stands, and whom its words are about.
struct Place {
    records: Vec<Uuid>,
    subject: Uuid,
}

/// The timelines of the records that an activity is about.
fn of_activity(sequenced: &SequencedEvent) -> Result<Place, DecodeError> {
    let event = &sequenced.event;
    let decoded = decode_event::<Activity>(&event.event_type, event.schema_version, event.data.clone())?;
    let records: BTreeSet<_> = decoded.concerns().into_iter().map(|record| record.id).collect();
    Ok(Place { records: records.into_iter().collect(), subject: decoded.person().unwrap_or(sequenced.stream) })
}

#[async_trait]
impl TimelinePort for RecordTimeline {
    async fn page(&self, cx: &Context, query: &TimelineQuery<'_>) -> Result<Vec<TimelineEntry>, AppError> {
        wait_for(&self.0, cx, Self::NAME).await?;
        let mut of_record = Condition::all()
            .add(Column::TenantId.eq(Uuid::from(cx.tenant())))
            .add(Column::RecordId.eq(query.record))
            .add(shown(&query.others));
        if let Some(position) = query.before {
            of_record = of_record.add(Column::Position.lt(position));
        }
        let select = Entity::find().filter(of_record).order_by_desc(Column::Position).limit(u64::from(query.limit));
        let rows = async {
            let transaction = TenantTransaction::begin(&self.0.sql, cx).await?;
            let rows = select.all(&transaction).await?;
            transaction.end().await?;
            Ok(rows)
        };
        let rows = rows.await.map_err(unavailable)?;
        let entry = |row: Model| TimelineEntry {
            event_id: row.event_id,
            record_id: row.stream_id.unwrap_or(row.record_id),
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

/// What happened to the record itself, and to those records about it that the caller reaches. Whose such a record is, its
/// state says now.
fn shown(others: &[(&'static str, Extent<'_>)]) -> Condition {
    let mut shown = Condition::any().add(Column::StreamId.is_null());
    for (aggregate, extent) in others {
        let of_aggregate = Condition::all().add(Column::EventType.starts_with(format!("{aggregate}.")));
        shown = match extent {
            Extent::Nothing => shown,
            Extent::Everything => shown.add(of_aggregate),
            Extent::Part { owner, projects } => {
                let (owner, projects) = (owner.map(Uuid::from), projects.map(ids));
                let within = Expr::cust_with_values(
                    r#"exists (select from engine.streams s
                                where s.tenant_id = "timeline"."tenant_id" and s.stream_id = "timeline"."stream_id"
                                  and engine.belongs(s.state, $1, $2))"#,
                    [Value::from(owner), Value::from(projects)],
                );
                shown.add(of_aggregate.add(within))
            }
        };
    }
    shown
}
