//! A pipeline's commands, one by one, in every state.

use fairlead_domain::{
    crm::{
        Pipeline, PipelineChange,
        PipelineCommand::{self, AddStage, Change, ChangeStage, Create, Delete, ReorderStages, Restore, RetireStage},
        PipelineEvent::{self, *},
        PipelineProfile, Stage, StageChange,
    },
    ids::StageId,
    kernel::{Aggregate, ErrorKind, Patch, UniqueKey, testing::given},
    values::{Description, Label, Percent},
};

use crate::samples::{id, label};

pub(crate) fn stage(n: u128, name: &str) -> Stage {
    Stage { id: id(n), name: label(name), probability: Percent::new(10).unwrap(), rotting_days: None }
}

/// With the stages A, B and C, 1 to 3.
pub(crate) fn profile() -> PipelineProfile {
    PipelineProfile {
        name: label("Sales"),
        description: None,
        stages: vec![stage(1, "A"), stage(2, "B"), stage(3, "C")],
        win_reasons: vec![],
        loss_reasons: vec![],
    }
}

pub(crate) fn created() -> PipelineEvent {
    Created(Box::new(profile()))
}

fn retired(n: u128, to: u128) -> PipelineEvent {
    StageRetired { stage_id: id(n), move_deals_to: id(to) }
}

fn retire(n: u128, to: u128) -> PipelineCommand {
    RetireStage { stage_id: id(n), move_deals_to: id(to) }
}

fn create(profile: PipelineProfile) -> PipelineCommand {
    Create(Box::new(profile))
}

fn change(change: PipelineChange) -> PipelineCommand {
    Change(Box::new(change))
}

fn rename() -> PipelineCommand {
    change(PipelineChange { name: Some(label("Other")), ..PipelineChange::default() })
}

fn order(pipeline: &Pipeline) -> Vec<StageId> {
    pipeline.profile.stages.iter().map(|stage| stage.id).collect()
}

/// Everything that a pipeline can be asked but being created, deleted and restored.
fn commands() -> [PipelineCommand; 5] {
    let stage_change = ChangeStage { stage_id: id(1), change: StageChange::default() };
    let reorder = ReorderStages(vec![id(2), id(1), id(3)]);
    [rename(), AddStage { stage: stage(4, "D"), position: None }, stage_change, reorder, retire(1, 2)]
}

#[test]
fn only_creating_begins_one() {
    let pipeline = given::<Pipeline>([]).when(create(profile())).then([created()]).state();
    assert_eq!(pipeline, Pipeline { profile: profile(), retired: [].into(), deleted: false });
    for command in commands().into_iter().chain([Delete, Restore]) {
        assert_eq!(given::<Pipeline>([]).when(command).refused("pipeline.not_found"), ErrorKind::NotFound);
    }
    for event in [Renamed { name: label("Other") }, retired(1, 2), Deleted {}, Restored {}] {
        assert_eq!(Pipeline::init(&event), None);
    }
}

#[test]
fn it_begins_with_different_stages() {
    let refused = |change: fn(&mut PipelineProfile), code: &str| {
        let mut profile = profile();
        change(&mut profile);
        given::<Pipeline>([]).when(create(profile)).refused(code)
    };
    assert_eq!(refused(|p| p.stages.clear(), "pipeline.no_stages"), ErrorKind::Invalid);
    let many = |p: &mut PipelineProfile| p.stages = (1..=51).map(|n| stage(n, &format!("S{n}"))).collect();
    refused(many, "pipeline.too_many_stages");
    refused(|p| p.stages.push(stage(1, "D")), "pipeline.stage_already_exists");
    refused(|p| p.stages.push(stage(4, "a")), "pipeline.stage_name_taken");
    refused(|p| p.win_reasons = vec![label("Price"), label("PRICE")], "pipeline.duplicate_reason");
    refused(|p| p.loss_reasons = (0..51).map(|n| label(&n.to_string())).collect(), "pipeline.too_many_reasons");
}

#[test]
fn a_change_is_an_event_for_each_thing_that_differs() {
    let description = Description::new("Why").unwrap();
    let everything = PipelineChange {
        name: Some(label("Other")),
        description: Patch::Set(Some(description.clone())),
        win_reasons: Some(vec![label("Price")]),
        loss_reasons: Some(vec![label("No budget"), label("No time")]),
    };
    given::<Pipeline>([created()])
        .when(change(everything.clone()))
        .then([
            Renamed { name: label("Other") },
            Described { description: Some(description) },
            WinReasonsChanged { win_reasons: vec![label("Price")] },
            LossReasonsChanged { loss_reasons: vec![label("No budget"), label("No time")] },
        ])
        .when(change(everything))
        .then_nothing();
    let living = || given::<Pipeline>([created()]);
    let twice = || Some(vec![label("Price"), label("price")]);
    let many = || Some((0..51).map(|n| label(&n.to_string())).collect());
    let win = |win_reasons: Option<Vec<Label>>| change(PipelineChange { win_reasons, ..PipelineChange::default() });
    let loss = |loss_reasons: Option<Vec<Label>>| change(PipelineChange { loss_reasons, ..PipelineChange::default() });
    living().when(win(twice())).refused("pipeline.duplicate_reason");
    living().when(loss(twice())).refused("pipeline.duplicate_reason");
    living().when(win(many())).refused("pipeline.too_many_reasons");
    living().when(loss(many())).refused("pipeline.too_many_reasons");
}

#[test]
fn a_stage_is_added_where_it_is_to_stand() {
    let add = |stage: Stage, position| AddStage { stage, position };
    let living = || given::<Pipeline>([created()]);
    for (position, expected) in [(None, 3), (Some(0), 0), (Some(2), 2), (Some(3), 3)] {
        let added = living().when(add(stage(4, "D"), position));
        let pipeline = added.then([StageAdded { stage: stage(4, "D"), position: expected }]).state();
        assert_eq!(order(&pipeline)[expected], id(4));
    }
    let beyond = living().when(add(stage(4, "D"), Some(4))).refused("pipeline.position_beyond");
    assert_eq!(beyond, ErrorKind::Invalid);
    let taken = living().when(add(stage(4, "a"), None)).refused("pipeline.stage_name_taken");
    assert_eq!(taken, ErrorKind::Conflict);
    living().when(add(stage(1, "D"), None)).refused("pipeline.stage_already_exists");
    let without_one = || given::<Pipeline>([created(), retired(1, 2)]);
    without_one().when(add(stage(1, "D"), None)).refused("pipeline.stage_already_exists");
    without_one().when(add(stage(4, "A"), None)).then([StageAdded { stage: stage(4, "A"), position: 2 }]);
    let stages = (1..=50).map(|n| stage(n, &format!("S{n}"))).collect();
    let full = given::<Pipeline>([Created(Box::new(PipelineProfile { stages, ..profile() }))]);
    full.when(add(stage(51, "D"), None)).refused("pipeline.too_many_stages");
}

#[test]
fn a_change_of_a_stage_is_an_event_for_each_thing_that_differs() {
    let sure = Percent::new(90).unwrap();
    let everything = StageChange { name: Some(label("a")), probability: Some(sure), rotting_days: Patch::Set(Some(7)) };
    let on = |n: u128, change: &StageChange| ChangeStage { stage_id: id(n), change: change.clone() };
    let changed = given::<Pipeline>([created()]).when(on(1, &everything)).then([
        StageRenamed { stage_id: id(1), name: label("a") },
        StageProbabilityChanged { stage_id: id(1), probability: sure },
        StageRottingChanged { stage_id: id(1), rotting_days: Some(7) },
    ]);
    changed.when(on(1, &everything)).then_nothing();
    let living = || given::<Pipeline>([created()]);
    living().when(on(2, &everything)).refused("pipeline.stage_name_taken");
    assert_eq!(living().when(on(9, &everything)).refused("pipeline.stage_not_found"), ErrorKind::NotFound);
    let without_one = given::<Pipeline>([created(), retired(1, 2)]);
    assert_eq!(without_one.when(on(1, &everything)).refused("pipeline.stage_retired"), ErrorKind::Conflict);
    let unknown = StageRenamed { stage_id: id(9), name: label("Z") };
    assert_eq!(given::<Pipeline>([created(), unknown]).state().profile, profile());
}

#[test]
fn an_order_names_every_stage_once() {
    let living = || given::<Pipeline>([created()]);
    let ids = |numbers: &[u128]| numbers.iter().copied().map(id).collect::<Vec<_>>();
    let reordered = living().when(ReorderStages(ids(&[3, 1, 2])));
    let reordered = reordered.then([StagesReordered { stage_ids: ids(&[3, 1, 2]) }]);
    let pipeline = reordered.state();
    assert_eq!(order(&pipeline), ids(&[3, 1, 2]));
    living().when(ReorderStages(ids(&[1, 2, 3]))).then_nothing();
    for wrong in [&[1, 2][..], &[1, 2, 2], &[1, 2, 3, 3], &[1, 2, 4], &[]] {
        let kind = living().when(ReorderStages(ids(wrong))).refused("pipeline.order_incomplete");
        assert_eq!(kind, ErrorKind::Invalid);
    }
    let without_one = || given::<Pipeline>([created(), retired(2, 3)]);
    without_one().when(ReorderStages(ids(&[3, 2, 1]))).refused("pipeline.order_incomplete");
    without_one().when(ReorderStages(ids(&[3, 1]))).then([StagesReordered { stage_ids: ids(&[3, 1]) }]);
}

#[test]
fn a_stage_is_retired_in_favour_of_another() {
    let living = || given::<Pipeline>([created()]);
    let pipeline = living().when(retire(1, 2)).then([retired(1, 2)]).state();
    assert_eq!(order(&pipeline), [id(2), id(3)]);
    assert_eq!((pipeline.retired[&id(1)].name.clone(), pipeline.in_place_of(id(1))), (label("A"), Some(id(2))));
    let without_one = || given::<Pipeline>([created(), retired(1, 2)]);
    without_one().when(retire(1, 2)).then_nothing();
    without_one().when(retire(1, 3)).refused("pipeline.stage_retired");
    living().when(retire(9, 1)).refused("pipeline.stage_not_found");
    for target in [1, 9] {
        assert_eq!(living().when(retire(1, target)).refused("pipeline.unknown_target"), ErrorKind::Invalid);
    }
    without_one().when(retire(2, 1)).refused("pipeline.unknown_target");
    let one = || given::<Pipeline>([created(), retired(1, 2), retired(2, 3)]);
    assert_eq!(one().when(retire(3, 2)).refused("pipeline.last_stage"), ErrorKind::Conflict);
    let pipeline = one().state();
    assert_eq!([1, 2, 3, 9].map(|n| pipeline.in_place_of(id(n))), [Some(id(3)), Some(id(3)), Some(id(3)), None]);
}

#[test]
fn a_deleted_one_can_only_be_restored() {
    let living = || given::<Pipeline>([created()]);
    living().when(create(profile())).refused("pipeline.already_exists");
    living().when(Restore).then_nothing();
    living().when(Delete).then([Deleted {}]).when(Delete).then_nothing();
    let deleted = || given::<Pipeline>([created(), Deleted {}]);
    for command in commands() {
        assert_eq!(deleted().when(command).refused("pipeline.deleted"), ErrorKind::Conflict);
    }
    deleted().when(create(profile())).refused("pipeline.already_exists");
    deleted().when(Restore).then([Restored {}]).when(Restore).then_nothing();
}

#[test]
fn the_name_is_reserved_whatever_its_case_while_it_lives() {
    let pipeline = given::<Pipeline>([created(), Renamed { name: label("SECOND É") }]).state();
    assert_eq!(pipeline.keys(), [UniqueKey::new("pipeline.name", "second é")]);
    assert!(!pipeline.is_deleted() && pipeline.belongs().is_none());
    assert!(given::<Pipeline>([created(), Deleted {}]).state().is_deleted());
}
