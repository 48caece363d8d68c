//! A company's commands, one by one, in every state. Merging has a file of its own.

use fairlead_domain::{
    crm::{
        Ancestry, Company, CompanyChange,
        CompanyCommand::{self, Change, Create, Delete, Merge, Restore, Tag, Untag},
        CompanyError,
        CompanyEvent::{self, *},
        CompanyProfile, Schema,
    },
    ids::CompanyId,
    kernel::{Aggregate, ErrorKind, Patch, UniqueKey, testing::given},
    values::{DomainName, LifecycleStage, Title, Website},
};

use crate::samples::{address, id, key, label, many_tags, phone, tags, value};

pub(crate) fn title(text: &str) -> Title {
    Title::new(text).unwrap()
}

pub(crate) fn domain(text: &str) -> DomainName {
    DomainName::new(text).unwrap()
}

pub(crate) fn profile() -> CompanyProfile {
    CompanyProfile::named(title("Lima"))
}

pub(crate) fn created() -> CompanyEvent {
    Created(Box::new(profile()))
}

/// In the order of their numbers.
fn many_domains(count: usize) -> impl Iterator<Item = DomainName> {
    (0..count).map(|n| domain(&format!("d{n}.example")))
}

fn create(profile: CompanyProfile) -> CompanyCommand {
    Create(Box::new(profile), Ancestry::Unknown, Schema::default())
}

fn change(change: CompanyChange) -> CompanyCommand {
    Change(Box::new(change))
}

fn rename() -> CompanyCommand {
    change(CompanyChange { name: Some(title("Porto")), ..CompanyChange::default() })
}

fn below(parent: CompanyId, ancestry: Ancestry) -> CompanyCommand {
    change(CompanyChange { parent_id: Patch::Set(Some(parent)), ancestry, ..CompanyChange::default() })
}

#[test]
fn only_creating_begins_one() {
    let company = given::<Company>([]).when(create(profile())).then([created()]).state();
    assert_eq!(company, Company { profile: profile(), deleted: false, merged_into: None });
    let merge = Merge { into: id(9) };
    for command in [rename(), Tag(tags(["a"])), Untag(tags(["a"])), merge, Delete, Restore] {
        assert_eq!(given::<Company>([]).when(command).refused("company.not_found"), ErrorKind::NotFound);
    }
    for event in [Renamed { name: title("Porto") }, Deleted {}, Restored {}, Merged { into: id(9) }] {
        assert_eq!(Company::init(&event), None);
    }
}

#[test]
fn a_change_is_an_event_for_each_thing_that_differs() {
    let website = Website::new("https://lima.example").unwrap();
    let everything = CompanyChange {
        schema: Schema::default(),
        name: Some(title("Porto")),
        domains: Some([domain("lima.example")].into()),
        industry: Patch::Set(Some(label("Shipping"))),
        employees: Patch::Set(Some(0)),
        website: Patch::Set(Some(website.clone())),
        phone: Patch::Set(Some(phone("+351211234567"))),
        address: Patch::Set(Some(address("Lisboa"))),
        lifecycle_stage: Patch::Set(Some(LifecycleStage::Lead)),
        parent_id: Patch::Set(Some(id(4))),
        ancestry: Ancestry::Sound,
        owner_id: Patch::Set(Some(id(1))),
        project_id: Patch::Set(Some(id(2))),
        attributes: [(key("tier"), Some(value("gold"))), (key("size"), None)].into(),
    };
    given::<Company>([created()])
        .when(change(everything.clone()))
        .then([
            Renamed { name: title("Porto") },
            DomainsChanged { domains: [domain("lima.example")].into() },
            IndustryChanged { industry: Some(label("Shipping")) },
            EmployeesChanged { employees: Some(0) },
            WebsiteChanged { website: Some(website) },
            PhoneChanged { phone: Some(phone("+351211234567")) },
            AddressChanged { address: Some(address("Lisboa")) },
            LifecycleStageChanged { lifecycle_stage: Some(LifecycleStage::Lead) },
            ParentChanged { parent_id: Some(id(4)) },
            OwnerChanged { owner_id: Some(id(1)) },
            ProjectChanged { project_id: Some(id(2)) },
            AttributeSet { key: key("tier"), value: value("gold"), unique: false },
        ])
        .when(change(everything))
        .then_nothing();
    let nothing = CompanyChange {
        website: Patch::Set(None),
        parent_id: Patch::Set(None),
        attributes: [(key("tier"), None)].into(),
        ..CompanyChange::default()
    };
    given::<Company>([created()]).when(change(nothing.clone())).then_nothing();
    let set = AttributeSet { key: key("tier"), value: value("gold"), unique: false };
    let parent = ParentChanged { parent_id: Some(id(4)) };
    given::<Company>([created(), set, parent])
        .when(change(nothing))
        .then([ParentChanged { parent_id: None }, AttributeRemoved { key: key("tier") }]);
}

#[test]
fn labels_are_put_on_and_taken_off_once() {
    given::<Company>([created()])
        .when(Tag(tags(["vip", "new"])))
        .then([Tagged { tags: tags(["vip", "new"]) }])
        .when(Tag(tags(["vip"])))
        .then_nothing();
    given::<Company>([created(), Tagged { tags: tags(["vip"]) }])
        .when(Untag(tags(["vip", "old"])))
        .then([Untagged { tags: tags(["vip"]) }])
        .when(Untag(tags(["vip"])))
        .then_nothing();
}

#[test]
fn a_parent_is_there_and_not_below_its_child() {
    let living = || given::<Company>([created()]);
    let kinds = [
        (Ancestry::Unknown, "company.unknown_parent", ErrorKind::Invalid),
        (Ancestry::Circular, "company.circular", ErrorKind::Conflict),
        (Ancestry::TooDeep, "company.too_deep", ErrorKind::Invalid),
    ];
    for (ancestry, code, kind) in kinds {
        assert_eq!(living().when(below(id(4), ancestry)).refused(code), kind);
        let mut child = profile();
        child.parent_id = Some(id(4));
        assert_eq!(given::<Company>([]).when(Create(Box::new(child), ancestry, Schema::default())).refused(code), kind);
    }
    let parent = || ParentChanged { parent_id: Some(id(4)) };
    living().when(below(id(4), Ancestry::Sound)).then([parent()]);
    // It is so already, whatever has become of the parent.
    given::<Company>([created(), parent()]).when(below(id(4), Ancestry::Unknown)).then_nothing();
    let mut child = profile();
    child.parent_id = Some(id(4));
    let begun = given::<Company>([]).when(Create(Box::new(child.clone()), Ancestry::Sound, Schema::default()));
    begun.then([Created(Box::new(child))]);
}

#[test]
fn there_is_a_limit_to_everything() {
    let full = CompanyProfile {
        domains: many_domains(20).collect(),
        tags: many_tags(100),
        attributes: (0..100).map(|n| (key(&format!("a{n}")), value(n))).collect(),
        ..profile()
    };
    let one_more = domain("more.example");
    let given_full = || given::<Company>([Created(Box::new(full.clone()))]);
    let domains = full.domains.iter().cloned().chain([one_more.clone()]).collect();
    let more = change(CompanyChange { domains: Some(domains), ..CompanyChange::default() });
    assert_eq!(given_full().when(more).refused("company.too_many_domains"), ErrorKind::Invalid);
    given_full().when(Tag(tags(["more"]))).refused("company.too_many_tags");
    let set = |name: &str| (key(name), Some(value(1)));
    let more = CompanyChange { attributes: [set("more")].into(), ..CompanyChange::default() };
    given_full().when(change(more)).refused("attribute.too_many");
    let exchanged = CompanyChange { attributes: [set("more"), (key("a0"), None)].into(), ..CompanyChange::default() };
    given_full()
        .when(change(exchanged))
        .then([AttributeRemoved { key: key("a0") }, AttributeSet { key: key("more"), value: value(1), unique: false }]);
    let mut beyond = [full.clone(), full.clone(), full];
    beyond[0].domains.insert(one_more);
    beyond[1].tags.extend(tags(["more"]));
    beyond[2].attributes.insert(key("more"), value(1));
    let codes = ["company.too_many_domains", "company.too_many_tags", "attribute.too_many"];
    for (profile, code) in beyond.into_iter().zip(codes) {
        given::<Company>([]).when(create(profile)).refused(code);
    }
}

#[test]
fn a_deleted_one_can_only_be_restored() {
    let living = || given::<Company>([created()]);
    living().when(create(profile())).refused("company.already_exists");
    living().when(Restore).then_nothing();
    living().when(Delete).then([Deleted {}]).when(Delete).then_nothing();
    let deleted = || given::<Company>([created(), Deleted {}]);
    let merge = Merge { into: id(9) };
    for command in [rename(), Tag(tags(["a"])), Untag(tags(["a"])), merge] {
        assert_eq!(deleted().when(command).refused("company.deleted"), ErrorKind::Conflict);
    }
    deleted().when(create(profile())).refused("company.already_exists");
    deleted().when(Restore).then([Restored {}]).when(Restore).then_nothing();
}

#[test]
fn its_domains_are_reserved_while_it_lives() {
    let domains = DomainsChanged { domains: [domain("Lima.Example"), domain("bücher.example")].into() };
    let company = given::<Company>([created(), domains]).state();
    let reserved = ["lima.example", "xn--bcher-kva.example"].map(|name| UniqueKey::new("company.domain", name));
    assert_eq!(company.keys(), reserved);
    assert!(!company.is_deleted() && company.successor().is_none());
    assert!(given::<Company>([created(), Deleted {}]).state().is_deleted());
}

#[test]
fn a_refusal_names_what_stands_in_its_place() {
    let told = CompanyError::Merged { into: id(9) }.to_string();
    assert!(told.contains("00000000-0000-0000-0000-000000000009"), "{told}");
}
