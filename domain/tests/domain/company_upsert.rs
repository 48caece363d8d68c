//! What becomes known by its domain, or is changed by it.

use fairlead_domain::{
    crm::{
        Ancestry, Company, CompanyChange,
        CompanyCommand::{self, Change, Create, Delete, Tag, Upsert},
        CompanyEvent::*,
        CompanyUpsert, Schema,
    },
    kernel::{ErrorKind, Patch, testing::given},
};

use crate::{
    company::{created, domain, profile, title},
    samples::{id, key, label, many_tags, tags, value},
};

fn upsert(change: CompanyChange, labels: &[&str]) -> CompanyCommand {
    let tags = labels.iter().flat_map(|label| tags([*label])).collect();
    Upsert(Box::new(CompanyUpsert { by: domain("lima.example"), change, tags }))
}

fn wanted() -> CompanyChange {
    CompanyChange {
        name: Some(title("Lima")),
        industry: Patch::Set(Some(label("Shipping"))),
        parent_id: Patch::Set(Some(id(4))),
        ancestry: Ancestry::Sound,
        attributes: [(key("tier"), Some(value("gold"))), (key("size"), None)].into(),
        ..CompanyChange::default()
    }
}

#[test]
fn what_nobody_knows_becomes_known_and_has_the_domain() {
    let mut begun = profile();
    begun.domains = [domain("lima.example")].into();
    begun.industry = Some(label("Shipping"));
    begun.parent_id = Some(id(4));
    begun.tags = tags(["new"]);
    begun.attributes = [(key("tier"), value("gold"))].into();
    given::<Company>([])
        .when(upsert(wanted(), &["new"]))
        .then([Created(Box::new(begun.clone()))])
        .when(upsert(wanted(), &["new"]))
        .then_nothing();
    // Besides others that are named.
    let others = CompanyChange { domains: Some([domain("porto.example")].into()), ..wanted() };
    begun.domains.insert(domain("porto.example"));
    given::<Company>([]).when(upsert(others, &["new"])).then([Created(Box::new(begun))]);
    let nameless = CompanyChange { name: None, ..wanted() };
    assert_eq!(given::<Company>([]).when(upsert(nameless, &[])).refused("company.nameless"), ErrorKind::Invalid);
}

#[test]
fn what_is_known_is_changed_and_labelled() {
    let there = || given::<Company>([created(), Tagged { tags: tags(["old"]) }]);
    there().when(upsert(wanted(), &["new", "old"])).then([
        IndustryChanged { industry: Some(label("Shipping")) },
        ParentChanged { parent_id: Some(id(4)) },
        AttributeSet { key: key("tier"), value: value("gold"), unique: false },
        Tagged { tags: tags(["new"]) },
    ]);
    // It needs no name, and does not have to have the domain any more.
    there().when(upsert(CompanyChange::default(), &[])).then_nothing();
    given::<Company>([created(), Deleted {}]).when(upsert(wanted(), &[])).refused("company.deleted");
    given::<Company>([created(), Merged { into: id(9) }]).when(upsert(wanted(), &[])).refused("company.merged");
}

#[test]
fn what_is_refused_otherwise_is_refused_here() {
    let below = |ancestry| upsert(CompanyChange { ancestry, ..wanted() }, &[]);
    for (ancestry, code) in [
        (Ancestry::Unknown, "company.unknown_parent"),
        (Ancestry::Circular, "company.circular"),
        (Ancestry::TooDeep, "company.too_deep"),
    ] {
        given::<Company>([]).when(below(ancestry)).refused(code);
        given::<Company>([created()]).when(below(ancestry)).refused(code);
    }
    let many = (0..20).map(|n| domain(&format!("d{n}.example"))).collect();
    let full = CompanyChange { domains: Some(many), ..wanted() };
    given::<Company>([]).when(upsert(full, &[])).refused("company.too_many_domains");
    let labelled = CompanyUpsert { by: domain("lima.example"), change: wanted(), tags: many_tags(101) };
    given::<Company>([]).when(Upsert(Box::new(labelled.clone()))).refused("company.too_many_tags");
    given::<Company>([created()]).when(Upsert(Box::new(labelled))).refused("company.too_many_tags");
}

#[test]
fn a_command_tells_which_parent_it_names() {
    let parent = |mut command: CompanyCommand| command.parent().map(|(parent, _)| parent);
    let mut child = profile();
    assert_eq!(parent(Create(Box::new(child.clone()), Ancestry::Unknown, Schema::default())), None);
    child.parent_id = Some(id(4));
    let create = Create(Box::new(child), Ancestry::Unknown, Schema::default());
    for command in [create, Change(Box::new(wanted())), upsert(wanted(), &[])] {
        assert_eq!(parent(command), Some(id(4)));
    }
    let to_none = CompanyChange { parent_id: Patch::Set(None), ..wanted() };
    for command in [Change(Box::new(to_none)), Change(Box::default()), Tag(tags(["a"])), Delete] {
        assert_eq!(parent(command), None);
    }
}
