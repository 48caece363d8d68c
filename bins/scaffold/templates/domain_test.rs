//! @A @noun's commands, one by one, in every state.

use fairlead_domain::{
    @context::{
        Specimen, SpecimenChange,
        SpecimenCommand::{self, Change, Create, Delete, Restore},
        SpecimenEvent::{self, Created, Deleted, Described, OwnerChanged, ProjectChanged, Renamed, Restored},
        SpecimenProfile,
    },
    kernel::{Aggregate, ErrorKind, Patch, UniqueKey, testing::given},
    values::Description,
};
use uuid::Uuid;

use crate::samples::label;

fn profile() -> SpecimenProfile {
    SpecimenProfile { name: label("First"), description: None, owner_id: None, project_id: None }
}

fn created() -> SpecimenEvent {
    Created(profile())
}

fn rename(text: &str) -> SpecimenCommand {
    Change(SpecimenChange { name: Some(label(text)), ..SpecimenChange::default() })
}

#[test]
fn only_creating_begins_one() {
    let specimen = given::<Specimen>([]).when(Create(profile())).then([created()]).state();
    assert_eq!(specimen, Specimen { profile: profile(), deleted: false });
    for command in [rename("Second"), Delete, Restore] {
        assert_eq!(given::<Specimen>([]).when(command).refused("specimen.not_found"), ErrorKind::NotFound);
    }
    for event in [Renamed { name: label("Second") }, Deleted {}, Restored {}] {
        assert_eq!(Specimen::init(&event), None);
    }
}

#[test]
fn a_change_is_an_event_for_each_thing_that_differs() {
    let (description, owner) = (Description::new("Why").unwrap(), Uuid::from_u128(1).into());
    let project = Uuid::from_u128(2).into();
    let everything = SpecimenChange {
        name: Some(label("Second")),
        description: Patch::Set(Some(description.clone())),
        owner_id: Patch::Set(Some(owner)),
        project_id: Patch::Set(Some(project)),
    };
    given::<Specimen>([created()])
        .when(Change(everything.clone()))
        .then([
            Renamed { name: label("Second") },
            Described { description: Some(description) },
            OwnerChanged { owner_id: Some(owner) },
            ProjectChanged { project_id: Some(project) },
        ])
        .when(Change(everything))
        .then_nothing();
    let nothing = SpecimenChange { description: Patch::Set(None), ..SpecimenChange::default() };
    given::<Specimen>([created()]).when(Change(nothing)).then_nothing();
}

#[test]
fn a_deleted_one_can_only_be_restored() {
    let living = || given::<Specimen>([created()]);
    living().when(Create(profile())).refused("specimen.already_exists");
    living().when(Restore).then_nothing();
    living().when(Delete).then([Deleted {}]).when(Delete).then_nothing();
    let deleted = || given::<Specimen>([created(), Deleted {}]);
    assert_eq!(deleted().when(rename("Second")).refused("specimen.deleted"), ErrorKind::Conflict);
    deleted().when(Create(profile())).refused("specimen.already_exists");
    deleted().when(Restore).then([Restored {}]).when(Restore).then_nothing();
}

#[test]
fn the_name_is_reserved_whatever_its_case_while_it_lives() {
    let specimen = given::<Specimen>([created(), Renamed { name: label("SECOND É") }]).state();
    assert_eq!(specimen.keys(), [UniqueKey::new("specimen.name", "second é")]);
    assert!(!specimen.is_deleted());
    assert!(given::<Specimen>([created(), Deleted {}]).state().is_deleted());
}
