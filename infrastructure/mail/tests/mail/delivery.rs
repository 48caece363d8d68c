//! Each letter arrives, once, whatever the server does.

use fairlead_application::identity::{Letter, MailError, Mailer, Recipient};
use fairlead_consumer::Which;
use fairlead_domain::{identity::UserCommand, values::Email};
use uuid::Uuid;

use fairlead_testing::engine::eventually;

use crate::{
    server::{Fault, Server},
    stage::{Stage, smtp},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_server_loses_nothing() {
    let stage = Stage::new().await;
    stage.server.always(Some(Fault::Unavailable));
    let mut asked = Vec::new();
    for number in 0..6 {
        let user = stage.register(&format!("ana{number}@example.com")).await;
        asked.push(stage.ask(user).await);
        stage.publish(&asked[number]).await;
    }
    eventually("the letters wait", async || stage.operator().held(10).await.unwrap().len() == 6).await;
    // Each way in which it can fail for now.
    stage.server.fail(&[Fault::Later, Fault::Hang, Fault::SignIn, Fault::Later, Fault::Hang, Fault::SignIn]);
    let before = stage.server.connections();
    eventually("all have failed", async || stage.server.connections() > before + 6).await;
    let held = stage.operator().held(10).await.unwrap();
    assert!(held.iter().all(|held| held.dead_at.is_none()), "{held:?}");
    assert_eq!(stage.server.taken().len(), 0);
    stage.server.always(None);
    let mut taken: Vec<_> = stage.taken(6).await.into_iter().map(|taken| taken.to).collect();
    taken.sort();
    assert_eq!(taken, (0..6).map(|number| format!("ana{number}@example.com")).collect::<Vec<_>>());
    eventually("nothing waits", async || stage.operator().held(10).await.unwrap().is_empty()).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_again_sends_nothing_again() {
    let stage = Stage::new().await;
    let user = stage.register("ana@example.com").await;
    let first = stage.ask(user).await;
    stage.publish(&first).await;
    let taken = &stage.taken(1).await[0];
    let id = format!("<{}@mail.example>", first.event.id);
    assert_eq!((&*taken.to, taken.header("Message-ID")), ("ana@example.com", &*id));
    assert!(taken.header("To").ends_with("<ana@example.com>"), "{}", taken.data);
    stage.publish(&first).await;
    stage.publish(&first).await;
    // What follows in the same stream is handled behind them.
    let second = stage.ask(user).await;
    stage.publish(&second).await;
    assert!(stage.taken(2).await[1].header("Message-ID").contains(&second.event.id.to_string()));
    // Of two that come late, the older one's link is void.
    let (void, newest) = (stage.ask(user).await, stage.ask(user).await);
    stage.publish(&void).await;
    stage.publish(&newest).await;
    assert!(stage.taken(3).await[2].header("Message-ID").contains(&newest.event.id.to_string()));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_which_nobody_knows_whether_it_was_taken_comes_again_as_the_same() {
    let stage = Stage::new().await;
    stage.server.fail(&[Fault::DropAfterData]);
    let user = stage.register("ana@example.com").await;
    stage.publish(&stage.ask(user).await).await;
    let taken = stage.taken(2).await;
    let [first, second] = ["Message-ID", "Date"].map(|name| {
        let values: Vec<_> = taken.iter().map(|taken| taken.header(name).to_owned()).collect();
        assert_eq!(values[0], values[1]);
        values[0].clone()
    });
    assert_ne!(first, second);
    stage.publish(&stage.ask(user).await).await;
    stage.taken(3).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_dead_until_an_operator_replays_it() {
    let stage = Stage::new().await;
    stage.server.always(Some(Fault::Never));
    let user = stage.register("nobody@example.com").await;
    stage.publish(&stage.ask(user).await).await;
    let dead = format!("{}.dead", fairlead_mail::CONSUMER);
    eventually("there is a dead letter", async || stage.depth(&dead).await.is_some_and(|(ready, _)| ready == 1)).await;
    let held = stage.operator().held(10).await.unwrap();
    assert_eq!((held.len(), held[0].attempts, held[0].reason.as_deref()), (1, 1, Some("rejected")));
    // Codes, and nothing of what the server quotes.
    assert_eq!(held[0].error.as_deref(), Some("the mail server answers 550 5.1.1"));
    assert_eq!(stage.server.connections(), 1, "nothing is tried again by itself");
    // Others go on.
    stage.server.always(None);
    let other = stage.register("ana@example.com").await;
    stage.publish(&stage.ask(other).await).await;
    assert_eq!(stage.taken(1).await[0].to, "ana@example.com");
    assert_eq!(stage.operator().replay(Which::All).await.unwrap(), 1);
    assert_eq!(stage.taken(2).await[1].to, "nobody@example.com");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_sends_nothing_to_an_address_that_was_given_up() {
    let stage = Stage::new().await;
    stage.server.always(Some(Fault::Never));
    let user = stage.register("typo@example.com").await;
    stage.publish(&stage.ask(user).await).await;
    eventually("it is dead", async || {
        stage.operator().held(10).await.unwrap().iter().any(|held| held.dead_at.is_some())
    })
    .await;
    stage.user(user, UserCommand::ChangeEmail { email: Email::new("ana@example.com").unwrap() }).await;
    stage.publish(&stage.ask(user).await).await;
    stage.server.always(None);
    stage.operator().replay(Which::All).await.unwrap();
    assert_eq!(stage.taken(1).await[0].to, "ana@example.com");
    eventually("nothing waits", async || stage.operator().held(10).await.unwrap().is_empty()).await;
    stage.taken(1).await;
    stage.end().await;
}

fn letter() -> Letter {
    let to = Recipient { address: Email::new("ana@example.com").unwrap(), name: None };
    let [subject, text, html] = ["Hello", ".\r\na dot", "<p>.</p>"].map(str::to_owned);
    Letter { message_id: Uuid::from_u128(7), asked_at: chrono::DateTime::UNIX_EPOCH, to, subject, text, html }
}

#[tokio::test]
async fn where_tls_is_demanded_nothing_goes_in_clear() {
    let server = Server::start().await;
    let refused = smtp(server.url("?tls=required")).send(&letter()).await.unwrap_err();
    assert!(matches!(refused, MailError::Transient(_)), "{refused:?}");
    assert!(server.connections() == 1 && server.taken().is_empty());
    smtp(server.url("?tls=opportunistic")).send(&letter()).await.unwrap();
    assert!(server.taken()[0].data.contains("\r\n.\r\na dot"), "{}", server.taken()[0].data);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for() {
    let refused = smtp("smtp://127.0.0.1:1".to_owned()).send(&letter()).await.unwrap_err();
    assert_eq!(refused, MailError::Transient("the connection to the mail server failed".to_owned()));
    let server = Server::start().await;
    server.always(Some(Fault::Hang));
    let late = smtp(server.url("")).send(&letter()).await.unwrap_err();
    assert_eq!(late, MailError::Transient("the mail server takes too long".to_owned()));
}
