//! A batch does what its commands do one by one.

use std::sync::Arc;

use fairlead_application::{
    Actor, App, AppError, Context, Expected, IdempotencyKey, Step, StepAnswer,
    access::{Access, Authorized, System as Everything},
    batch::{BatchError, BatchOutcome, Mode},
    memory::MemoryStore,
    ports::{EventStore, System},
};
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactProfile, PointsChange, Schema},
    values::{Email, PersonName, Points, Tag},
};
use proptest::prelude::*;
use uuid::Uuid;

fn world() -> (App, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    (App::new(store.clone(), Arc::new(System), Arc::new(System)), store)
}

fn caller(key: Option<&str>) -> Authorized<Everything> {
    let mut cx = Context::new(Uuid::from_u128(1).into(), Actor::new("a"), Access::parse("*:*"));
    cx.idempotency = key.map(|key| IdempotencyKey { key: key.to_owned(), fingerprint: [key.len() as u8; 32] });
    cx.authorize().unwrap()
}

fn id(n: u8) -> Uuid {
    Uuid::from_u128(100 + u128::from(n))
}

fn email(n: u8) -> Email {
    Email::new(&format!("e{n}@example.com")).unwrap()
}

fn create(mail: Option<u8>) -> ContactCommand {
    let mut profile = ContactProfile::named(PersonName::new("Ana").unwrap());
    profile.emails = mail.map(|mail| Points::one(email(mail))).unwrap_or_default();
    ContactCommand::Create(Box::new(profile), Schema::default())
}

fn mail(mail: Option<u8>) -> ContactCommand {
    let change = ContactChange { emails: PointsChange::Primary(mail.map(email)), ..ContactChange::default() };
    ContactCommand::Change(Box::new(change))
}

type Operation = (u8, Expected, ContactCommand);

fn step(cx: &Authorized<Everything>, (n, expected, command): &Operation) -> Step {
    Step::new::<Contact>(cx, id(*n).into(), *expected, command.clone())
}

async fn batch(
    app: &App,
    cx: &Authorized<Everything>,
    all: &[Operation],
    mode: Mode,
) -> Result<BatchOutcome, BatchError> {
    let steps: Vec<_> = all.iter().map(|operation| step(cx, operation)).collect();
    app.execute_batch(cx, &steps, mode).await
}

/// What the commands do one by one.
async fn singly(app: &App, cx: &Authorized<Everything>, all: &[Operation]) -> Vec<StepAnswer> {
    let mut answers = Vec::new();
    for operation in all {
        answers.push(match app.execute_all(cx, &[step(cx, operation)]).await {
            Ok(outcome) => StepAnswer::Done(outcome.receipts[0]),
            Err(error) => StepAnswer::Refused((&error).into()),
        });
    }
    answers
}

/// What is stored, but for what differs each time: times and identities of events.
async fn stored(store: &MemoryStore) -> Vec<String> {
    let mut all = Vec::new();
    for n in 0..6 {
        for event in store.events(&caller(None), id(n)).await.unwrap() {
            all.push(format!("{n} {} {} {}", event.version, event.event_type, event.data));
        }
    }
    all
}

/// A command, in a form that can be shown.
#[derive(Debug, Clone)]
enum Asked {
    Create(Option<u8>),
    Mail(Option<u8>),
    Tag,
    Untag,
    Delete,
    Restore,
}

fn operations(asked: Vec<(u8, Option<i64>, Asked)>) -> Vec<Operation> {
    let tags = || [Tag::new("vip").unwrap()].into();
    let operation = |(n, version, asked): (u8, Option<i64>, Asked)| {
        let command = match asked {
            Asked::Create(email) => create(email),
            Asked::Mail(email) => mail(email),
            Asked::Tag => ContactCommand::Tag(tags()),
            Asked::Untag => ContactCommand::Untag(tags()),
            Asked::Delete => ContactCommand::Delete,
            Asked::Restore => ContactCommand::Restore,
        };
        (n, version.map_or(Expected::Any, Expected::Exactly), command)
    };
    asked.into_iter().map(operation).collect()
}

fn asked() -> impl Strategy<Value = (u8, Option<i64>, Asked)> {
    let mails = || proptest::option::weighted(0.8, 0..3_u8);
    let command = prop_oneof![
        3 => mails().prop_map(Asked::Create),
        4 => mails().prop_map(Asked::Mail),
        1 => Just(Asked::Tag),
        1 => Just(Asked::Untag),
        2 => Just(Asked::Delete),
        2 => Just(Asked::Restore),
    ];
    (0..4_u8, proptest::option::weighted(0.15, 1..5_i64), command)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_batch_is_its_commands(
        before in proptest::collection::vec(asked(), 0..10),
        all in proptest::collection::vec(asked(), 1..25),
    ) {
        let (before, all) = (operations(before), operations(all));
        runtime().block_on(async {
            let ((one, one_store), (many, many_store)) = (world(), world());
            let cx = caller(None);
            singly(&one, &cx, &before).await;
            singly(&many, &cx, &before).await;
            let answers = singly(&one, &cx, &all).await;
            let outcome = batch(&many, &cx, &all, Mode::Each).await.unwrap();
            prop_assert_eq!(&outcome.answers, &answers);
            prop_assert_eq!(stored(&one_store).await, stored(&many_store).await);
            // And atomically: everything, or nothing and the first that is refused.
            let (atomic, atomic_store) = world();
            singly(&atomic, &cx, &before).await;
            let untouched = stored(&atomic_store).await;
            let first = answers.iter().position(|answer| matches!(answer, StepAnswer::Refused(_)));
            match (batch(&atomic, &cx, &all, Mode::Atomic).await, first) {
                (Ok(outcome), None) => {
                    prop_assert_eq!(&outcome.answers, &answers);
                    prop_assert_eq!(stored(&atomic_store).await, stored(&one_store).await);
                }
                (Err(error), Some(first)) => {
                    prop_assert_eq!(error.index, Some(first));
                    prop_assert_eq!(StepAnswer::Refused((&error.error).into()), answers[first].clone());
                    prop_assert_eq!(stored(&atomic_store).await, untouched);
                }
                (outcome, first) => prop_assert!(false, "{:?} though {:?}", outcome, first),
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn keys_pass_from_hand_to_hand_within_a_batch() {
    let (app, _) = world();
    let cx = caller(None);
    let any = Expected::Any;
    singly(&app, &cx, &[(1, any, create(Some(1))), (2, any, create(Some(2)))]).await;
    // Swapped by way of none; and one that is only held in between.
    let swap = [(1, any, mail(None)), (2, any, mail(Some(1))), (1, any, mail(Some(2))), (3, any, create(Some(1)))];
    let outcome = batch(&app, &cx, &swap, Mode::Each).await.unwrap();
    let codes = outcome.answers.iter().map(|answer| match answer {
        StepAnswer::Done(_) => "done".to_owned(),
        StepAnswer::Refused(refusal) => refusal.code.clone(),
    });
    let codes: Vec<_> = codes.collect();
    assert_eq!(codes, ["done", "done", "done", "contact.email_taken"]);
    // Taken when it is its turn, though given up at the end.
    let between = [(4, any, create(Some(1))), (2, any, mail(None))];
    let outcome = batch(&app, &cx, &between, Mode::Each).await.unwrap();
    assert!(matches!(&outcome.answers[0], StepAnswer::Refused(refusal) if refusal.code == "contact.email_taken"));
}

#[tokio::test]
async fn a_repeated_batch_gets_its_answers_again_refusals_included() {
    let (app, store) = world();
    let any = Expected::Any;
    let all = [(1, any, create(Some(1))), (2, any, create(Some(1))), (1, any, ContactCommand::Delete)];
    let first = batch(&app, &caller(Some("k")), &all, Mode::Each).await.unwrap();
    let before = stored(&store).await;
    let again = batch(&app, &caller(Some("k")), &all, Mode::Each).await.unwrap();
    assert!(!first.replayed && again.replayed);
    assert_eq!((&again.answers, again.token), (&first.answers, first.token));
    assert!(matches!(&again.answers[1], StepAnswer::Refused(refusal) if refusal.code == "contact.email_taken"));
    assert_eq!(stored(&store).await, before);
    let mut other = (*caller(Some("k"))).clone();
    other.idempotency = Some(IdempotencyKey { key: "k".into(), fingerprint: [9; 32] });
    let other = other.authorize::<Everything>().unwrap();
    let reused = batch(&app, &other, &all, Mode::Each).await.unwrap_err();
    assert!(matches!(reused, BatchError { index: None, error: AppError::KeyReused }), "{reused:?}");
    // Of a batch that is refused as a whole nothing is kept.
    let refused = [(1, any, ContactCommand::Restore), (9, any, ContactCommand::Delete)];
    let error = batch(&app, &caller(Some("kk")), &refused, Mode::Atomic).await.unwrap_err();
    assert_eq!((error.index, error.error.code().as_str()), (Some(1), "contact.not_found"));
    assert!(store.load(&caller(Some("kk")), &[]).await.unwrap().answer.is_none());
}
