//! Batches against the real store: what happens to them when others are quicker.

use fairlead_application::{
    Context, Expected, IdempotencyKey, Step, StepAnswer,
    access::{Authorized, System as Everything},
    batch::Mode,
};
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactProfile, Schema},
    values::{Email, PersonName, Points, Tag},
};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller},
};
use tokio::task::JoinSet;
use uuid::Uuid;

fn create(email: usize) -> ContactCommand {
    let mut profile = ContactProfile::named(PersonName::new("Ana").unwrap());
    profile.emails = Points::one(Email::new(&format!("e{email}@example.com")).unwrap());
    ContactCommand::Create(Box::new(profile), Schema::default())
}

fn steps(cx: &Authorized<Everything>, all: Vec<(Uuid, Expected, ContactCommand)>) -> Vec<Step> {
    all.into_iter().map(|(id, expected, command)| Step::new::<Contact>(cx, id.into(), expected, command)).collect()
}

fn done(answers: &[StepAnswer]) -> usize {
    answers.iter().filter(|answer| matches!(answer, StepAnswer::Done(_))).count()
}

/// Many batches want the same addresses and tag the same contact: each address is given once, and every tag is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_meet_take_nothing_from_one_another() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let cx = caller();
    let shared: Uuid = engine.app.fresh();
    let first = steps(&cx, vec![(shared, Expected::New, create(1000))]);
    engine.app.execute_batch(&cx, &first, Mode::Each).await.unwrap();
    let mut batches = JoinSet::new();
    for n in 0..6 {
        let (app, cx) = (engine.app.clone(), cx.clone());
        batches.spawn(async move {
            let mut all: Vec<_> = (0..40).map(|email| (app.fresh(), Expected::New, create(email))).collect();
            let tag = Tag::new(&format!("t{n}")).unwrap();
            all.push((shared, Expected::Any, ContactCommand::Tag([tag].into())));
            app.execute_batch(&cx, &steps(&cx, all), Mode::Each).await.unwrap().answers
        });
    }
    let answers: Vec<_> = batches.join_all().await;
    assert_eq!(answers.iter().map(|answers| done(&answers[..40])).sum::<usize>(), 40, "each address once");
    assert!(answers.iter().all(|answers| done(&answers[40..]) == 1), "nobody's tag was held up");
    for answer in answers.iter().flatten() {
        assert!(
            matches!(answer, StepAnswer::Done(_))
                || matches!(answer, StepAnswer::Refused(r) if r.code == "contact.email_taken")
        );
    }
    assert_eq!(engine.app.read::<Contact>(&cx, shared.into()).await.unwrap().unwrap().version, 7);
    engine.stop().await;
}

/// The same batch sent many times at once under one key takes effect once, and everybody gets the same answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_duplicates_of_a_batch_works() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let mut keyed: Context = (*caller()).clone();
    keyed.idempotency = Some(IdempotencyKey { key: "k".to_owned(), fingerprint: [1; 32] });
    let cx: Authorized<Everything> = keyed.authorize().unwrap();
    let mut batches = JoinSet::new();
    for _ in 0..6 {
        let (app, cx) = (engine.app.clone(), cx.clone());
        batches.spawn(async move {
            let all = (0..300).map(|n| (app.fresh(), Expected::New, create(n % 299))).collect();
            app.execute_batch(&cx, &steps(&cx, all), Mode::Each).await.unwrap()
        });
    }
    let outcomes = batches.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| !outcome.replayed).count(), 1);
    assert_eq!(done(&outcomes[0].answers), 299);
    assert!(matches!(&outcomes[0].answers[299], StepAnswer::Refused(refusal) if refusal.code == "contact.email_taken"));
    assert!(
        outcomes.iter().all(|outcome| outcome.answers == outcomes[0].answers && outcome.token == outcomes[0].token)
    );
    let admin = database.admin().await;
    let count: i64 = admin.query_one("select count(*) from engine.streams", &[]).await.unwrap().get(0);
    assert_eq!(count, 299);
    engine.stop().await;
}
