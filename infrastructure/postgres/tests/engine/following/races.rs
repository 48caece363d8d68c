//! What comes in the same moment.

use fairlead_application::{Expected, crm::erase_contact};
use fairlead_domain::{
    crm::{Activity, ActivityChange, ActivityCommand, Contact, ContactCommand, Deal, DealCommand, Employment},
    values::{Label, RecordRef},
};
use uuid::Uuid;

use super::{Stage, all};

/// The merge is committed before what names the loser: with policies that meet both of them late, and with those of merges having
/// found nobody by then.
#[tokio::test]
async fn who_names_a_record_in_the_moment_of_its_merge_is_mended() {
    for settled_before in [false, true] {
        named_after_the_merge(settled_before).await;
    }
}

async fn named_after_the_merge(settled_before: bool) {
    let mut stage = Stage::new().await;
    let [ana, bo, cy] = [stage.contact("Ana").await, stage.contact("Bo").await, stage.contact("Cy").await];
    let [winner, loser] = [stage.company(None).await, stage.company(None).await];
    let (moved, child, linked) = (stage.company(None).await, stage.deal(&[], &[]).await, stage.contact("Di").await);
    let later = stage.note(&[RecordRef::company(winner)]).await;
    stage.settled().await;
    stage.rest().await;
    // A merge that is followed by another.
    stage.merge_contacts(ana, bo).await;
    stage.merge_contacts(cy, ana).await;
    stage.merge_companies(winner, loser).await;
    if settled_before {
        stage.work().await;
        stage.settled().await;
        stage.rest().await;
    }
    // What each saw was before.
    let opened = stage.deal(&[bo], &[loser]).await;
    let contacts = DealCommand::LinkContacts { contact_ids: all(&[bo, ana]), seen: all(&[bo, ana]) };
    stage.execute::<Deal>(child, contacts).await;
    let companies = DealCommand::LinkCompanies { company_ids: all(&[loser]), seen: all(&[loser]) };
    stage.execute::<Deal>(child, companies).await;
    let employment = Employment::default();
    let link = ContactCommand::LinkCompany { company_id: loser.into(), employment, seen: true };
    stage.execute::<Contact>(linked, link).await;
    let below = stage.company(Some(loser)).await;
    stage.child_of(moved, loser).await;
    let note = stage.note(&[RecordRef::contact(bo), RecordRef::company(loser)]).await;
    let about = Some(vec![RecordRef::contact(bo)]);
    let change = ActivityChange { seen: [RecordRef::contact(bo)].into(), about, ..ActivityChange::default() };
    stage.execute::<Activity>(later, ActivityCommand::Change(Box::new(change))).await;
    stage.work().await;
    stage.settled().await;
    stage.deal_names(opened, &[cy], &[winner]).await;
    stage.deal_names(child, &[cy], &[winner]).await;
    let companies = stage.read::<Contact>(linked).await.profile.companies;
    assert_eq!(companies.into_keys().map(Uuid::from).collect::<Vec<_>>(), [winner]);
    assert_eq!((stage.parent(below).await, stage.parent(moved).await), (Some(winner), Some(winner)));
    assert_eq!(stage.read::<Activity>(note).await.profile.about, [RecordRef::contact(cy), RecordRef::company(winner)]);
    assert_eq!(stage.read::<Activity>(later).await.profile.about, [RecordRef::contact(cy)]);
}

/// Everything at once, while the policies work: whatever the order, nobody is left who names a loser.
#[tokio::test]
async fn in_whatever_order_nobody_is_left_who_names_what_was_merged() {
    let stage = Stage::new().await;
    let mut people = Vec::new();
    for n in 0..8 {
        people.push(stage.contact(&format!("Person {n}")).await);
    }
    let (pipeline, [first, second, third]) = stage.pipeline().await;
    // Merges that cross: two pairs become one each, and these become one, and so on.
    let merging = async {
        for (winner, loser) in [(0, 1), (2, 3), (4, 5), (2, 0), (6, 7), (4, 6), (2, 4)] {
            stage.merge_contacts(people[winner], people[loser]).await;
        }
    };
    let retiring = async {
        stage.retire(pipeline, first, second).await;
        stage.retire(pipeline, second, third).await;
    };
    let opening = async {
        let mut deals = Vec::new();
        for n in 0..48 {
            let (person, stage_id) = (people[n % 8], [first, second][n % 2]);
            deals.push(stage.deal_in((pipeline, stage_id), &[person, people[(n + 3) % 8]], &[]).await);
        }
        deals
    };
    let (deals, (), ()) = tokio::join!(opening, merging, retiring);
    stage.settled().await;
    for deal in deals {
        stage.deal_names(deal, &[people[2]], &[]).await;
        assert_eq!(Uuid::from(stage.read::<Deal>(deal).await.profile.stage_id), third);
    }
}

/// The loser's words go with the person, although what they stand in is about the winner by then, or not yet.
#[tokio::test]
async fn a_merge_meets_an_erasure() {
    for settled_before in [true, false] {
        let mut stage = Stage::new().await;
        let [ana, bo] = [stage.contact("Ana").await, stage.contact("Bo").await];
        let firm = [stage.company(None).await, stage.company(None).await];
        let employment = Employment { role: Some(Label::new("Engineer").unwrap()), ..Employment::default() };
        let link = ContactCommand::LinkCompany { company_id: firm[1].into(), employment, seen: true };
        stage.execute::<Contact>(bo, link).await;
        let (deal, note) = (stage.deal(&[bo], &[firm[1]]).await, stage.note(&[RecordRef::contact(bo)]).await);
        let shared = stage.note(&[RecordRef::contact(bo), RecordRef::company(firm[1])]).await;
        stage.settled().await;
        stage.rest().await;
        stage.merge_contacts(ana, bo).await;
        if settled_before {
            stage.work().await;
            stage.settled().await;
            stage.rest().await;
        }
        stage.merge_companies(firm[0], firm[1]).await;
        let erase = erase_contact(&stage.engine.app, &stage.cx, ana.into(), Expected::Any);
        erase.await.unwrap();
        stage.work().await;
        stage.settled().await;
        stage.deal_names(deal, &[ana], &[firm[0]]).await;
        let [note, shared] = [stage.read::<Activity>(note).await, stage.read::<Activity>(shared).await];
        assert_eq!((note.profile.subject.known(), shared.profile.subject.known()), (None, None));
        assert_eq!(note.profile.about, [RecordRef::contact(ana)]);
        assert!(note.deleted && !shared.deleted, "settled before: {settled_before}");
        assert_eq!(shared.profile.about, [RecordRef::contact(ana), RecordRef::company(firm[0])]);
    }
}
