//! Two companies become one.

use fairlead_domain::{
    crm::{
        Absorption, Company, CompanyChange,
        CompanyCommand::{Absorb, Change, Delete, Merge, ReplaceParent, Restore, Tag},
        CompanyEvent::{Absorbed, Created, Deleted, Merged, ParentChanged},
        CompanyProfile, Kinship,
    },
    ids::CompanyId,
    kernel::{Aggregate, ErrorKind, Reference, testing::given},
    values::{LifecycleStage, Website},
};

use crate::{
    company::{created, domain, profile, title},
    samples::{address, id, key, label, many_tags, phone, tags, value},
};

const LOSER: u128 = 6;

fn full(n: u128) -> CompanyProfile {
    CompanyProfile {
        name: title(&format!("Company {n}")),
        domains: [domain(&format!("d{n}.example"))].into(),
        industry: Some(label(&format!("Industry {n}"))),
        employees: Some(u32::try_from(n).unwrap()),
        website: Some(Website::new(&format!("https://d{n}.example")).unwrap()),
        phone: Some(phone(&format!("+35121000000{n}"))),
        address: Some(address(&format!("City {n}"))),
        lifecycle_stage: Some(LifecycleStage::ALL[usize::try_from(n).unwrap()]),
        parent_id: Some(id(10 + n)),
        owner_id: Some(id(20 + n)),
        project_id: Some(id(30 + n)),
        tags: tags(["both", &format!("t{n}")]),
        attributes: [(key("both"), value(n.to_string())), (key(&format!("a{n}")), value(1))].into(),
        unique_attributes: [key(&format!("a{n}"))].into(),
    }
}

fn absorbs(profile: Option<CompanyProfile>, kinship: Kinship) -> fairlead_domain::crm::CompanyCommand {
    Absorb(Box::new(Absorption { company_id: id(LOSER), profile, kinship }))
}

fn absorbed(profile: CompanyProfile) -> fairlead_domain::crm::CompanyEvent {
    Absorbed { company_id: id(LOSER), profile: Box::new(profile) }
}

#[test]
fn who_has_nothing_takes_everything_over_but_the_name() {
    let loser = full(2);
    let winner = given::<Company>([created()]).when(absorbs(Some(loser.clone()), Kinship::Apart));
    winner.then([absorbed(CompanyProfile { name: profile().name, ..loser })]);
}

#[test]
fn who_has_all_keeps_it_and_takes_over_what_is_many() {
    let winner = given::<Company>([Created(Box::new(full(1)))]).when(absorbs(Some(full(2)), Kinship::Apart));
    let mut expected = full(1);
    expected.domains.insert(domain("d2.example"));
    expected.tags.extend(tags(["t2"]));
    expected.attributes.insert(key("a2"), value(1));
    expected.unique_attributes.insert(key("a2"));
    winner.then([absorbed(expected)]);
}

/// What belongs to the loser will belong to the winner: so it can't stand above it.
#[test]
fn nobody_comes_to_stand_above_themselves() {
    let loser = |parent_id: Option<CompanyId>| CompanyProfile { parent_id, ..profile() };
    let taken = |parent, kinship| absorbs(Some(loser(parent)), kinship);
    let below = || given::<Company>([Created(Box::new(loser(Some(id(7)))))]);
    // The loser stands below the winner, which is no child of it.
    given::<Company>([created()]).when(taken(Some(id(8)), Kinship::Below)).then([absorbed(profile())]);
    // The loser stands above the winner, which comes to its place.
    below().when(taken(Some(id(8)), Kinship::Above)).then([absorbed(loser(Some(id(8))))]);
    below().when(taken(None, Kinship::Above)).then([absorbed(loser(None))]);
}

#[test]
fn some_can_not_be_taken_in() {
    let winner = || given::<Company>([created()]);
    let kind = winner().when(absorbs(None, Kinship::Apart)).refused("company.unknown_loser");
    assert_eq!(kind, ErrorKind::Invalid);
    winner().when(absorbs(Some(profile()), Kinship::Same)).refused("company.merged_with_itself");
    winner().when(absorbs(Some(profile()), Kinship::Unclear)).refused("company.too_deep");
    winner().when(absorbs(Some(full(2)), Kinship::Merged)).then_nothing();
    given::<Company>([]).when(absorbs(Some(full(2)), Kinship::Apart)).refused("company.not_found");
    let deleted = given::<Company>([created(), Deleted {}]);
    deleted.when(absorbs(Some(full(2)), Kinship::Apart)).refused("company.deleted");
}

#[test]
fn the_limits_hold_for_what_is_taken_over() {
    let loaded = CompanyProfile { tags: many_tags(100), ..profile() };
    let winner = given::<Company>([Created(Box::new(loaded))]);
    winner.when(absorbs(Some(full(2)), Kinship::Apart)).refused("company.too_many_tags");
    let domains = (0..20).map(|n| domain(&format!("w{n}.example"))).collect();
    let winner = given::<Company>([Created(Box::new(CompanyProfile { domains, ..profile() }))]);
    winner.when(absorbs(Some(full(2)), Kinship::Apart)).refused("company.too_many_domains");
    let attributes = (0..100).map(|n| (key(&format!("w{n}")), value(n))).collect();
    let winner = given::<Company>([Created(Box::new(CompanyProfile { attributes, ..profile() }))]);
    winner.when(absorbs(Some(full(2)), Kinship::Apart)).refused("attribute.too_many");
}

#[test]
fn what_was_merged_refuses_everything_for_good() {
    let merged = || given::<Company>([created(), Merged { into: id(9) }]);
    given::<Company>([created()]).when(Merge { into: id(9) }).then([Merged { into: id(9) }]);
    merged().when(Merge { into: id(9) }).then_nothing();
    let change = Change(Box::<CompanyChange>::default());
    for command in [Merge { into: id(8) }, change, Tag(tags(["a"])), Delete, Restore, absorbs(None, Kinship::Apart)] {
        assert_eq!(merged().when(command).refused("company.merged"), ErrorKind::Conflict);
    }
    let state = merged().state();
    assert!(state.is_deleted() && !state.deleted);
    assert_eq!((state.successor(), state.profile), (Some(id(9)), profile()));
}

#[test]
fn what_belongs_to_the_loser_belongs_to_the_winner_then() {
    let below = |parent| Created(Box::new(CompanyProfile { parent_id: Some(id(parent)), ..profile() }));
    let replace = |by: Option<u128>| ReplaceParent { parent_id: id(2), by: by.map(id) };
    let moved = |by: Option<u128>| ParentChanged { parent_id: by.map(id) };
    given::<Company>([below(2)]).when(replace(Some(3))).then([moved(Some(3))]).when(replace(Some(3))).then_nothing();
    given::<Company>([below(2)]).when(replace(None)).then([moved(None)]);
    given::<Company>([below(2)]).when(replace(Some(2))).then_nothing();
    given::<Company>([below(4)]).when(replace(Some(3))).then_nothing();
    let deleted = given::<Company>([below(2), Deleted {}]).when(replace(Some(3))).then([moved(Some(3))]);
    assert_eq!(deleted.state().references(), [Reference::new("company", id::<CompanyId>(3))]);
    given::<Company>([below(2), Merged { into: id(9) }]).when(replace(Some(3))).then_nothing();
    given::<Company>([]).when(replace(Some(3))).refused("company.not_found");
}
