//! What was there before.

use std::collections::BTreeMap;

use fairlead_application::{
    crm::{FollowActivities, FollowCompanies, FollowContacts, FollowDeals, FollowMembers, FollowStages},
    policy::Policy,
};
use fairlead_domain::{
    crm::{
        Activity, AttributeKind, Company, CompanyChange, CompanyCommand, CompanyEvent, Contact, ContactChange,
        ContactCommand, ContactEvent, ContactProfile, CustomFieldProfile, Deal, DealChange, DealCommand, Employment,
        Pipeline, Schema,
    },
    values::{AttributeKey, AttributeValue, Label, PersonName, RecordRef, RecordType},
};
use uuid::Uuid;

use super::{Stage, at};

#[tokio::test]
async fn whoever_named_a_contact_names_the_one_of_which_it_is_part() {
    let stage = Stage::new().await;
    let [ana, bo, cy] = [stage.contact("Ana").await, stage.contact("Bo").await, stage.contact("Cy").await];
    let (open, both) = (stage.deal(&[bo, cy], &[]).await, stage.deal(&[ana, bo], &[]).await);
    let (won, deleted) = (stage.deal(&[bo], &[]).await, stage.deal(&[bo], &[]).await);
    stage.execute::<Deal>(won, DealCommand::Win { reason: None, pipeline: None, at: at() }).await;
    stage.execute::<Deal>(deleted, DealCommand::Delete).await;
    let note = stage.note(&[RecordRef::contact(cy), RecordRef::contact(bo)]).await;
    let bystander = stage.deal(&[cy], &[]).await;
    stage.merge_contacts(ana, bo).await;
    stage.settled().await;
    stage.deal_names(open, &[ana, cy], &[]).await;
    for deal in [both, won, deleted] {
        stage.deal_names(deal, &[ana], &[]).await;
    }
    assert!(stage.read::<Deal>(deleted).await.deleted);
    let about = stage.read::<Activity>(note).await.profile.about;
    assert_eq!(about, [RecordRef::contact(cy), RecordRef::contact(ana)]);
    assert_eq!(stage.events(bystander).await, 1);
}

#[tokio::test]
async fn whoever_named_a_company_names_the_one_that_took_it_in() {
    let stage = Stage::new().await;
    let [winner, loser] = [stage.company(None).await, stage.company(None).await];
    let (child, gone) = (stage.company(Some(loser)).await, stage.company(Some(loser)).await);
    stage.execute::<Company>(gone, CompanyCommand::Delete).await;
    let (ana, bo, deal) = (stage.contact("Ana").await, stage.contact("Bo").await, stage.deal(&[], &[loser]).await);
    let role = |role: &str| Employment { role: Some(Label::new(role).unwrap()), ..Employment::default() };
    let link =
        |company: Uuid, employment| ContactCommand::LinkCompany { company_id: company.into(), employment, seen: true };
    stage.execute::<Contact>(ana, link(loser, role("Engineer"))).await;
    stage.execute::<Contact>(bo, link(loser, role("Engineer"))).await;
    stage.execute::<Contact>(bo, link(winner, role("Director"))).await;
    let note = stage.note(&[RecordRef::company(loser), RecordRef::company(winner)]).await;
    stage.merge_companies(winner, loser).await;
    stage.settled().await;
    stage.deal_names(deal, &[], &[winner]).await;
    for (contact, known) in [(ana, "Engineer"), (bo, "Director")] {
        let companies = stage.read::<Contact>(contact).await.profile.companies;
        assert_eq!(companies, [(winner.into(), role(known).into())].into());
    }
    assert_eq!(stage.read::<Activity>(note).await.profile.about, [RecordRef::company(winner)]);
    assert_eq!((stage.parent(child).await, stage.parent(gone).await), (Some(winner), Some(winner)));
}

/// By custom attributes, of contacts, companies and deals.
#[tokio::test]
async fn what_refers_to_a_record_by_an_attribute_refers_to_the_one_that_took_it_in() {
    let mut stage = Stage::new().await;
    let [ana, bo, cy] = [stage.contact("Ana").await, stage.contact("Bo").await, stage.contact("Cy").await];
    let [winner, loser] = [stage.company(None).await, stage.company(None).await];
    let (firm, deal) = (stage.company(None).await, stage.deal(&[], &[]).await);
    let value = |record| AttributeValue::Record(record);
    let referring = async |contact: Uuid, record: RecordRef| {
        let (attributes, schema) = (partner(value(record)), schema(record));
        let change = ContactChange { attributes, schema, ..ContactChange::default() };
        stage.execute::<Contact>(contact, ContactCommand::Change(Box::new(change))).await;
    };
    referring(cy, RecordRef::contact(bo)).await;
    let (attributes, known) = (partner(value(RecordRef::company(loser))), schema(RecordRef::company(loser)));
    let change = CompanyChange { attributes, schema: known, ..CompanyChange::default() };
    stage.execute::<Company>(firm, CompanyCommand::Change(Box::new(change))).await;
    stage.merge_contacts(ana, bo).await;
    stage.merge_companies(winner, loser).await;
    stage.settled().await;
    let of_contact = async |id| stage.read::<Contact>(id).await.profile.attributes[&key()].known().cloned();
    assert_eq!(of_contact(cy).await, Some(value(RecordRef::contact(ana))));
    assert_eq!(stage.read::<Company>(firm).await.profile.attributes[&key()], value(RecordRef::company(winner)));
    // What comes to refer to it in the same moment.
    stage.rest().await;
    let (attributes, known) = (partner(value(RecordRef::contact(bo))), schema(RecordRef::contact(bo)));
    let change = DealChange { attributes, schema: known, ..DealChange::default() };
    stage.execute::<Deal>(deal, DealCommand::Change(Box::new(change))).await;
    stage.work().await;
    stage.settled().await;
    assert_eq!(stage.read::<Deal>(deal).await.profile.attributes[&key()], value(RecordRef::contact(ana)));
}

fn key() -> AttributeKey {
    AttributeKey::new("partner").unwrap()
}

fn partner(value: AttributeValue) -> BTreeMap<AttributeKey, Option<AttributeValue>> {
    [(key(), Some(value))].into()
}

/// In which it may refer to that record.
fn schema(record: RecordRef) -> Schema {
    let name = Label::new("Partner").unwrap();
    let mut field = CustomFieldProfile::new(RecordType::Contact, key(), name, AttributeKind::Reference);
    field.refers_to = Some(record.record_type);
    Schema::new([field], [record].into())
}

/// Two companies stand above one another in a row, and the last takes in the first: it comes to its place.
#[tokio::test]
async fn no_company_comes_to_belong_to_itself() {
    let mut stage = Stage::new().await;
    let top = stage.company(None).await;
    let middle = stage.company(Some(top)).await;
    let low = stage.company(Some(middle)).await;
    let other = stage.company(Some(top)).await;
    stage.merge_companies(low, top).await;
    stage.settled().await;
    assert_eq!((stage.parent(low).await, stage.parent(middle).await), (None, Some(low)));
    assert_eq!(stage.parent(other).await, Some(low));
    // Companies that come to stand above and below in the same moment.
    let [winner, loser] = [stage.company(None).await, stage.company(None).await];
    let between = stage.company(None).await;
    stage.rest().await;
    stage.merge_companies(winner, loser).await;
    stage.child_of(between, loser).await;
    stage.child_of(winner, between).await;
    stage.work().await;
    stage.settled().await;
    assert_eq!((stage.parent(winner).await, stage.parent(between).await), (Some(between), None));
}

#[tokio::test]
async fn open_deals_leave_a_stage_that_is_retired() {
    let mut stage = Stage::new().await;
    let (pipeline, [first, second, third]) = stage.pipeline().await;
    let here = (pipeline, first);
    let [open, won, deleted, elsewhere] = [
        stage.deal_in(here, &[], &[]).await,
        stage.deal_in(here, &[], &[]).await,
        stage.deal_in(here, &[], &[]).await,
        stage.deal_in((pipeline, third), &[], &[]).await,
    ];
    stage.execute::<Deal>(won, DealCommand::Win { reason: None, pipeline: None, at: at() }).await;
    stage.execute::<Deal>(deleted, DealCommand::Delete).await;
    stage.retire(pipeline, first, second).await;
    stage.settled().await;
    let at_stage = async |deal| Uuid::from(stage.read::<Deal>(deal).await.profile.stage_id);
    assert_eq!((at_stage(open).await, at_stage(deleted).await), (second, second));
    assert_eq!((at_stage(won).await, at_stage(elsewhere).await), (first, third));
    assert_eq!(stage.events(elsewhere).await, 1);
    // What comes in the same moment, when nobody was found any more: opened, moved and reopened there.
    let before = Some(Box::new(stage.read::<Pipeline>(pipeline).await));
    stage.retire(pipeline, second, third).await;
    stage.settled().await;
    stage.rest().await;
    let opened = stage.deal_in((pipeline, second), &[], &[]).await;
    let (pipeline_id, stage_id) = (pipeline.into(), second.into());
    let to_second = DealCommand::Move { pipeline_id, stage_id, pipeline: before.clone(), at: at() };
    stage.execute::<Deal>(elsewhere, to_second).await;
    stage.execute::<Deal>(won, DealCommand::Reopen { pipeline: before, at: at() }).await;
    let at_stage = async |deal| Uuid::from(stage.read::<Deal>(deal).await.profile.stage_id);
    assert_eq!((at_stage(elsewhere).await, at_stage(won).await), (second, second));
    stage.work().await;
    stage.settled().await;
    for deal in [open, deleted, opened, elsewhere, won] {
        assert_eq!(Uuid::from(stage.read::<Deal>(deal).await.profile.stage_id), third);
    }
}

#[test]
fn what_names_nobody_is_passed_over() {
    let mut contact = ContactProfile::named(PersonName::new("Ana").unwrap());
    let created = |contact: &ContactProfile| ContactEvent::Created(Box::new(contact.clone()));
    assert!(!Policy::concerns(&FollowContacts::new(), &created(&contact)));
    contact.companies.insert(Uuid::from_u128(1).into(), Employment::default().into());
    assert!(Policy::concerns(&FollowContacts::new(), &created(&contact)));
    let below =
        |parent: Option<u128>| CompanyEvent::ParentChanged { parent_id: parent.map(|id| Uuid::from_u128(id).into()) };
    let free = AttributeValue::Text("free".to_owned());
    let [free, partner] = [free, AttributeValue::Record(RecordRef::contact(Uuid::from_u128(2)))]
        .map(|value| ContactEvent::AttributeSet { key: key(), value: value.into(), unique: false });
    assert!(!Policy::concerns(&FollowContacts::new(), &free) && Policy::concerns(&FollowContacts::new(), &partner));
    assert!(!Policy::concerns(&FollowCompanies::new(), &below(None)));
    assert!(Policy::concerns(&FollowCompanies::new(), &below(Some(1))));
}

#[test]
fn names_are_for_ever() {
    let names = [FollowContacts::NAME, FollowCompanies::NAME, FollowDeals::NAME, FollowActivities::NAME];
    assert_eq!(names, ["crm.follow_contacts", "crm.follow_companies", "crm.follow_deals", "crm.follow_activities"]);
    assert_eq!((FollowMembers::NAME, FollowStages::NAME), ("crm.follow_members", "crm.follow_stages"));
}
