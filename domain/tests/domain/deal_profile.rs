//! What is known about a deal: attributes, labels, people and companies.

use chrono::NaiveDate;
use fairlead_domain::{
    crm::{
        Deal, DealChange,
        DealCommand::{
            self, Change, LinkCompanies, LinkContacts, ReplaceRecord, Tag, UnlinkCompanies, UnlinkContacts, Untag,
        },
        DealEvent::{self, *},
        DealProfile, Schema, Seen,
    },
    ids::{CompanyId, ContactId},
    kernel::{ErrorKind, Patch, testing::given},
    values::{Currency, Money, RecordRef},
};

use crate::{
    company::title,
    deal::{open, opened, profile, seen},
    samples::{id, ids, key, label, many_tags, tags, value},
};

fn euros(minor: i64) -> Money {
    Money::new(minor, Currency::new("EUR").unwrap()).unwrap()
}

fn change(change: DealChange) -> DealCommand {
    Change(Box::new(change))
}

fn closed() -> [DealEvent; 2] {
    [opened(), Won { reason: None, at: crate::samples::moment(5) }]
}

#[test]
fn a_change_is_an_event_for_each_thing_that_differs() {
    let day = NaiveDate::from_ymd_opt(2026, 12, 31);
    let everything = DealChange {
        schema: Schema::default(),
        name: Some(title("Other")),
        value: Patch::Set(Some(euros(0))),
        expected_close: Patch::Set(day),
        source: Patch::Set(Some(label("Fair"))),
        owner_id: Patch::Set(Some(id(1))),
        project_id: Patch::Set(Some(id(2))),
        attributes: [(key("term"), Some(value(12))), (key("none"), None)].into(),
    };
    let events = [
        Renamed { name: title("Other") },
        ValueChanged { value: Some(euros(0)) },
        ExpectedCloseChanged { expected_close: day },
        SourceChanged { source: Some(label("Fair")) },
        OwnerChanged { owner_id: Some(id(1)) },
        ProjectChanged { project_id: Some(id(2)) },
        AttributeSet { key: key("term"), value: value(12), unique: false },
    ];
    // What was won can be corrected, too.
    for history in [vec![opened()], closed().to_vec()] {
        let changed = given::<Deal>(history).when(change(everything.clone())).then(events.clone());
        changed.when(change(everything.clone())).then_nothing();
    }
    let nothing =
        || DealChange { value: Patch::Set(None), attributes: [(key("term"), None)].into(), ..DealChange::default() };
    given::<Deal>([opened()]).when(change(nothing())).then_nothing();
    let [_, value_changed, .., set] = events;
    let removed = [ValueChanged { value: None }, AttributeRemoved { key: key("term") }];
    given::<Deal>([opened(), value_changed, set]).when(change(nothing())).then(removed);
    let negative = DealChange { value: Patch::Set(Some(euros(-1))), ..DealChange::default() };
    let refused = given::<Deal>([opened()]).when(change(negative)).refused("deal.negative_value");
    assert_eq!(refused, ErrorKind::Invalid);
    let negative = DealProfile { value: Some(euros(-1)), ..profile() };
    given::<Deal>([]).when(open(negative, seen())).refused("deal.negative_value");
}

#[test]
fn labels_are_put_on_and_taken_off_once() {
    let put = Tagged { tags: tags(["vip"]) };
    given::<Deal>([opened()]).when(Tag(tags(["vip"]))).then([put.clone()]).when(Tag(tags(["vip"]))).then_nothing();
    given::<Deal>([opened(), put])
        .when(Untag(tags(["vip", "old"])))
        .then([Untagged { tags: tags(["vip"]) }])
        .when(Untag(tags(["vip"])))
        .then_nothing();
}

#[test]
fn people_are_named_who_were_seen() {
    let link = |ids: &[u128], seen: &[u128]| LinkContacts {
        contact_ids: ids.iter().copied().map(id).collect(),
        seen: seen.iter().copied().map(id).collect(),
    };
    let linked = || ContactsLinked { contact_ids: [id(1), id(2)].into() };
    let living = || given::<Deal>([opened()]);
    living().when(link(&[1, 2], &[1, 2])).then([linked()]).when(link(&[1], &[])).then_nothing();
    assert_eq!(living().when(link(&[1, 2], &[1])).refused("deal.unknown_contact"), ErrorKind::Invalid);
    given::<Deal>([opened(), linked()])
        .when(UnlinkContacts([id(1), id(9)].into()))
        .then([ContactsUnlinked { contact_ids: [id(1)].into() }])
        .when(UnlinkContacts([id(1)].into()))
        .then_nothing();
    let full = ContactsLinked { contact_ids: ids(50) };
    given::<Deal>([opened(), full]).when(link(&[51], &[51])).refused("deal.too_many_contacts");
    let with = |contact_ids| DealProfile { contact_ids, ..profile() };
    given::<Deal>([]).when(open(with(ids(1)), seen())).refused("deal.unknown_contact");
    let all = Seen { contacts: ids(51), ..seen() };
    given::<Deal>([]).when(open(with(ids(51)), all.clone())).refused("deal.too_many_contacts");
    given::<Deal>([]).when(open(with(ids(50)), all)).then([Opened(Box::new(with(ids(50))))]);
}

#[test]
fn companies_are_named_that_were_seen() {
    let link = |ids: &[u128], seen: &[u128]| LinkCompanies {
        company_ids: ids.iter().copied().map(id).collect(),
        seen: seen.iter().copied().map(id).collect(),
    };
    let linked = || CompaniesLinked { company_ids: [id(1), id(2)].into() };
    let living = || given::<Deal>([opened()]);
    living().when(link(&[1, 2], &[1, 2])).then([linked()]).when(link(&[1], &[])).then_nothing();
    assert_eq!(living().when(link(&[1, 2], &[1])).refused("deal.unknown_company"), ErrorKind::Invalid);
    given::<Deal>([opened(), linked()])
        .when(UnlinkCompanies([id(1), id(9)].into()))
        .then([CompaniesUnlinked { company_ids: [id(1)].into() }])
        .when(UnlinkCompanies([id(1)].into()))
        .then_nothing();
    let full = CompaniesLinked { company_ids: ids(20) };
    given::<Deal>([opened(), full]).when(link(&[21], &[21])).refused("deal.too_many_companies");
    let with = |company_ids| DealProfile { company_ids, ..profile() };
    given::<Deal>([]).when(open(with(ids(1)), seen())).refused("deal.unknown_company");
    let all = Seen { companies: ids(21), ..seen() };
    given::<Deal>([]).when(open(with(ids(21)), all)).refused("deal.too_many_companies");
}

#[test]
fn a_company_that_was_taken_in_is_replaced() {
    let named = |ids: &[u128]| CompaniesLinked { company_ids: ids.iter().copied().map(id).collect() };
    let replace =
        |company: u128, by: u128| ReplaceRecord { record: RecordRef::company(id::<CompanyId>(company)), by: id(by) };
    let unlinked = || CompaniesUnlinked { company_ids: [id(1)].into() };
    let with_one = || given::<Deal>([opened(), named(&[1])]);
    with_one().when(replace(1, 2)).then([unlinked(), named(&[2])]).when(replace(1, 2)).then_nothing();
    with_one().when(replace(2, 3)).then_nothing();
    with_one().when(replace(1, 1)).then_nothing();
    given::<Deal>([opened(), named(&[1, 2])]).when(replace(1, 2)).then([unlinked()]);
    let [opened, won] = closed();
    given::<Deal>([opened, named(&[1]), won]).when(replace(1, 2)).then([unlinked(), named(&[2])]);
}

#[test]
fn a_contact_that_was_taken_in_is_replaced() {
    let named = |ids: &[u128]| ContactsLinked { contact_ids: ids.iter().copied().map(id).collect() };
    let replace =
        |contact: u128, by: u128| ReplaceRecord { record: RecordRef::contact(id::<ContactId>(contact)), by: id(by) };
    let unlinked = || ContactsUnlinked { contact_ids: [id(1)].into() };
    let with_one = || given::<Deal>([opened(), named(&[1])]);
    with_one().when(replace(1, 2)).then([unlinked(), named(&[2])]).when(replace(1, 2)).then_nothing();
    with_one().when(replace(2, 3)).then_nothing();
    with_one().when(replace(1, 1)).then_nothing();
    given::<Deal>([opened(), named(&[1, 2])]).when(replace(1, 2)).then([unlinked()]);
    let [opened, won] = closed();
    given::<Deal>([opened.clone(), named(&[1]), won]).when(replace(1, 2)).then([unlinked(), named(&[2])]);
    // What is deleted may be restored.
    given::<Deal>([opened, named(&[1]), DealEvent::Deleted {}]).when(replace(1, 2)).then([unlinked(), named(&[2])]);
    given::<Deal>([]).when(replace(1, 2)).refused("deal.not_found");
}

#[test]
fn there_is_a_limit_to_labels_and_attributes() {
    let full = DealProfile {
        tags: many_tags(100),
        attributes: (0..100).map(|n| (key(&format!("a{n}")), value(n))).collect(),
        ..profile()
    };
    let given_full = || given::<Deal>([Opened(Box::new(full.clone()))]);
    given_full().when(Tag(tags(["more"]))).refused("deal.too_many_tags");
    let set = |name: &str| (key(name), Some(value(1)));
    let more = DealChange { attributes: [set("more")].into(), ..DealChange::default() };
    given_full().when(change(more)).refused("attribute.too_many");
    let exchanged = DealChange { attributes: [set("more"), (key("a0"), None)].into(), ..DealChange::default() };
    let events =
        [AttributeRemoved { key: key("a0") }, AttributeSet { key: key("more"), value: value(1), unique: false }];
    given_full().when(change(exchanged)).then(events);
    let mut beyond = [full.clone(), full];
    beyond[0].tags.extend(tags(["more"]));
    beyond[1].attributes.insert(key("more"), value(1));
    for (profile, code) in beyond.into_iter().zip(["deal.too_many_tags", "attribute.too_many"]) {
        given::<Deal>([]).when(open(profile, seen())).refused(code);
    }
}
