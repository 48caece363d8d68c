//! What a contact has besides its name: several addresses, companies, consents, names elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_domain::{
    crm::{
        Channel, Consent, ConsentStatus, Contact, ContactChange,
        ContactCommand::{self, LinkCompany, ReplaceRecord, UnlinkCompany, Upsert},
        ContactEvent::{
            self, BirthdayChanged, CompanyLinked, CompanyUnlinked, ConsentChanged, Created, EmailChanged,
            ExternalIdsChanged, HandleChanged, JobTitleChanged, LanguageChanged, LifecycleStageChanged, SourceChanged,
            TimeZoneChanged,
        },
        ContactKey, ContactProfile, ContactUpsert, Employment, PointsChange,
    },
    ids::CompanyId,
    kernel::{Aggregate, ErrorKind, Patch, Reference, UniqueKey, testing::given},
    values::{Email, ExternalId, Handle, Language, LifecycleStage, Point, Points, RecordRef, SystemName, TimeZone},
};
use serde_json::json;

use crate::samples::{after, change, created, created_complete, email, id, label, moment, name, named, tagged, tags};

fn point(text: &str, primary: bool) -> Point<Email> {
    Point { value: email(text), label: None, primary }
}

fn points(points: impl IntoIterator<Item = Point<Email>>) -> Points<Email> {
    Points::new(points.into_iter().collect()).unwrap()
}

fn external_id(id: &str) -> ExternalId {
    ExternalId { source: SystemName::new("shop").unwrap(), id: Handle::new(id).unwrap() }
}

fn consent(seconds: i64) -> Consent {
    Consent { status: ConsentStatus::Granted, at: moment(seconds) }
}

// Several addresses

#[test]
fn the_primary_address_stands_first_and_is_the_first_where_none_is_named() {
    let all = points([point("a@example.com", false), point("b@example.com", true), point("c@example.com", false)]);
    let texts = |points: &Points<Email>| points.values().map(|email| email.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(texts(&all), ["b@example.com", "a@example.com", "c@example.com"]);
    let none = points([point("a@example.com", false), point("b@example.com", false)]);
    assert_eq!(none.iter().map(|point| point.primary).collect::<Vec<_>>(), [true, false]);
    assert_eq!(points([]).primary(), None);
}

#[test]
fn addresses_are_there_once_with_one_primary_and_not_without_end() {
    let refused = |points| Points::new(points).unwrap_err().code;
    assert_eq!(refused(vec![point("a@example.com", false), point("a@example.com", true)]), "points.repeated");
    assert_eq!(refused(vec![point("a@example.com", true), point("b@example.com", true)]), "points.two_primary");
    let many = |count| (0..count).map(|n| point(&format!("a{n}@example.com"), false)).collect::<Vec<_>>();
    assert!(Points::new(many(20)).is_ok());
    assert_eq!(refused(many(21)), "points.too_many");
}

#[test]
fn another_primary_address_leaves_the_others() {
    let set = |emails| change(ContactChange { emails, ..ContactChange::default() });
    let three = points([point("a@example.com", true), point("b@example.com", false), point("c@example.com", false)]);
    let history = || given::<Contact>([created(), EmailChanged { emails: three.clone() }]);
    let new = points([point("d@example.com", true), point("b@example.com", false), point("c@example.com", false)]);
    history().when(set(PointsChange::Primary(Some(email("d@example.com"))))).then([EmailChanged { emails: new }]);
    // One of the others becomes the primary one, and none is lost.
    let moved = points([point("c@example.com", true), point("a@example.com", false), point("b@example.com", false)]);
    history().when(set(PointsChange::Primary(Some(email("c@example.com"))))).then([EmailChanged { emails: moved }]);
    history().when(set(PointsChange::Primary(None))).refused("points.several");
    let one = Points::one(email("b@example.com"));
    history().when(set(PointsChange::All(one.clone()))).then([EmailChanged { emails: one }]);
    history().when(set(PointsChange::All(three.clone()))).then_nothing();
    let full = points((0..20).map(|n| point(&format!("a{n}@example.com"), false)));
    let emails = PointsChange::Primary(Some(email("new@example.com")));
    let replaced: Contact = after([created(), EmailChanged { emails: full }], set(emails));
    assert_eq!(replaced.profile.emails.values().count(), 20);
}

#[test]
fn every_address_and_external_id_is_reserved_once() {
    let all = points([point("A@example.com", true), point("a@example.com", false), point("b@example.com", false)]);
    let mut profile = ContactProfile { emails: all, ..named() };
    profile.external_ids = [external_id("X:1")].into();
    let keys = given::<Contact>([Created(Box::new(profile))]).state().keys();
    let email = |text| UniqueKey::new("contact.email", text);
    let expected = [email("a@example.com"), email("b@example.com"), UniqueKey::new("contact.external_id", "shop:X:1")];
    assert_eq!(keys, expected);
}

// What else is known

#[test]
fn each_further_thing_that_differs_is_one_event() {
    let keep = ContactChange::default;
    let network = SystemName::new("mastodon").unwrap();
    let handle = Handle::new("@ana").unwrap();
    let language = Language::new("pt-br").unwrap();
    let zone = TimeZone::new("Europe/Lisbon").unwrap();
    let day = "1990-04-25".parse().unwrap();
    let ids = BTreeSet::from([external_id("1")]);
    let cases: [(ContactChange, ContactEvent, ContactChange, ContactEvent); 8] = [
        (
            ContactChange { job_title: Patch::Set(Some(label("CTO"))), ..keep() },
            JobTitleChanged { job_title: Some(label("CTO").into()) },
            ContactChange { job_title: Patch::Set(None), ..keep() },
            JobTitleChanged { job_title: None },
        ),
        (
            ContactChange { birthday: Patch::Set(Some(day)), ..keep() },
            BirthdayChanged { birthday: Some(day.into()) },
            ContactChange { birthday: Patch::Set(None), ..keep() },
            BirthdayChanged { birthday: None },
        ),
        (
            ContactChange { language: Patch::Set(Some(language.clone())), ..keep() },
            LanguageChanged { language: Some(language.into()) },
            ContactChange { language: Patch::Set(None), ..keep() },
            LanguageChanged { language: None },
        ),
        (
            ContactChange { time_zone: Patch::Set(Some(zone.clone())), ..keep() },
            TimeZoneChanged { time_zone: Some(zone.into()) },
            ContactChange { time_zone: Patch::Set(None), ..keep() },
            TimeZoneChanged { time_zone: None },
        ),
        (
            ContactChange { lifecycle_stage: Patch::Set(Some(LifecycleStage::Lead)), ..keep() },
            LifecycleStageChanged { lifecycle_stage: Some(LifecycleStage::Lead) },
            ContactChange { lifecycle_stage: Patch::Set(None), ..keep() },
            LifecycleStageChanged { lifecycle_stage: None },
        ),
        (
            ContactChange { source: Patch::Set(Some(label("fair"))), ..keep() },
            SourceChanged { source: Some(label("fair")) },
            ContactChange { source: Patch::Set(None), ..keep() },
            SourceChanged { source: None },
        ),
        (
            ContactChange { handles: [(network.clone(), Some(handle.clone()))].into(), ..keep() },
            HandleChanged { network: network.clone(), handle: Some(handle.into()) },
            ContactChange { handles: [(network.clone(), None)].into(), ..keep() },
            HandleChanged { network, handle: None },
        ),
        (
            ContactChange { consents: [(Channel::Email, Some(consent(1)))].into(), ..keep() },
            ConsentChanged { channel: Channel::Email, consent: Some(consent(1)) },
            ContactChange { consents: [(Channel::Email, None)].into(), ..keep() },
            ConsentChanged { channel: Channel::Email, consent: None },
        ),
    ];
    for (set, event, unset, undone) in cases {
        given::<Contact>([created()]).when(change(unset.clone())).then_nothing();
        let after = given::<Contact>([created()]).when(change(set.clone())).then([event.clone()]);
        after.when(change(set)).then_nothing();
        let before = given::<Contact>([created()]).state();
        let back = given::<Contact>([created(), event]).when(change(unset)).then([undone]).state();
        assert_eq!(back, before);
    }
    let said = ConsentChanged { channel: Channel::Email, consent: Some(consent(1)) };
    let again = ContactChange { consents: [(Channel::Email, Some(consent(2)))].into(), ..keep() };
    given::<Contact>([created(), said]).when(change(again)).then_nothing();
    let wanted = ContactChange { external_ids: Some(ids.clone()), ..keep() };
    let after = given::<Contact>([created()]).when(change(wanted.clone()));
    after.then([ExternalIdsChanged { external_ids: ids }]).when(change(wanted)).then_nothing();
}

fn link(company: u128, employment: Employment) -> ContactCommand {
    LinkCompany { company_id: id(company), employment, seen: true }
}

#[test]
fn a_contact_belongs_to_companies_that_are_there() {
    let unseen = || LinkCompany { company_id: id(5), employment: Employment::default(), seen: false };
    let kind = given::<Contact>([created()]).when(unseen()).refused("contact.unknown_company");
    assert_eq!(kind, ErrorKind::Invalid);
    // Of one that was there, everything can still be said.
    let former = Employment { until: Some("2025-03-31".parse().unwrap()), ..Employment::default() };
    let linked = |employment: Employment| CompanyLinked { company_id: id(5), employment: employment.into() };
    given::<Contact>([created(), linked(former)]).when(unseen()).then([linked(Employment::default())]);
}

#[test]
fn a_company_that_was_taken_in_is_replaced() {
    let role = |role: &str| Employment { role: Some(label(role)), ..Employment::default() };
    let linked =
        |company, employment: Employment| CompanyLinked { company_id: id(company), employment: employment.into() };
    let unlinked = || CompanyUnlinked { company_id: id(5) };
    let replace = |company, by| ReplaceRecord { record: RecordRef::company(id::<CompanyId>(company)), by: id(by) };
    let engineer = || given::<Contact>([created(), linked(5, role("Engineer"))]);
    let after = engineer().when(replace(5, 6)).then([unlinked(), linked(6, role("Engineer"))]);
    after.when(replace(5, 6)).then_nothing();
    engineer().when(replace(5, 5)).then_nothing();
    engineer().when(replace(6, 7)).then_nothing();
    // What is known of the other company stays.
    let both = given::<Contact>([created(), linked(5, role("Engineer")), linked(6, role("Director"))]);
    let state = both.when(replace(5, 6)).then([unlinked()]).state();
    assert_eq!(state.profile.companies, BTreeMap::from([(id(6), role("Director").into())]));
    assert_eq!(state.references(), [Reference::new("company", id::<CompanyId>(6))]);
    // Of what may be restored, but of nothing else that is gone.
    let gone = |event| given::<Contact>([created(), linked(5, role("Engineer")), event]);
    gone(ContactEvent::Deleted {}).when(replace(5, 6)).then([unlinked(), linked(6, role("Engineer"))]);
    gone(ContactEvent::Merged { into: id(9) }).when(replace(5, 6)).then_nothing();
    gone(ContactEvent::Erased {}).when(replace(5, 6)).then_nothing();
    given::<Contact>([]).when(replace(5, 6)).refused("contact.not_found");
}

#[test]
fn a_contact_belongs_to_companies_in_some_way() {
    let engineer =
        || Employment { role: Some(label("Engineer")), since: Some("2020-03-01".parse().unwrap()), until: None };
    let linked = |employment: Employment| CompanyLinked { company_id: id(5), employment: employment.into() };
    let contact = || given::<Contact>([created(), linked(engineer())]);
    given::<Contact>([created()]).when(link(5, engineer())).then([linked(engineer())]);
    contact().when(link(5, engineer())).then_nothing();
    contact().when(link(5, Employment::default())).then([linked(Employment::default())]);
    let without = contact().when(UnlinkCompany(id(5))).then([CompanyUnlinked { company_id: id(5) }]);
    without.when(UnlinkCompany(id(5))).then_nothing();
    let history = |count: u128| {
        let companies = (0..count).map(|n| (id(n), Employment::default().into())).collect();
        given::<Contact>([Created(Box::new(ContactProfile { companies, ..named() }))])
    };
    history(50).when(link(49, engineer())).then([CompanyLinked { company_id: id(49), employment: engineer().into() }]);
    assert_eq!(history(50).when(link(50, engineer())).refused("contact.too_many_companies"), ErrorKind::Invalid);
}

#[test]
fn there_is_a_limit_to_what_is_known_elsewhere() {
    let handles = |count: usize| {
        let network = |n| SystemName::new(&format!("n{n}")).unwrap();
        (0..count).map(|n| (network(n), Some(Handle::new("ana").unwrap()))).collect::<BTreeMap<_, _>>()
    };
    let ids = |count: usize| (0..count).map(|n| external_id(&n.to_string())).collect::<BTreeSet<_>>();
    let set = |handles, external_ids| change(ContactChange { handles, external_ids, ..ContactChange::default() });
    let full: Contact = after([created()], set(handles(50), Some(ids(50))));
    assert_eq!(full.profile.handles.len(), 50);
    given::<Contact>([created()]).when(set(handles(51), None)).refused("contact.too_many_handles");
    given::<Contact>([created()]).when(set(handles(0), Some(ids(51)))).refused("contact.too_many_external_ids");
}

// Making known or changing

#[test]
fn an_upsert_makes_known_whom_nobody_knows_and_changes_whom_somebody_knows() {
    let wanted = ContactChange {
        name: Some(name("Ana")),
        emails: PointsChange::Primary(Some(email("ana@example.com"))),
        source: Patch::Set(Some(label("fair"))),
        ..ContactChange::default()
    };
    let upsert = |by: ContactKey| Upsert(Box::new(ContactUpsert { by, change: wanted.clone(), tags: tags(["new"]) }));
    let by_email = || ContactKey::Email(email("ANA@example.com"));
    let mut profile = named();
    profile.emails = Points::one(email("ana@example.com"));
    profile.source = Some(label("fair"));
    profile.tags = tags(["new"]);
    given::<Contact>([])
        .when(upsert(by_email()))
        .then([Created(Box::new(profile.clone()))])
        .when(upsert(by_email()))
        .then_nothing();
    given::<Contact>([created_complete()]).when(upsert(by_email())).then([
        EmailChanged { emails: Points::one(email("ana@example.com")) },
        SourceChanged { source: Some(label("fair")) },
        tagged("new"),
    ]);
    // Who becomes known by a key has it.
    profile.external_ids = [external_id("1")].into();
    given::<Contact>([]).when(upsert(ContactKey::ExternalId(external_id("1")))).then([Created(Box::new(profile))]);
    let nameless = || {
        let change = ContactChange::default();
        Upsert(Box::new(ContactUpsert { by: by_email(), change, tags: tags([]) }))
    };
    assert_eq!(given::<Contact>([]).when(nameless()).refused("contact.nameless"), ErrorKind::Invalid);
    given::<Contact>([created_complete()]).when(nameless()).then_nothing();
}

// Events of older versions

#[test]
fn what_was_one_reads_as_one_of_several() {
    let read = |event_type: &str, data| {
        assert_eq!(Contact::schema_version(event_type), 2);
        let lifted = json!({ "type": event_type, "data": Contact::upcast(event_type, 1, data) });
        serde_json::from_value::<ContactEvent>(lifted).unwrap()
    };
    let created = json!({ "name": "Ana", "email": "ana@example.com", "address": { "city": "Lisboa" } });
    let Created(profile) = read("contact.created", created) else { panic!("a creation") };
    assert_eq!(profile.emails, Points::one(email("ana@example.com")));
    assert_eq!((profile.phones, profile.addresses.values().count()), (Points::default(), 1));
    let changed = read("contact.email_changed", json!({ "email": "ana@example.com" }));
    assert_eq!(changed, EmailChanged { emails: Points::one(email("ana@example.com")) });
    for gone in [json!({ "email": null }), json!({ "email": { "erased": true } })] {
        assert_eq!(read("contact.email_changed", gone), EmailChanged { emails: Points::default() });
    }
    let erased = json!({ "name": { "erased": true }, "phone": { "erased": true } });
    let Created(profile) = read("contact.created", erased) else { panic!("a creation") };
    assert!(profile.phones.is_empty() && profile.name.known().is_none());
}
