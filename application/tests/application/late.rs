//! What is asked when others are quicker: what had to be known is looked up once more.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use fairlead_application::{
    App, AppError, Asked, Expected, StepAnswer, Target, Turn, Wanted,
    access::{Authorized, Permits},
    batch::Mode,
    crm::{DealDraft, DealRequest},
};
use fairlead_domain::{
    crm::{
        Ancestry, Company, CompanyChange, CompanyCommand, CompanyProfile, CompanyUpsert, Deal, DealCommand, Pipeline,
        PipelineCommand, PipelineProfile, Schema, Stage as PipelineStage,
    },
    values::{DomainName, Label, Percent, Title},
};
use uuid::Uuid;

use crate::{
    note::{Note, NoteCommand},
    store::{Stage, caller, code, id, versions},
};

type Plain = Note<1, 1>;

/// Asks for something that is looked up for the nth time.
#[derive(Clone)]
struct Patient {
    looks: Arc<AtomicUsize>,
    needed: usize,
}

impl Asked for Patient {
    type Of = Plain;
    type Facts = usize;

    async fn facts<P: Permits<Plain>>(_: &App, _: &Authorized<P>, all: &[Wanted<Self>]) -> Result<usize, AppError> {
        Ok(all.iter().map(|wanted| wanted.asked.looks.fetch_add(1, Ordering::Relaxed) + 1).max().unwrap_or_default())
    }

    fn commands(self, looks: &usize, _: &Turn<'_>, _: Option<&Plain>) -> Result<Vec<NoteCommand>, AppError> {
        if *looks < self.needed {
            return Err(AppError::Unforeseen);
        }
        Ok(vec![NoteCommand::Write("b".to_owned()), NoteCommand::Write("c".to_owned())])
    }
}

#[tokio::test]
async fn what_was_not_foreseen_is_looked_up_again_a_few_times() {
    for needed in [1, 5, 6] {
        let (stage, cx) = (Stage::new(), caller(1));
        stage.app.execute::<Plain>(&cx, id(1), Expected::New, NoteCommand::Open("a")).await.unwrap();
        let wanted = || Wanted::of(id(1), Expected::Any, Patient { looks: Arc::new(AtomicUsize::new(0)), needed });
        let outcome = stage.app.ask(&cx, wanted()).await;
        let mut version = 1;
        if needed <= 5 {
            version = 3;
            assert_eq!(versions(&outcome), [version], "two commands that are one");
        } else {
            assert!(matches!(outcome, Err(AppError::Contended)), "{outcome:?}");
        }
        for mode in [Mode::Atomic, Mode::Each] {
            let outcome = stage.app.ask_all(&cx, &[wanted()], mode).await;
            assert_eq!(outcome.is_ok(), needed <= 5, "{outcome:?}");
            assert!(
                outcome.err().is_none_or(|error| error.index.is_none() && error.error.code() == "version.contended")
            );
        }
        let (stored, note) = stage.state::<Plain>(&cx, id(1)).await.unwrap();
        assert_eq!(stored > version, needed <= 5);
        assert_eq!(note.text, if needed <= 5 { "c" } else { "a" });
    }
}

/// A pipeline of one stage that has its number, and lists a reason.
async fn pipeline(stage: &Stage, n: u128, reason: &str) -> Pipeline {
    let only = PipelineStage {
        id: id(n),
        name: Label::new("Only").unwrap(),
        probability: Percent::new(20).unwrap(),
        rotting_days: None,
    };
    let profile = PipelineProfile {
        name: Label::new(&format!("Way {n}")).unwrap(),
        description: None,
        stages: vec![only],
        win_reasons: vec![Label::new(reason).unwrap()],
        loss_reasons: Vec::new(),
    };
    let (cx, create) = (caller(1), PipelineCommand::Create(Box::new(profile)));
    stage.app.execute::<Pipeline>(&cx, id(n), Expected::New, create).await.unwrap();
    stage.state::<Pipeline>(&cx, id(n)).await.unwrap().1
}

#[tokio::test]
async fn a_deal_that_is_moved_meanwhile_is_judged_by_where_it_came_to() {
    for many in [false, true] {
        let (stage, cx) = (Stage::new(), caller(1));
        pipeline(&stage, 100, "Price").await;
        let other = Box::new(pipeline(&stage, 200, "Time").await);
        let draft = DealDraft::new(Title::new("A").unwrap(), id(100));
        let deal = stage.app.ask(&cx, Wanted::new(DealRequest::Open(Box::new(draft)))).await.unwrap().receipts[0].id;
        let at = stage.app.now();
        let moving = DealCommand::Move { pipeline_id: id(200), stage_id: id(200), pipeline: Some(other), at };
        stage.rival::<Deal>(&cx, deal.into(), moving);
        let reason = Some(Label::new("price").unwrap());
        let wanted = Wanted::of(deal.into(), Expected::Any, DealRequest::Win { reason });
        let refusal = if many {
            let answers = stage.app.ask_all(&cx, &[wanted], Mode::Each).await.unwrap().answers;
            let [StepAnswer::Refused(refusal)] = &answers[..] else { panic!("{answers:?}") };
            refusal.code.clone()
        } else {
            code(&stage.app.ask(&cx, wanted).await)
        };
        assert_eq!(refusal, "deal.unknown_reason", "it was one where the deal was before");
    }
}

#[tokio::test]
async fn an_upsert_changes_what_somebody_else_made_meanwhile() {
    let (stage, cx) = (Stage::new(), caller(1));
    let domain = || DomainName::new("lima.example").unwrap();
    let mut rival = CompanyProfile::named(Title::new("Rival").unwrap());
    rival.domains.insert(domain());
    let rival = CompanyCommand::Create(Box::new(rival), Ancestry::default(), Schema::default());
    stage.rival::<Company>(&cx, id(500), rival);
    let change = CompanyChange { name: Some(Title::new("Lima").unwrap()), ..CompanyChange::default() };
    let upsert = CompanyUpsert { by: domain(), change, tags: [].into() };
    let wanted = Wanted {
        target: Target::Holder(Company::domain_key(&domain())),
        expected: Expected::Any,
        asked: CompanyCommand::Upsert(Box::new(upsert)),
    };
    let answers = stage.app.ask_all(&cx, &[wanted], Mode::Atomic).await.unwrap().answers;
    let [StepAnswer::Done(receipt)] = answers[..] else { panic!("{answers:?}") };
    assert_eq!((receipt.id, receipt.version, receipt.made), (Uuid::from_u128(500), 2, false));
    assert_eq!(stage.state::<Company>(&cx, id(500)).await.unwrap().1.profile.name.as_str(), "Lima");
}
