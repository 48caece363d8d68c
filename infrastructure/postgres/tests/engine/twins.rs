//! Contacts that may be one person, of one tenant alone.

use fairlead_application::{
    Expected,
    crm::{Duplicates, Reason},
};
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactProfile, Employment, Schema},
    values::{Email, PersonName, PhoneNumber, Points},
};
use fairlead_postgres::ContactTwins;
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller},
};
use uuid::Uuid;

/// A contact with an address and a number, perhaps of a company.
fn person(name: &str, email: &str, phone: &str, company: Option<u128>) -> ContactCommand {
    let mut profile = ContactProfile::named(PersonName::new(name).unwrap());
    profile.emails = Points::one(Email::new(email).unwrap());
    profile.phones = Points::one(PhoneNumber::new(phone).unwrap());
    profile.companies =
        company.map(|n| (Uuid::from_u128(n).into(), Employment::default().into())).into_iter().collect();
    ContactCommand::Create(Box::new(profile), Schema::default())
}

#[tokio::test]
async fn twins_are_found_by_what_they_share_and_in_one_tenant_alone() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let (own, other) = (caller(), caller());
    let people = [
        ("Ana Maria Lima", "ana.lima@gmail.com", "+351211234567", Some(5)),
        ("A. Lima", "analima+news@googlemail.com", "+351210000001", None),
        ("Lima Maria Ana", "x@example.com", "+351210000002", None),
        ("Zoe", "zoe@example.com", "+34211234567", Some(5)),
        ("Ana Maria Limas", "y@example.com", "+351210000003", Some(5)),
        ("Bo", "bo@example.com", "+351210000004", Some(5)),
    ];
    let (mut ids, mut token) = (Vec::new(), None);
    for (name, email, phone, company) in people {
        let command = person(name, email, phone, company);
        let id = engine.app.fresh::<Uuid>();
        engine.app.execute::<Contact>(&other, engine.app.fresh(), Expected::New, command.clone()).await.unwrap();
        token = engine.app.execute::<Contact>(&own, id.into(), Expected::New, command).await.unwrap().token;
        ids.push(id);
    }
    let mut cx = (*own).clone();
    cx.read_after = token;
    let cx = cx.authorize::<fairlead_application::access::System>().unwrap();
    let duplicates = Duplicates::new(std::sync::Arc::new(ContactTwins::new(database.app())));
    let found = duplicates.of(&engine.app, &cx, ids[0]).await.unwrap();
    let reasons: Vec<_> = found.iter().map(|twin| (twin.contact.id, twin.reasons.clone())).collect();
    let similar =
        |reasons: &[Reason]| matches!(reasons, [Reason::SimilarName(alike), Reason::Company(_)] if *alike > 0.7);
    let company = || Reason::Company(Uuid::from_u128(5).into());
    let by_id = |id: Uuid| &reasons.iter().find(|(other, _)| *other == id).unwrap().1;
    assert_eq!(by_id(ids[1]), &[Reason::Email("analima@gmail.com".to_owned())]);
    assert_eq!(by_id(ids[2]), &[Reason::Name("ana lima maria".to_owned())]);
    assert_eq!(by_id(ids[3]), &[Reason::Phone("211234567".to_owned()), company()]);
    assert!(similar(by_id(ids[4])), "{:?}", found);
    assert_eq!((reasons.len(), reasons[0].0), (4, ids[1]), "a company alone is no reason; the likeliest first");
    assert!(found.iter().all(|twin| twin.contact.tenant == own.tenant()));
    assert!(duplicates.of(&engine.app, &cx, Uuid::from_u128(1)).await.unwrap().is_empty());
    engine.stop().await;
}
