//! Deals that stay too long in their stage: who is found, how often, and by which index.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chrono::TimeDelta;
use fairlead_application::{
    Expected,
    access::{Authorized, System as Everything},
    crm::TaskForRottingDeals,
    policy::AnyPolicy,
    ports::{Clock, System},
};
use fairlead_domain::{
    crm::{Deal, DealCommand, DealProfile, Pipeline, PipelineCommand, Schema, Seen},
    ids::{DealId, PipelineId, StageId},
    values::Title,
};
use fairlead_postgres::{Nudge, RottingDeals};
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller, eventually},
};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{
    pipelines::pipeline,
    policies::{Worker, begun},
};

fn id<Id: From<Uuid>>(n: u128) -> Id {
    Uuid::from_u128(n).into()
}

/// Organizations with a pipeline whose stages 11 and 12 are patient for seven days, or without end.
struct Stage {
    engine: Engine,
    admin: Client,
    rotting: RottingDeals,
}

impl Stage {
    async fn new(database: &TestDatabase) -> Self {
        let engine = Engine::start(database).await;
        let rotting = looking(&engine);
        Self { engine, admin: database.admin().await, rotting }
    }

    async fn pipeline(&self, cx: &Authorized<Everything>, rotting_days: Option<u16>) -> PipelineId {
        let id = self.engine.app.fresh();
        let create = PipelineCommand::Create(Box::new(pipeline("New", &[20, 50], rotting_days)));
        self.engine.app.execute::<Pipeline>(cx, id, Expected::New, create).await.unwrap();
        id
    }

    /// A deal that is in stage 11 for so many days, with an owner or without.
    async fn deal(&self, cx: &Authorized<Everything>, way: PipelineId, days: i64, owner: Option<u128>) -> DealId {
        let entered = System.now() - TimeDelta::days(days);
        let mut profile = DealProfile::begun(Title::new("Forklifts").unwrap(), way, id(11), entered);
        profile.owner_id = owner.map(id);
        let seen = Seen {
            pipeline: self.seen(cx, way).await,
            contacts: BTreeSet::new(),
            companies: BTreeSet::new(),
            schema: Schema::default(),
        };
        let deal = self.engine.app.fresh();
        self.command(cx, deal, DealCommand::Open { profile: Box::new(profile), seen: Box::new(seen) }).await;
        deal
    }

    async fn seen(&self, cx: &Authorized<Everything>, way: PipelineId) -> Option<Pipeline> {
        self.engine.app.read::<Pipeline>(cx, way).await.unwrap().map(|pipeline| pipeline.state)
    }

    async fn command(&self, cx: &Authorized<Everything>, deal: DealId, command: DealCommand) {
        self.engine.app.execute::<Deal>(cx, deal, Expected::Any, command).await.unwrap();
    }

    /// Waits until the lists show what the records are.
    async fn listed(&self) {
        let sql = "select (select count(*) from engine.streams s where s.aggregate in ('deal', 'pipeline'))
                        = (select count(*) from engine.streams s
                            where exists (select from crm.deals d where (d.tenant_id, d.id, d.version) = (s.tenant_id, s.stream_id, s.version))
                               or exists (select from crm.pipelines p where (p.tenant_id, p.id, p.version) = (s.tenant_id, s.stream_id, s.version))
                               or s.aggregate = 'deal' and s.deleted_at is not null
                              and not exists (select from crm.deals d where (d.tenant_id, d.id) = (s.tenant_id, s.stream_id)))";
        eventually("the lists have caught up", async || self.admin.query_one(sql, &[]).await.unwrap().get(0)).await;
    }

    async fn rotted(&self, cx: &Authorized<Everything>, deal: DealId) -> bool {
        self.engine.app.read::<Deal>(cx, deal).await.unwrap().unwrap().state.rotted
    }
}

fn looking(engine: &Engine) -> RottingDeals {
    RottingDeals::new(engine.databases.clone(), Arc::new(Nudge::default()), Duration::from_secs(60))
}

#[tokio::test]
async fn a_deal_rots_once_in_each_stay() {
    let database = TestDatabase::create().await;
    let stage = Stage::new(&database).await;
    let (cx, other) = (caller(), caller());
    let way = stage.pipeline(&cx, Some(7)).await;
    let elsewhere = stage.pipeline(&other, Some(7)).await;
    let late = stage.deal(&cx, way, 8, None).await;
    let foreign = stage.deal(&other, elsewhere, 9, None).await;
    let early = stage.deal(&cx, way, 6, None).await;
    let (won, deleted) = (stage.deal(&cx, way, 8, None).await, stage.deal(&cx, way, 8, None).await);
    stage.command(&cx, won, DealCommand::Win { reason: None, pipeline: None, at: System.now() }).await;
    stage.command(&cx, deleted, DealCommand::Delete).await;
    stage.listed().await;
    // Two that look at once, or one after the other before the list shows it: the deal decides.
    let second = looking(&stage.engine);
    let (one, two) = tokio::join!(stage.rotting.look(), second.look());
    assert_eq!(one.unwrap() + two.unwrap(), 2);
    assert_eq!(stage.rotting.look().await.unwrap(), 0);
    for (cx, deal, rotted) in
        [(&cx, late, true), (&other, foreign, true), (&cx, early, false), (&cx, won, false), (&cx, deleted, false)]
    {
        assert_eq!(stage.rotted(cx, deal).await, rotted);
    }
    let sql = "select metadata ->> 'actor' from engine.events where type = 'deal.rotted'";
    let actors: Vec<String> = stage.admin.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(actors, ["scheduler:crm.rotting"; 2]);
    // Once the list shows it, it is not even found.
    stage.listed().await;
    let found = async |tenant: Uuid| {
        let engine = connect(&database.engine_url()).await;
        engine.query(RottingDeals::STATEMENT, &[&tenant, &200_i64]).await.unwrap().len()
    };
    assert_eq!((found(cx.tenant().into()).await, found(other.tenant().into()).await), (0, 0));
    // Another stay.
    let pipeline = stage.seen(&cx, way).await.map(Box::new);
    let at = System.now() - TimeDelta::days(7);
    let to = DealCommand::Move { pipeline_id: way, stage_id: id::<StageId>(12), pipeline, at };
    stage.command(&cx, late, to).await;
    stage.listed().await;
    assert_eq!(found(cx.tenant().into()).await, 1);
    assert_eq!(stage.rotting.look().await.unwrap(), 1);
    stage.engine.stop().await;
}

#[tokio::test]
async fn whoever_is_closed_or_patient_is_left_alone() {
    let database = TestDatabase::create().await;
    let stage = Stage::new(&database).await;
    let (patient, stopped) = (caller(), caller());
    let way = stage.pipeline(&patient, None).await;
    stage.deal(&patient, way, 800, None).await;
    let way = stage.pipeline(&stopped, Some(0)).await;
    stage.deal(&stopped, way, 0, None).await;
    stage.listed().await;
    let organization =
        "insert into engine.streams (tenant_id, stream_id, aggregate, version, state, state_version, created_at,
                                                    updated_at, incarnation, xid)
                        values ($1, $1, 'organization', 1, $2, 1, now(), now(), 1, pg_current_xact_id())";
    let tenant = Uuid::from(stopped.tenant());
    let suspended = json!({ "suspension": { "reason": "unpaid" } });
    stage.admin.execute(organization, &[&tenant, &suspended]).await.unwrap();
    let stand = "update engine.streams set state = $2 where stream_id = $1";
    for (state, rotting) in [(suspended, 0), (json!({ "closed_at": System.now() }), 0), (json!({}), 1)] {
        stage.admin.execute(stand, &[&tenant, &state]).await.unwrap();
        assert_eq!(stage.rotting.look().await.unwrap(), rotting, "{state}");
    }
    stage.engine.stop().await;
}

#[tokio::test]
async fn its_owner_gets_a_task() {
    let database = TestDatabase::create().await;
    let stage = Stage::new(&database).await;
    let worker = Worker::start(&stage.engine, [Arc::new(TaskForRottingDeals::new()) as Arc<dyn AnyPolicy>]);
    begun(&stage.admin, "crm.task_for_rotting_deals").await;
    let cx = caller();
    let way = stage.pipeline(&cx, Some(7)).await;
    stage.deal(&cx, way, 9, None).await;
    let owned = stage.deal(&cx, way, 8, Some(5)).await;
    stage.listed().await;
    assert_eq!(stage.rotting.look().await.unwrap(), 2);
    let sql = "select coalesce(jsonb_agg(state), '[]') from engine.streams where aggregate = 'activity'";
    let tasks = async || stage.admin.query_one(sql, &[]).await.unwrap().get::<_, Value>(0);
    eventually("there is a task", async || tasks().await.as_array().unwrap().len() == 1).await;
    let task = tasks().await[0].clone();
    assert_eq!(task["kind"], "task");
    assert!(task.to_string().contains("Forklifts has been in Stage 11 for 8 days"), "{task}");
    assert_eq!(task["about"], json!([{ "type": "deal", "id": Uuid::from(owned) }]));
    assert_eq!((&task["assignee_id"], &task["owner_id"]), (&json!(Uuid::from_u128(5)), &json!(Uuid::from_u128(5))));
    assert!(task["due_at"].is_string(), "{task}");
    worker.stop().await;
    stage.engine.stop().await;
}

/// Among many rows, few of which are due: the index alone answers.
#[tokio::test]
async fn an_index_serves_the_look_for_what_rots() {
    let database = TestDatabase::create().await;
    let stage = Stage::new(&database).await;
    let cx = caller();
    let way = stage.pipeline(&cx, Some(7)).await;
    stage.listed().await;
    stage.engine.stop().await;
    let (admin, tenant) = (&stage.admin, Uuid::from(cx.tenant()));
    let fill = "insert into crm.deals
                select $1, gen_random_uuid(), gen_random_uuid(), 1, 'n' || g,
                       case when g % 3 = 0 then 'won' else 'open' end, case when g % 5 = 0 then gen_random_uuid() else $2 end,
                       ('00000000-0000-0000-0000-0000000000' || lpad(to_hex(11 + g % 2), 2, '0'))::uuid,
                       now() - case when g % 400 = 1 then interval '8 days' else interval '1 day' end, g, 'eur', null, null, null,
                       null, '{}', '{}', '{}', null, null, now(), now(), '{}', ''
                  from generate_series(1, 12000) g";
    assert_eq!(admin.execute(fill, &[&tenant, &Uuid::from(way)]).await.unwrap(), 12_000);
    admin.batch_execute("vacuum analyze crm.deals").await.unwrap();
    admin.batch_execute("analyze crm.pipelines").await.unwrap();
    let engine = connect(&database.engine_url()).await;
    engine.batch_execute(&format!("prepare rotting (uuid, bigint) as {}", RottingDeals::STATEMENT)).await.unwrap();
    let plan =
        engine.query_one(&format!("explain (format json) execute rotting ('{tenant}', 200)"), &[]).await.unwrap();
    let plan: Value = plan.get(0);
    // The planner may read the few pipelines as it likes.
    let relation = |node: &Value| (node["Node Type"].clone(), node["Relation Name"].clone());
    let mut nodes = vec![plan[0]["Plan"].clone()];
    while let Some(node) = nodes.pop() {
        assert_ne!(relation(&node), (json!("Seq Scan"), json!("deals")), "{plan}");
        nodes.extend(node["Plans"].as_array().into_iter().flatten().cloned());
    }
    assert!(plan.to_string().contains("deals_rotting"), "{plan}");
    let found = engine.query(RottingDeals::STATEMENT, &[&tenant, &200_i64]).await.unwrap().len();
    assert_eq!(found, 20, "open, in the pipeline, and there for eight days");
}
