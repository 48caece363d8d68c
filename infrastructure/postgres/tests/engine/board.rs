//! The board of a pipeline: what it counts, of whom, and by which index.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use fairlead_application::{
    Context, Expected,
    access::{Access, Authorized, System as Everything},
    consistency::ConsistencyToken,
    crm::{Board, BoardSum, Boards, DealsRead},
    ports::{Clock, System},
};
use fairlead_domain::{
    crm::{Deal, DealCommand, DealProfile, Pipeline, PipelineCommand, Schema, Seen},
    ids::{PipelineId, ProjectId},
    values::{Currency, Grant, Money, Over, Permission, Title},
};
use fairlead_postgres::DealBoards;
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller},
};
use uuid::Uuid;

use crate::pipelines::pipeline;

fn id<Id: From<Uuid>>(n: u128) -> Id {
    Uuid::from_u128(n).into()
}

/// A deal: its stage, what it is worth, for how many days it is there, its owner and its project.
type Told = (u128, Option<(i64, &'static str)>, i64, u128, u128);

struct Stage {
    engine: Engine,
    boards: Boards,
    pipeline: PipelineId,
    token: Option<ConsistencyToken>,
}

impl Stage {
    /// A pipeline whose stages 11, 12 and 13 win with 20, 50 and 33 of a hundred, and are patient for seven days.
    async fn new(database: &TestDatabase, cx: &Authorized<Everything>) -> Self {
        let engine = Engine::start(database).await;
        let boards = Boards::new(std::sync::Arc::new(DealBoards::new(engine.requests.clone())));
        let pipeline_id = engine.app.fresh();
        let create = PipelineCommand::Create(Box::new(pipeline("New", &[20, 50, 33], Some(7))));
        engine.app.execute::<Pipeline>(cx, pipeline_id, Expected::New, create).await.unwrap();
        Self { engine, boards, pipeline: pipeline_id, token: None }
    }

    async fn deal(&mut self, cx: &Authorized<Everything>, told: Told, then: Option<DealCommand>) {
        let (stage, value, days, owner, project) = told;
        let entered = System.now() - TimeDelta::days(days);
        let mut profile = DealProfile::begun(Title::new("A").unwrap(), self.pipeline, id(stage), entered);
        profile.value = value.map(|(minor, code)| Money::new(minor, Currency::new(code).unwrap()).unwrap());
        profile.owner_id = (owner > 0).then(|| id(owner));
        profile.project_id = (project > 0).then(|| id(project));
        let state =
            Pipeline { profile: pipeline("New", &[20, 50, 33], Some(7)), retired: BTreeMap::new(), deleted: false };
        let seen = Seen {
            pipeline: Some(state),
            contacts: BTreeSet::new(),
            companies: BTreeSet::new(),
            schema: Schema::default(),
        };
        let open = DealCommand::Open { profile: Box::new(profile), seen: Box::new(seen) };
        let deal = self.engine.app.fresh();
        for command in [Some(open), then].into_iter().flatten() {
            let stored = self.engine.app.execute::<Deal>(cx, deal, Expected::Any, command).await.unwrap();
            self.token = stored.token;
        }
    }

    async fn board(&self, mut cx: Context) -> Board {
        cx.read_after = self.token;
        let cx: Authorized<DealsRead> = cx.authorize().unwrap();
        self.boards.of(&self.engine.app, &cx, self.pipeline).await.unwrap().unwrap()
    }
}

/// How many deals, how many rot, and the sums.
type Shown = (i64, i64, Vec<(&'static str, i64, i64, i64)>);

/// What is shown of each stage.
fn told(board: &Board) -> Vec<Shown> {
    let sum = |sum: &BoardSum| {
        let code = ["EUR", "USD"].into_iter().find(|code| *code == sum.currency).unwrap();
        (code, sum.deals, sum.amount, sum.weighted)
    };
    board.columns.iter().map(|column| (column.deals, column.rotting, column.sums.iter().map(sum).collect())).collect()
}

#[tokio::test]
async fn a_board_counts_what_is_open_and_within_reach() {
    let database = TestDatabase::create().await;
    let (cx, other) = (caller(), caller());
    let mut stage = Stage::new(&database, &cx).await;
    let won = || Some(DealCommand::Win { reason: None, pipeline: None, at: System.now() });
    let most = 1_000_000_000_000_000;
    for (told, then) in [
        ((11, Some((1_000, "EUR")), 8, 1, 7), None),
        ((11, Some((501, "EUR")), 6, 2, 7), None),
        ((11, Some((70, "USD")), 30, 1, 0), None),
        ((11, None, 0, 0, 8), None),
        ((12, Some((most, "EUR")), 0, 1, 8), None),
        ((12, Some((9, "EUR")), 9, 1, 7), won()),
        ((12, Some((9, "EUR")), 9, 1, 7), Some(DealCommand::Delete)),
        ((13, Some((50, "EUR")), 0, 2, 0), None),
    ] {
        stage.deal(&cx, told, then).await;
    }
    // The same pipeline's id in another organization.
    stage.deal(&other, (11, Some((5, "EUR")), 0, 0, 0), None).await;
    stage.deal(&cx, (13, None, 8, 0, 0), None).await;
    let whole = vec![
        (4, 2, vec![("EUR", 2, 1_501, 300), ("USD", 1, 70, 14)]),
        (1, 0, vec![("EUR", 1, most, most / 2)]),
        (2, 1, vec![("EUR", 1, 50, 17)]),
    ];
    assert_eq!(told(&stage.board((*cx).clone()).await), whole);
    let within = |over: Over, limit: Option<&[u128]>| {
        let grant = Grant { permission: Permission::new("deals:read").unwrap(), over };
        let limit = limit.map(|projects| projects.iter().map(|n| id::<ProjectId>(*n)).collect::<Vec<_>>());
        Context::new(cx.tenant(), cx.actor().clone(), Access::new([grant], Some(id(1)), limit))
    };
    let own = stage.board(within(Over::Own, None)).await;
    let expected = vec![
        (2, 2, vec![("EUR", 1, 1_000, 200), ("USD", 1, 70, 14)]),
        (1, 0, vec![("EUR", 1, most, most / 2)]),
        (0, 0, vec![]),
    ];
    assert_eq!(told(&own), expected);
    let of_project = stage.board(within(Over::Projects, Some(&[7]))).await;
    let expected = vec![(2, 1, vec![("EUR", 2, 1_501, 300)]), (0, 0, vec![]), (0, 0, vec![])];
    assert_eq!(told(&of_project), expected);
    let both = stage.board(within(Over::Own, Some(&[8]))).await;
    let expected = vec![(0, 0, vec![]), (1, 0, vec![("EUR", 1, most, most / 2)]), (0, 0, vec![])];
    assert_eq!(told(&both), expected);
    assert_eq!(told(&stage.board(within(Over::All, Some(&[]))).await), vec![(0, 0, vec![]); 3]);
    // Deals in a retired stage count where they are to go, over however many steps.
    for (stage_id, move_deals_to) in [(id(11), id(12)), (id(12), id(13))] {
        let retire = PipelineCommand::RetireStage { stage_id, move_deals_to };
        stage.engine.app.execute::<Pipeline>(&cx, stage.pipeline, Expected::Any, retire).await.unwrap();
    }
    let amount = 1_501 + most + 50;
    let weighted = (amount * 33 + 50) / 100;
    let expected = vec![(7, 3, vec![("EUR", 4, amount, weighted), ("USD", 1, 70, 23)])];
    assert_eq!(told(&stage.board((*cx).clone()).await), expected);
    stage.engine.stop().await;
}

/// As the restricted role, among many rows of many pipelines: the index alone answers.
#[tokio::test]
async fn an_index_serves_a_board() {
    let database = TestDatabase::create().await;
    let (admin, tenant, way) = (database.admin().await, Uuid::from(caller().tenant()), Uuid::from_u128(10));
    let fill = "insert into crm.deals
                select $1, gen_random_uuid(), gen_random_uuid(), 1, 'n' || g,
                       case when g % 3 = 0 then 'won' else 'open' end, case when g % 20 = 0 then $2 else gen_random_uuid() end,
                       ('00000000-0000-0000-0000-0000000000' || (11 + g % 2))::uuid, now(), g, 'eur', null, null, null,
                       null, '{}', '{}', '{}', case when g % 2 = 0 then $2 end, case when g % 4 = 0 then $2 end, now() - g * interval '1 s', now() - g * interval '1 s',
                       '{}', ''
                  from generate_series(1, 12000) g";
    assert_eq!(admin.execute(fill, &[&tenant, &way]).await.unwrap(), 12_000);
    admin.batch_execute("vacuum analyze crm.deals").await.unwrap();
    let app = connect(&database.app_url()).await;
    app.batch_execute(&format!("select set_config('app.tenant_id', '{tenant}', false)")).await.unwrap();
    let types = "uuid, uuid[], uuid[], integer[], integer[], timestamptz, uuid, uuid, uuid[]";
    app.batch_execute(&format!("prepare board ({types}) as {}", DealBoards::STATEMENT)).await.unwrap();
    let stages = "array['00000000-0000-0000-0000-000000000011', '00000000-0000-0000-0000-000000000012']::uuid[]";
    for reach in ["null, null", &format!("'{way}', null"), &format!("null, array['{way}']::uuid[]")] {
        let sql = format!(
            "explain (format json) execute
             board ('{way}', {stages}, {stages}, array[20, 50], array[7, -1], now(), '{tenant}', {reach})"
        );
        let plan = app.query_one(&sql, &[]).await.unwrap().get::<_, serde_json::Value>(0).to_string();
        assert!(plan.contains("deals_board") && !plan.contains("Seq Scan"), "{reach}: {plan}");
    }
    app.batch_execute("deallocate board").await.unwrap();
}
