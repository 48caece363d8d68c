//! Deals: their list, as the restricted role, and what it costs; and commands that meet changes of what they name.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use fairlead_application::{
    Expected, Wanted,
    access::{Authorized, System as Everything},
    crm::{DealDraft, DealRequest, DealsWrite},
    list::{Filter, ListQuery, Listed, Lists, Search, Sort},
};
use fairlead_domain::{
    crm::{Deal, DealCommand, DealProfile, Pipeline, PipelineCommand, Schema, Seen},
    ids::{PipelineId, StageId},
    values::{Currency, Label, Money, Tag, Title},
};
use fairlead_postgres::lists;
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller},
};
use uuid::Uuid;

use crate::pipelines::pipeline;

fn id<Id: From<Uuid>>(n: u128) -> Id {
    Uuid::from_u128(n).into()
}

fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, Currency::new(currency).unwrap()).unwrap()
}

/// The pipeline 10 with the stages 11 and 12, as a command sees it.
fn seen(profile: &DealProfile) -> Box<Seen> {
    let state = Pipeline { profile: pipeline("New", &[20, 50], None), retired: BTreeMap::new(), deleted: false };
    let (contacts, companies) = (profile.contact_ids.clone(), profile.company_ids.clone());
    Box::new(Seen { pipeline: Some(state), contacts, companies, schema: Schema::default() })
}

struct Business {
    database: TestDatabase,
    engine: Engine,
    list: Lists<Deal>,
    cx: Authorized<Everything>,
    names: BTreeMap<Uuid, &'static str>,
}

const LIMA: &str = "Lima forklifts";
const CRANES: &str = "Lima cranes";
const PORTO: &str = "Porto 100%";
const EMILE: &str = "Émile";

/// A handful of deals, and the same in another organization.
async fn business() -> Business {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let (cx, other) = (caller(), caller());
    let at: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let begun = |name, stage| DealProfile::begun(Title::new(name).unwrap(), id(10), id(stage), at);
    let label = |text| Some(Label::new(text).unwrap());
    let even = || BTreeSet::from([Tag::new("even").unwrap()]);
    let profiles = [
        DealProfile {
            value: Some(money(1_000, "EUR")),
            expected_close: NaiveDate::from_ymd_opt(2026, 12, 31),
            source: label("Trade fair"),
            contact_ids: [id(21)].into(),
            company_ids: [id(31)].into(),
            tags: even(),
            ..begun(LIMA, 11)
        },
        DealProfile {
            value: Some(money(250, "USD")),
            contact_ids: [id(21), id(22)].into(),
            owner_id: Some(id(1)),
            project_id: Some(id(2)),
            ..begun(CRANES, 12)
        },
        DealProfile { tags: even(), ..begun(PORTO, 11) },
        DealProfile {
            value: Some(money(0, "EUR")),
            expected_close: NaiveDate::from_ymd_opt(2026, 1, 31),
            ..begun(EMILE, 12)
        },
    ];
    let (mut names, mut token) = (BTreeMap::new(), None);
    for profile in profiles {
        let (deal, name) = (engine.app.fresh::<Uuid>(), [LIMA, CRANES, PORTO, EMILE][names.len()]);
        let mut commands = vec![DealCommand::Open { seen: seen(&profile), profile: Box::new(profile) }];
        match name {
            PORTO => commands.push(DealCommand::Lose { reason: label("No budget"), pipeline: None, at }),
            EMILE => {
                commands.push(DealCommand::Win { reason: None, pipeline: None, at: at + chrono::TimeDelta::days(1) })
            }
            _ => {}
        }
        for command in commands {
            for cx in [&other, &cx] {
                let stored = engine.app.execute::<Deal>(cx, deal.into(), Expected::Any, command.clone()).await.unwrap();
                token = stored.token;
            }
        }
        names.insert(deal, name);
    }
    let mut cx = (*cx).clone();
    cx.read_after = token;
    let list = lists(&engine.requests).of::<Deal>().unwrap().clone();
    Business { database, engine, list, cx: cx.authorize().unwrap(), names }
}

impl Business {
    async fn found(&self, filter: &str, q: Option<&str>, sort: &str, limit: u16) -> Vec<&'static str> {
        let mut query = ListQuery {
            filter: Filter::parse(filter, Deal::FIELDS).unwrap(),
            search: q.map(|q| Search::parse(q).unwrap()),
            sort: Sort::parse(sort, Deal::FIELDS).unwrap(),
            limit,
            after: None,
        };
        let mut found = Vec::new();
        loop {
            let page = self.list.page(&self.cx, &query).await.unwrap();
            assert!(page.rows.len() <= limit.into());
            assert!(page.rows.iter().all(|row| row.tenant == self.cx.tenant()));
            found.extend(page.rows.iter().map(|row| self.names[&row.id]));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return found,
            }
        }
    }
}

#[tokio::test]
async fn deals_are_found_by_each_of_their_fields() {
    let deals = business().await;
    let of = |field: &str, n: u128| format!("{field}:{}", Uuid::from_u128(n));
    let both = format!("{} {}", of("contact", 21), of("contact", 22));
    let either = format!("contact:[{},{}]", Uuid::from_u128(22), Uuid::from_u128(23));
    let cases: [(&str, &[&str]); 31] = [
        ("name:~lima", &[LIMA, CRANES]),
        ("name:~%", &[PORTO]),
        ("name:^émile", &[EMILE]),
        ("status:open", &[LIMA, CRANES]),
        ("status:!open", &[PORTO, EMILE]),
        ("status:[won,lost]", &[PORTO, EMILE]),
        (&of("pipeline", 10), &[LIMA, CRANES, PORTO, EMILE]),
        (&of("pipeline", 11), &[]),
        (&of("stage", 12), &[CRANES, EMILE]),
        ("value:>=250", &[LIMA, CRANES]),
        ("value:0..500", &[CRANES, EMILE]),
        ("value:null", &[PORTO]),
        ("currency:EUR", &[LIMA, EMILE]),
        ("currency:usd value:>100", &[CRANES]),
        ("currency:null", &[PORTO]),
        ("expected_close:<2026-06-01", &[EMILE]),
        ("expected_close:2026-12-31", &[LIMA]),
        ("expected_close:null", &[CRANES, PORTO]),
        ("closed:null", &[LIMA, CRANES]),
        ("closed:>2026-03-02", &[EMILE]),
        ("source:^trade", &[LIMA]),
        ("reason:\"no budget\"", &[PORTO]),
        (&of("contact", 21), &[LIMA, CRANES]),
        (&both, &[CRANES]),
        (&either, &[CRANES]),
        ("contact:null", &[PORTO, EMILE]),
        (&of("company", 31), &[LIMA]),
        ("tag:even", &[LIMA, PORTO]),
        (&of("owner", 1), &[CRANES]),
        (&of("project", 2), &[CRANES]),
        ("created:>2026-01-01 updated:<9999-01-01 not tag:even", &[CRANES, EMILE]),
    ];
    for (filter, expected) in cases {
        assert_eq!(deals.found(filter, None, "created", 200).await, expected, "{filter}");
    }
    for (q, expected) in
        [("lima", &[LIMA, CRANES][..]), ("fair", &[LIMA]), ("budget", &[PORTO]), ("even", &[LIMA, PORTO])]
    {
        assert_eq!(deals.found("", Some(q), "created", 200).await, expected, "{q}");
    }
    for field in Deal::FIELDS.iter().filter(|field| field.sortable) {
        for sort in [field.name.to_string(), format!("-{}", field.name)] {
            let all = deals.found("", None, &sort, 200).await;
            assert_eq!(all.len(), 4, "{sort}");
            for limit in 1..=4 {
                assert_eq!(deals.found("", None, &sort, limit).await, all, "{sort} by {limit}");
            }
        }
    }
    assert_eq!(deals.found("", None, "value", 3).await, [EMILE, CRANES, LIMA, PORTO]);
    assert_eq!(deals.found("", None, "-value", 3).await, [LIMA, CRANES, EMILE, PORTO]);
    assert_eq!(deals.found("", None, "expected_close", 3).await, [EMILE, LIMA, CRANES, PORTO]);
    assert_eq!(deals.found("", None, "-closed", 3).await, [EMILE, PORTO, CRANES, LIMA]);
    deals.engine.stop().await;
}

/// As the restricted role, among many rows: every order and every filter that has an index goes by it.
#[tokio::test]
async fn an_index_serves_every_order_and_filter_of_deals() {
    let deals = business().await;
    assert_eq!(deals.found("", None, "name", 200).await.len(), 4, "the projection has caught up");
    let (admin, tenant) = (deals.database.admin().await, Uuid::from(deals.cx.tenant()));
    let fill = "insert into crm.deals
                select tenant_id, gen_random_uuid(), gen_random_uuid(), 1, 'n' || g,
                       case when g % 100 = 0 then 'won' else 'open' end, gen_random_uuid(), gen_random_uuid(), now(), g,
                       'eur', date '2026-01-01' + g % 500, case when g % 100 = 0 then now() - g * interval '1 s' end,
                       'r' || g, 's' || g, array[gen_random_uuid()], array[gen_random_uuid()], '{}', null, null,
                       now() - g * interval '1 s', now() - g * interval '1 s', '{}', ''
                  from crm.deals, generate_series(1, 6000) g where tenant_id = $1 and name = 'lima forklifts'";
    assert_eq!(admin.execute(fill, &[&tenant]).await.unwrap(), 6000);
    admin.batch_execute("vacuum analyze crm.deals").await.unwrap();
    let app = connect(&deals.database.app_url()).await;
    app.batch_execute(&format!("select set_config('app.tenant_id', '{tenant}', false)")).await.unwrap();
    let served = async |rest: String, index: &str| {
        let sql = format!("explain (format json) select id from crm.deals where tenant_id = '{tenant}' {rest}");
        let plan = app.query_one(&sql, &[]).await.unwrap().get::<_, serde_json::Value>(0).to_string();
        let good = plan.contains(index) && !plan.contains("Sort") && !plan.contains("Seq Scan");
        assert!(good, "{rest}: {plan}");
    };
    for direction in ["asc", "desc"] {
        for (column, index) in
            [("created_at", "deals_created"), ("updated_at", "deals_updated"), ("name", "deals_name")]
        {
            served(format!("order by {column} {direction}, id {direction} limit 51"), index).await;
        }
        // Those without a value come after the others, by a statement of their own.
        for (column, index) in
            [("value", "deals_value"), ("expected_close", "deals_expected_close"), ("closed_at", "deals_closed")]
        {
            let order = format!("order by {column} {direction}, id {direction} limit 51");
            served(format!("and {column} is not null {order}"), index).await;
        }
    }
    let one = Uuid::from_u128(1);
    for (condition, index) in [
        ("status = 'won'".to_owned(), "deals_status"),
        (format!("pipeline_id = '{one}'"), "deals_pipeline"),
        (format!("stage_id = '{one}'"), "deals_stage"),
        ("source = 's77'".to_owned(), "deals_source"),
        ("reason = 'r77'".to_owned(), "deals_reason"),
        (format!("owner_id = '{one}'"), "deals_owner"),
        (format!("project_id = '{one}'"), "deals_project"),
    ] {
        served(format!("and {condition} order by created_at, id limit 51"), index).await;
    }
    // What row-level security keeps from its index is looked up above the policies, within the tenant.
    let found = async |arguments: &str| -> Option<Vec<Uuid>> {
        let given = ["words", "name", "contact", "company", "tag"].into_iter().filter(|name| !arguments.contains(name));
        let nulls: String = given.map(|name| format!("p_{name} => null, ")).collect();
        app.query_one(&format!("select crm.deal_ids({nulls}{arguments}p_most => 100)"), &[]).await.unwrap().get(0)
    };
    let (person, firm) = (Uuid::from_u128(21), Uuid::from_u128(31));
    assert_eq!(found(&format!("p_contact => array['{person}'::uuid], ")).await.unwrap().len(), 2);
    assert_eq!(found(&format!("p_company => array['{firm}'::uuid], ")).await.unwrap().len(), 1);
    assert_eq!(found("p_tag => array['even'], ").await.unwrap().len(), 2);
    assert_eq!(found("p_name => 'n5999', ").await.unwrap().len(), 1);
    assert_eq!(found("").await, None);
    app.batch_execute("select set_config('app.tenant_id', '', false)").await.unwrap();
    assert_eq!(found(&format!("p_contact => array['{person}'::uuid], ")).await.unwrap(), [] as [Uuid; 0]);
    deals.engine.stop().await;
}

/// A use case decides on a pipeline that it has read; what happens to the deal meanwhile makes it look again.
#[tokio::test]
async fn of_many_who_close_a_deal_one_comes_first() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let cx: Authorized<DealsWrite> = (*caller()).clone().authorize().unwrap();
    let reader: Authorized<Everything> = (*cx).clone().authorize().unwrap();
    let way: PipelineId = engine.app.fresh();
    let mut profile = pipeline("New", &[20, 50], None);
    profile.loss_reasons = vec![Label::new("Price").unwrap()];
    let create = PipelineCommand::Create(Box::new(profile));
    engine.app.execute::<Pipeline>(&reader, way, Expected::New, create).await.unwrap();
    let draft = DealDraft::new(Title::new("A").unwrap(), way);
    let deal = engine.app.ask(&cx, Wanted::new(DealRequest::Open(Box::new(draft)))).await.unwrap().receipts[0].id;
    let tasks = (0..9_u128).map(|n| {
        let (app, cx) = (engine.app.clone(), cx.clone());
        tokio::spawn(async move {
            let request = match n % 3 {
                0 => DealRequest::Win { reason: None },
                1 => DealRequest::Lose { reason: Some(Label::new("PRICE").unwrap()) },
                _ => DealRequest::Move { pipeline_id: None, stage_id: StageId::from(Uuid::from_u128(12)) },
            };
            let outcome = app.ask(&cx, Wanted::of(deal.into(), Expected::Any, request)).await;
            outcome.map(drop).map_err(|error| error.code())
        })
    });
    let mut refusals = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        refusals.extend(task.await.unwrap().err());
    }
    assert!(refusals.iter().all(|code| ["deal.closed", "version.contended"].contains(&&**code)), "{refusals:?}");
    let state = engine.app.read::<Deal>(&reader, deal.into()).await.unwrap().unwrap();
    assert!(state.state.closed_at.is_some() && state.version <= 3, "{state:?}");
    engine.stop().await;
}
