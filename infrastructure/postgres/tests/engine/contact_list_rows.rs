//! The rows of members of contact lists: whatever comes late or again, what a rebuild makes, and what verifying finds.

use std::collections::BTreeSet;

use fairlead_application::{
    Expected, Step,
    administration::{RebuildState, SubscriptionAdministration},
};
use fairlead_domain::{
    crm::{ContactList, ContactListCommand::RemoveMembers},
    ids::{ContactId, ContactListId},
};
use fairlead_postgres::PostgresAdministration;
use fairlead_testing::engine::eventually;
use uuid::Uuid;

use crate::{
    contact_list_members::{MEMBERS, Stage, add, ids},
    verify::told,
};

/// Has the read model handle the whole log once more, over the rows that are there.
async fn handles_all_again(stage: &Stage) {
    let operator = PostgresAdministration::new(stage.database.engine());
    operator.set_paused(MEMBERS, true).await.unwrap();
    eventually("nobody works it", async || {
        let status = operator.subscriptions().await.unwrap();
        let members = status.iter().find(|status| status.name == MEMBERS).unwrap();
        members.partitions.iter().all(|partition| !partition.held)
    })
    .await;
    stage.admin.execute("delete from engine.checkpoints where name = $1", &[&MEMBERS]).await.unwrap();
    operator.set_paused(MEMBERS, false).await.unwrap();
    stage.projected().await;
}

#[tokio::test]
async fn an_event_that_comes_late_or_again_changes_nothing() {
    let stage = Stage::new().await;
    for command in [add(ids(1..4)), RemoveMembers(ids(1..2)), add(ids(1..2)), RemoveMembers(ids(2..3))] {
        stage.done(stage.list, command).await;
    }
    stage.projected().await;
    let list = Uuid::from(stage.list);
    let expected: BTreeSet<_> = [1, 3].map(|n| (list, Uuid::from_u128(n))).into();
    assert_eq!(stage.kept().await, expected);
    handles_all_again(&stage).await;
    assert_eq!(stage.kept().await, expected);
    assert_eq!(told(&stage.database).await, BTreeSet::new());
    // As if a later event had been handled before all the others.
    let later = format!("update {MEMBERS} set is_member = not is_member, position = position + 1000");
    stage.admin.batch_execute(&later).await.unwrap();
    handles_all_again(&stage).await;
    assert_eq!(stage.kept().await, [(list, Uuid::from_u128(2))].into());
    // And as if none had.
    stage.admin.batch_execute(&format!("update {MEMBERS} set is_member = not is_member, position = 0")).await.unwrap();
    handles_all_again(&stage).await;
    assert_eq!(stage.kept().await, expected);
    stage.engine.stop().await;
}

#[tokio::test]
async fn a_rebuild_makes_the_members_anew() {
    let stage = Stage::new().await;
    let operator = PostgresAdministration::new(stage.database.engine());
    stage.done(stage.list, add(ids(1..5_001))).await;
    stage.done(stage.list, RemoveMembers(ids(101..5_001))).await;
    stage.done(stage.list, add(ids(101..111))).await;
    // More rows than are written at once.
    let others: Vec<ContactListId> = (0..3).map(|_| stage.engine.app.fresh()).collect();
    for (n, list) in others.iter().enumerate() {
        stage.begin(*list, &format!("Other {n}")).await;
        let steps = [add(ids(1..8_001)), RemoveMembers(ids(5..8_001))]
            .map(|command| Step::new::<ContactList>(&stage.cx, *list, Expected::Any, command));
        stage.engine.app.execute_all(&stage.cx, &steps).await.unwrap();
    }
    stage.projected().await;
    let of_list = |list: ContactListId, ids: BTreeSet<ContactId>| {
        ids.into_iter().map(move |contact| (Uuid::from(list), Uuid::from(contact)))
    };
    let expected: BTreeSet<_> =
        of_list(stage.list, ids(1..111)).chain(others.iter().flat_map(|list| of_list(*list, ids(1..5)))).collect();
    assert_eq!(stage.kept().await, expected);
    stage.admin.batch_execute(&format!("delete from {MEMBERS} where contact_id::text like '%1'")).await.unwrap();
    stage.admin.batch_execute(&format!("update {MEMBERS} set is_member = true, position = 100000")).await.unwrap();
    operator.rebuild(MEMBERS).await.unwrap();
    eventually("the rebuilt table is in place", async || {
        let status = operator.rebuilds().await.unwrap();
        let status = status.into_iter().find(|status| status.subscription == MEMBERS).unwrap();
        assert_ne!(status.state, RebuildState::Failed, "{:?}", status.error);
        status.state == RebuildState::Done
    })
    .await;
    assert_eq!(stage.kept().await, expected);
    stage.done(stage.list, RemoveMembers(ids(1..101))).await;
    stage.projected().await;
    assert_eq!(stage.kept().await.iter().filter(|(list, _)| *list == Uuid::from(stage.list)).count(), 10);
    assert_eq!(told(&stage.database).await, BTreeSet::new());
    stage.engine.stop().await;
}

#[tokio::test]
async fn verifying_finds_a_row_that_its_events_do_not_make() {
    let stage = Stage::new().await;
    for command in [add(ids(1..1_503)), RemoveMembers(ids(1..2)), add(ids(5..6))] {
        stage.done(stage.list, command).await;
    }
    stage.projected().await;
    assert_eq!(told(&stage.database).await, BTreeSet::new());
    let copy = format!("create table kept as select * from {MEMBERS}");
    stage.admin.batch_execute(&copy).await.unwrap();
    let event = |version: i64| {
        format!("(select event_id from engine.events where stream_id = '{}' and version = {version})", stage.list)
    };
    let position = |version: i64| {
        format!("(select position from engine.outbox where stream_id = '{}' and version = {version})", stage.list)
    };
    let of = |n: u128| format!("contact_id = '{}'", Uuid::from_u128(n));
    let named = |version| format!("event_id = {}, position = {}", event(version), position(version));
    let surplus = || format!("{MEMBERS}: nothing accounts for the row");
    let differs = |version: i64, columns: &str| format!("{MEMBERS}: the row of event {version} differs in {columns}");
    for (sql, expected) in [
        // Changed, of an event that told many, and of one that told few.
        (format!("update {MEMBERS} set is_member = false where {}", of(2)), vec![differs(2, "is_member")]),
        (format!("update {MEMBERS} set is_member = true where {}", of(1)), vec![differs(4, "is_member")]),
        // Gone; every event that told of it says so.
        (
            format!("delete from {MEMBERS} where {}", of(5)),
            vec![
                format!("{MEMBERS}: the row of event 2 is missing"),
                format!("{MEMBERS}: the row of event 5 is missing"),
            ],
        ),
        // As an event before the last one left it.
        (
            format!("update {MEMBERS} set is_member = true, {} where {}", named(2), of(1)),
            vec![differs(4, "event_id, is_member, position")],
        ),
        // In the name of an event that tells of others.
        (format!("update {MEMBERS} set is_member = false, {} where {}", named(5), of(2)), vec![surplus()]),
        // In the name of no event.
        (format!("update {MEMBERS} set is_member = false, position = 100000 where {}", of(2)), vec![surplus()]),
        (
            format!("update {MEMBERS} set event_id = gen_random_uuid() where {}", of(2)),
            vec![differs(2, "event_id"), surplus()],
        ),
        // Somebody of whom no event tells; and on another list.
        (
            format!("update {MEMBERS} set contact_id = gen_random_uuid() where {}", of(2)),
            vec![format!("{MEMBERS}: the row of event 2 is missing"), surplus()],
        ),
        (
            format!(
                "insert into {MEMBERS} select tenant_id, gen_random_uuid(), contact_id, is_member, event_id, position
                       from {MEMBERS} where {}",
                of(2)
            ),
            vec![surplus()],
        ),
    ] {
        stage.admin.batch_execute(&sql).await.unwrap();
        assert_eq!(told(&stage.database).await, expected.into_iter().collect::<BTreeSet<_>>(), "{sql}");
        let restore = format!("delete from {MEMBERS}; insert into {MEMBERS} select * from kept");
        stage.admin.batch_execute(&restore).await.unwrap();
    }
    assert_eq!(told(&stage.database).await, BTreeSet::new());
    stage.engine.stop().await;
}
