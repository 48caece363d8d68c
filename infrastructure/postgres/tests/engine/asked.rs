//! Many things asked at once of the real store: what each comes to when others are quicker.

use std::collections::BTreeSet;

use fairlead_application::{
    Expected, StepAnswer, Target, Wanted,
    batch::Mode,
    crm::{DealDraft, DealRequest},
};
use fairlead_domain::{
    crm::{Company, CompanyChange, CompanyCommand, CompanyUpsert, Deal, Pipeline, PipelineCommand},
    ids::{PipelineId, StageId},
    values::{AttributeKey, AttributeValue, DomainName, Label, Title},
};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller},
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::pipelines::pipeline;

fn company(by: DomainName, change: CompanyChange) -> Wanted<CompanyCommand> {
    let target = Target::Holder(Company::domain_key(&by));
    let upsert = CompanyUpsert { by, change, tags: BTreeSet::new() };
    Wanted { target, expected: Expected::Any, asked: CompanyCommand::Upsert(Box::new(upsert)) }
}

/// Many batches upsert the same domains at once: each company is made once, nobody is refused, and what each of them says of one
/// is there in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_upsert_the_same_domains_make_each_company_once() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let cx = caller();
    let domain = |n: usize| DomainName::new(&format!("d{n}.example")).unwrap();
    let mut batches = JoinSet::new();
    for batch in 0..6 {
        let (app, cx) = (engine.app.clone(), cx.clone());
        batches.spawn(async move {
            let wanted = (0..20).map(|n| {
                let attributes = [(AttributeKey::new(&format!("b{batch}")).unwrap(), Some(value()))].into();
                let name = Some(Title::new("Lima").unwrap());
                company(domain(n), CompanyChange { name, attributes, ..CompanyChange::default() })
            });
            let wanted: Vec<_> = wanted.collect();
            app.ask_all(&cx, &wanted, if batch % 2 == 0 { Mode::Atomic } else { Mode::Each }).await.unwrap().answers
        });
    }
    let answers: Vec<_> = batches.join_all().await;
    let receipts = answers.iter().flatten().map(|answer| match answer {
        StepAnswer::Done(receipt) => *receipt,
        StepAnswer::Refused(refusal) => panic!("{}", refusal.code),
    });
    let receipts: Vec<_> = receipts.collect();
    assert_eq!(receipts.iter().filter(|receipt| receipt.made).count(), 20);
    let ids: BTreeSet<_> = receipts.iter().map(|receipt| receipt.id).collect();
    assert_eq!(ids.len(), 20);
    for id in ids {
        let company = engine.app.read::<Company>(&cx, id.into()).await.unwrap().unwrap();
        assert_eq!((company.state.profile.attributes.len(), company.version), (6, 6));
    }
    engine.stop().await;
}

fn value() -> AttributeValue {
    AttributeValue::new(serde_json::json!(true)).unwrap()
}

/// A batch that is refused as a whole leaves neither a company nor its domain.
#[tokio::test]
async fn an_atomic_batch_that_is_refused_reserves_nothing() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let cx = caller();
    let domain = DomainName::new("lima.example").unwrap();
    let named = CompanyChange { name: Some(Title::new("Lima").unwrap()), ..CompanyChange::default() };
    let nameless = company(DomainName::new("porto.example").unwrap(), CompanyChange::default());
    let all = [company(domain.clone(), named.clone()), nameless];
    let refused = engine.app.ask_all(&cx, &all, Mode::Atomic).await.unwrap_err();
    assert_eq!((refused.index, refused.error.code().as_str()), (Some(1), "company.nameless"));
    let admin = database.admin().await;
    for table in ["streams", "events", "reservations"] {
        let count: i64 = admin.query_one(&format!("select count(*) from engine.{table}"), &[]).await.unwrap().get(0);
        assert_eq!(count, 0, "{table}");
    }
    let made = engine.app.ask_all(&cx, &[company(domain, named)], Mode::Atomic).await.unwrap();
    assert!(matches!(&made.answers[..], [StepAnswer::Done(receipt)] if receipt.made));
    engine.stop().await;
}

/// Deals are won and lost by the pipeline in which they are, though others move them meanwhile: each loss has a reason of the pipeline
/// where it happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deals_that_others_move_are_judged_by_where_they_are() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let cx = caller();
    let mut ways = Vec::new();
    for (n, reason) in ["Price", "Time"].into_iter().enumerate() {
        let (way, stage_id): (PipelineId, StageId) = (engine.app.fresh(), engine.app.fresh());
        let mut profile = pipeline(&format!("Way {n}"), &[20], None);
        profile.stages[0].id = stage_id;
        profile.loss_reasons = vec![Label::new(reason).unwrap()];
        let create = PipelineCommand::Create(Box::new(profile));
        engine.app.execute::<Pipeline>(&cx, way, Expected::New, create).await.unwrap();
        ways.push((way, stage_id, Label::new(reason).unwrap()));
    }
    let draft = |way| DealRequest::Open(Box::new(DealDraft::new(Title::new("A").unwrap(), way)));
    let opened: Vec<_> = (0..10).map(|_| Wanted::new(draft(ways[0].0))).collect();
    let opened = engine.app.ask_all(&cx, &opened, Mode::Atomic).await.unwrap().answers.into_iter();
    let deals = opened.map(|answer| match answer {
        StepAnswer::Done(receipt) => receipt.id,
        StepAnswer::Refused(refusal) => panic!("{}", refusal.code),
    });
    let deals: Vec<Uuid> = deals.collect();
    let mut batches = JoinSet::new();
    for n in 0..6_usize {
        let (app, cx, deals) = (engine.app.clone(), cx.clone(), deals.clone());
        let (way, stage_id, reason) = ways[n % 2].clone();
        batches.spawn(async move {
            let request = match n / 2 {
                0 => DealRequest::Move { pipeline_id: Some(way), stage_id },
                _ => DealRequest::Lose { reason: Some(reason) },
            };
            let wanted: Vec<_> =
                deals.iter().map(|deal| Wanted::of((*deal).into(), Expected::Any, request.clone())).collect();
            app.ask_all(&cx, &wanted, Mode::Each).await.unwrap().answers
        });
    }
    let known = ["deal.closed", "deal.unknown_reason"];
    for answer in batches.join_all().await.into_iter().flatten() {
        assert!(!matches!(&answer, StepAnswer::Refused(refusal) if !known.contains(&&*refusal.code)), "{answer:?}");
    }
    for deal in deals {
        let deal = engine.app.read::<Deal>(&cx, deal.into()).await.unwrap().unwrap().state;
        let (.., reason) = ways.iter().find(|(way, ..)| *way == deal.profile.pipeline_id).unwrap();
        assert!(deal.reason.is_none_or(|given| given == *reason), "a reason of another pipeline");
    }
    engine.stop().await;
}
