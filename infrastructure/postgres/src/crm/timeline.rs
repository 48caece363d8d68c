//! What happened to records, to those that became part of them, and to what is about them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use fairlead_application::{
    AppError, Context,
    access::Extent,
    crm::{Others, Tie, TimelineEntry, TimelinePort, TimelineQuery, is_told},
    envelope::SequencedEvent,
    recorded::{DecodeError, decode_event},
};
use fairlead_domain::{crm::Activity, kernel::Aggregate};
use sea_orm::{DbBackend, FromQueryResult, Statement, Value, entity::prelude::*};
use serde::Serialize;

use crate::{
    Databases, EventProjection, coverage::wait_for, history::ids, list::unavailable, tenant::TenantTransaction,
};

/// Of how many records of an aggregate, which name the one whose timeline it is, the history is shown: the newest ones. Each
/// costs a look into the index.
const MOST_NAMING: i64 = 500;

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
        is_told(event_type)
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
        let statement = Asked::page(cx, query);
        let rows = async {
            let transaction = TenantTransaction::begin(&self.0.sql, cx).await?;
            let rows = Model::find_by_statement(statement).all(&transaction).await?;
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

/// What a statement is given: the tenant as `$1`, the record as `$2`, where the page ends as `$3`, how long it is as `$4`, and
/// the rest as it comes.
struct Asked(Vec<Value>);

impl Asked {
    /// A page: of each record concerned the newest rows, and of all of these the newest. An event may stand in the timelines of
    /// several of them.
    ///
    /// What is in parentheses and limited is looked up for each row outside, so that however the database has counted, nothing is
    /// joined as a whole.
    fn page(cx: &Context, query: &TimelineQuery<'_>) -> Statement {
        let before = query.before.unwrap_or(i64::MAX);
        let (tenant, limit) = (Uuid::from(cx.tenant()), i64::from(query.limit));
        let mut asked = Self(vec![tenant.into(), query.record.into(), before.into(), limit.into()]);
        let merged = asked.reached(query.merged, "p.id");
        let (mut naming, mut told) = (String::new(), String::new());
        for Others { aggregate, tie, within } in &query.others {
            // The names are our own.
            match tie {
                Tie::Names => {
                    let reached = asked.reached(*within, "r.stream_id");
                    naming.push_str(&format!(
                        "union all
                         (select distinct r.stream_id, false from part p
                           cross join lateral (
                                 select r.stream_id from engine.record_references r
                                  where r.tenant_id = $1 and r.target_id = p.id and r.aggregate = '{aggregate}' and {reached}
                                  order by r.stream_id desc limit {MOST_NAMING}) r
                           order by r.stream_id desc limit {MOST_NAMING})"
                    ));
                }
                Tie::Tells => {
                    let reached = asked.reached(*within, "t.stream_id");
                    told.push_str(&format!(" or s.whole and starts_with(t.type, '{aggregate}.') and {reached}"));
                }
            }
        }
        let sql = format!(
            "with recursive part (id) as (
                 select $2::uuid
                 union
                 select taken.id from part p
                  cross join lateral (
                        select jsonb_array_elements_text(
                                 coalesce(t.data -> 'contact_ids', jsonb_build_array(t.data -> 'company_id')))::uuid
                          from crm.timeline t
                         where t.tenant_id = $1 and t.record_id = p.id and t.stream_id is null
                           and t.type in ('contact.absorbed', 'company.absorbed')
                         offset 0) taken (id)),
             source (id, whole) as (
                 select p.id, true from part p where p.id = $2 or {merged}
                 {naming}),
             newest as (
                 select distinct on (e.position) e.position, e.record_id, e.event_id from source s
                  cross join lateral (
                        select t.position, t.record_id, t.event_id from crm.timeline t
                         where t.tenant_id = $1 and t.record_id = s.id and t.position < $3
                           and (t.stream_id is null{told})
                         order by t.position desc limit $4) e
                  order by e.position desc limit $4)
             select t.* from newest n
              cross join lateral (
                    select * from crm.timeline t
                     where t.tenant_id = $1 and t.record_id = n.record_id and t.event_id = n.event_id limit 1) t
              order by t.position desc"
        );
        Statement::from_sql_and_values(DbBackend::Postgres, sql, asked.0)
    }

    /// Whether a stream is within. Whose it is, its state says now.
    fn reached(&mut self, within: Extent<'_>, stream: &str) -> String {
        match within {
            Extent::Everything => "true".to_owned(),
            Extent::Nothing => "false".to_owned(),
            Extent::Part { owner, projects } => {
                self.0.extend([Value::from(owner.map(Uuid::from)), Value::from(projects.map(ids))]);
                let (owner, projects) = (self.0.len() - 1, self.0.len());
                format!(
                    "(select engine.belongs(s.state, ${owner}, ${projects}) from engine.streams s
                       where s.tenant_id = $1 and s.stream_id = {stream})"
                )
            }
        }
    }
}
