//! A project's commands, one by one, in every state.

use fairlead_domain::{
    identity::{
        Project,
        ProjectCommand::{self, Archive, Create, Rename, Restore},
        ProjectEvent::{self, Archived, Created, Renamed, Restored},
    },
    kernel::{Aggregate, ErrorKind, UniqueKey, testing::given},
};

use crate::samples::label;

fn created(is_default: bool) -> ProjectEvent {
    Created { name: label("Vendas"), is_default }
}

fn create(is_default: bool) -> ProjectCommand {
    Create { name: label("Vendas"), is_default }
}

fn rename(text: &str) -> ProjectCommand {
    Rename { name: label(text) }
}

#[test]
fn only_creating_begins_a_project() {
    for is_default in [true, false] {
        let project = given::<Project>([]).when(create(is_default)).then([created(is_default)]).state();
        assert_eq!(project, Project { name: label("Vendas"), is_default, archived: false });
    }
    for command in [rename("Compras"), Archive, Restore] {
        assert_eq!(given::<Project>([]).when(command).refused("project.not_found"), ErrorKind::NotFound);
    }
    for event in [Renamed { name: label("Vendas") }, Archived {}, Restored {}] {
        assert_eq!(Project::init(&event), None);
    }
}

#[test]
fn a_living_project_is_renamed_and_archived() {
    let living = || given::<Project>([created(false)]);
    living().when(create(false)).refused("project.already_exists");
    living().when(rename("Compras")).then([Renamed { name: label("Compras") }]).when(rename("Compras")).then_nothing();
    living().when(rename("Vendas")).then_nothing();
    living().when(rename("vendas")).then([Renamed { name: label("vendas") }]);
    living().when(Archive).then([Archived {}]).when(Archive).then_nothing();
    living().when(Restore).then_nothing();
}

#[test]
fn an_archived_project_can_only_be_restored() {
    let archived = || given::<Project>([created(false), Archived {}]);
    archived().when(create(false)).refused("project.already_exists");
    for name in ["Compras", "Vendas"] {
        assert_eq!(archived().when(rename(name)).refused("project.archived"), ErrorKind::Conflict);
    }
    archived().when(Archive).then_nothing();
    archived().when(Restore).then([Restored {}]).when(Restore).then_nothing();
}

#[test]
fn the_default_project_stays() {
    let default = || given::<Project>([created(true)]);
    assert_eq!(default().when(Archive).refused("project.is_default"), ErrorKind::Conflict);
    default().when(rename("Tudo")).then([Renamed { name: label("Tudo") }]);
}

#[test]
fn a_name_is_reserved_whatever_its_case_while_the_project_lives() {
    let project = given::<Project>([created(false), Renamed { name: label("VENDAS É") }]).state();
    assert_eq!(project.keys(), [UniqueKey::new("project.name", "vendas é")]);
    assert!(!project.is_deleted());
    assert!(given::<Project>([created(false), Archived {}]).state().is_deleted());
}
