//! A deal on its way: stages, winning, losing. What is known about it has a file of its own.

use fairlead_domain::{
    crm::{
        Deal,
        DealCommand::{
            self, Change, Delete, LeaveStage, Lose, Move, Open, Reopen, Restore, Rot, Tag, UnlinkCompanies, Win,
        },
        DealEvent::{self, *},
        DealProfile, DealStatus, Pipeline, PipelineEvent, Schema, Seen, Stay, TimeInStage, stays,
    },
    ids::StageId,
    kernel::{Aggregate, Belonging, ErrorKind, Reference, testing::given},
    values::Label,
};

use crate::{
    company::title,
    pipeline,
    samples::{id, label, moment, tags},
};

/// With the stages 1, 2 and 3; deals are lost for a reason.
pub(crate) fn sales() -> Pipeline {
    let reasons = PipelineEvent::LossReasonsChanged { loss_reasons: vec![label("No budget"), label("No time")] };
    given::<Pipeline>([pipeline::created(), reasons]).state()
}

/// The same, without stage 1, for which 2 stands.
fn without_first() -> Pipeline {
    let mut pipeline = sales();
    pipeline.apply(&PipelineEvent::StageRetired { stage_id: id(1), move_deals_to: id(2) });
    pipeline
}

fn without_everything() -> Pipeline {
    let mut pipeline = sales();
    pipeline.apply(&PipelineEvent::Deleted {});
    pipeline
}

pub(crate) fn profile() -> DealProfile {
    DealProfile::begun(title("Forklifts"), id(10), id(1), moment(0))
}

pub(crate) fn opened() -> DealEvent {
    Opened(Box::new(profile()))
}

pub(crate) fn seen() -> Seen {
    Seen { pipeline: Some(sales()), contacts: [].into(), companies: [].into(), schema: Schema::default() }
}

pub(crate) fn open(profile: DealProfile, seen: Seen) -> DealCommand {
    Open { profile: Box::new(profile), seen: Box::new(seen) }
}

fn boxed(pipeline: Pipeline) -> Option<Box<Pipeline>> {
    Some(Box::new(pipeline))
}

fn to_stage(n: u128, at: i64) -> DealCommand {
    Move { pipeline_id: id(10), stage_id: id(n), pipeline: boxed(sales()), at: moment(at) }
}

fn changed(from: u128, to: u128, at: i64) -> DealEvent {
    StageChanged { from_stage_id: id(from), pipeline_id: id(10), stage_id: id(to), at: moment(at) }
}

fn win(reason: Option<&str>) -> DealCommand {
    Win { reason: reason.map(label), pipeline: boxed(sales()), at: moment(50) }
}

fn lose(reason: Option<&str>) -> DealCommand {
    Lose { reason: reason.map(label), pipeline: boxed(sales()), at: moment(50) }
}

fn reopen(pipeline: Pipeline) -> DealCommand {
    Reopen { pipeline: boxed(pipeline), at: moment(60) }
}

/// Stage 1 is patient for a day, stage 2 for two.
fn patient(mut pipeline: Pipeline) -> Pipeline {
    for (n, rotting_days) in [(1, 1), (2, 2)] {
        pipeline.apply(&PipelineEvent::StageRottingChanged { stage_id: id(n), rotting_days: Some(rotting_days) });
    }
    pipeline
}

fn rot(pipeline: Pipeline, at: i64) -> DealCommand {
    Rot { pipeline: boxed(pipeline), at: moment(at) }
}

fn won(reason: Option<Label>) -> DealEvent {
    Won { reason, at: moment(50) }
}

fn lost() -> DealEvent {
    Lost { reason: Some(label("No budget")), at: moment(50) }
}

#[test]
fn only_opening_begins_one() {
    let deal = given::<Deal>([]).when(open(profile(), seen())).then([opened()]).state();
    assert_eq!((deal.status, deal.stage_entered_at, deal.closed_at), (DealStatus::Open, moment(0), None));
    assert_eq!(deal.stages, [(id(1), TimeInStage { times: 1, seconds: 0 })].into());
    assert_eq!((deal.belongs(), deal.is_deleted()), (Some(Belonging::default()), false));
    let unlink = UnlinkCompanies([id(1)].into());
    let commands = [to_stage(2, 1), win(None), lose(None), reopen(sales()), Change(Box::default()), unlink];
    for command in commands.into_iter().chain([Tag(tags(["a"])), Delete, Restore]) {
        assert_eq!(given::<Deal>([]).when(command).refused("deal.not_found"), ErrorKind::NotFound);
    }
    for event in [changed(1, 2, 1), won(None), lost(), Deleted {}, Restored {}] {
        assert_eq!(Deal::init(&event), None);
    }
}

#[test]
fn it_begins_in_a_stage_that_is_in_use() {
    let refused = |stage: u128, pipeline: Option<Pipeline>, code: &str| {
        let profile = DealProfile::begun(title("Forklifts"), id(10), id(stage), moment(0));
        given::<Deal>([]).when(open(profile, Seen { pipeline, ..seen() })).refused(code)
    };
    assert_eq!(refused(1, None, "deal.unknown_pipeline"), ErrorKind::Invalid);
    assert_eq!(refused(1, Some(without_everything()), "deal.unknown_pipeline"), ErrorKind::Invalid);
    assert_eq!(refused(9, Some(sales()), "deal.unknown_stage"), ErrorKind::Invalid);
    assert_eq!(refused(1, Some(without_first()), "deal.stage_retired"), ErrorKind::Conflict);
}

#[test]
fn it_moves_between_stages_that_are_in_use() {
    let living = || given::<Deal>([opened()]);
    living().when(to_stage(1, 5)).then_nothing();
    living().when(to_stage(2, 5)).then([changed(1, 2, 5)]).when(to_stage(2, 6)).then_nothing();
    let to = |pipeline, stage: u128, other: Option<Pipeline>| Move {
        pipeline_id: id(pipeline),
        stage_id: id(stage),
        pipeline: other.map(Box::new),
        at: moment(5),
    };
    let elsewhere = StageChanged { from_stage_id: id(1), pipeline_id: id(11), stage_id: id(3), at: moment(5) };
    let deal = living().when(to(11, 3, Some(sales()))).then([elsewhere]).state();
    assert_eq!((deal.profile.pipeline_id, deal.profile.stage_id), (id(11), id(3)));
    for other in [None, Some(without_everything())] {
        living().when(to(11, 3, other)).refused("deal.unknown_pipeline");
    }
    living().when(to(10, 9, Some(sales()))).refused("deal.unknown_stage");
    given::<Deal>([opened(), changed(1, 2, 5)]).when(to(10, 1, Some(without_first()))).refused("deal.stage_retired");
    for closed in [won(None), lost()] {
        assert_eq!(given::<Deal>([opened(), closed]).when(to_stage(2, 60)).refused("deal.closed"), ErrorKind::Conflict);
    }
}

#[test]
fn it_is_won_for_a_reason_of_the_pipeline_or_for_none() {
    let living = || given::<Deal>([opened()]);
    // Where none is listed, any will do.
    living().when(win(Some("Luck"))).then([won(Some(label("Luck")))]);
    let deal = living().when(win(None)).then([won(None)]).state();
    assert_eq!((deal.status, deal.closed_at, deal.reason), (DealStatus::Won, Some(moment(50)), None));
    let mut picky = sales();
    picky.profile.win_reasons = vec![label("Price")];
    let win_for = |reason: &str| Win { reason: Some(label(reason)), pipeline: boxed(picky.clone()), at: moment(50) };
    living().when(win_for("PRICE")).then([won(Some(label("Price")))]);
    assert_eq!(living().when(win_for("Luck")).refused("deal.unknown_reason"), ErrorKind::Invalid);
    // What is won is won, and for that reason.
    let was_won = || given::<Deal>([opened(), won(Some(label("Luck")))]);
    was_won().when(win(None)).then_nothing();
    was_won().when(win(Some("luck"))).then_nothing();
    was_won().when(win(Some("Price"))).refused("deal.closed");
    was_won().when(lose(Some("No budget"))).refused("deal.closed");
}

#[test]
fn it_is_lost_for_a_reason_where_the_pipeline_lists_some() {
    let living = || given::<Deal>([opened()]);
    let deal = living().when(lose(Some("no budget"))).then([lost()]).state();
    assert_eq!((deal.status, deal.reason), (DealStatus::Lost, Some(label("No budget"))));
    assert_eq!(living().when(lose(None)).refused("deal.reason_required"), ErrorKind::Invalid);
    living().when(lose(Some("Luck"))).refused("deal.unknown_reason");
    let mut silent = sales();
    silent.profile.loss_reasons.clear();
    for (pipeline, reason) in [(Some(silent.clone()), None), (Some(silent), Some("Luck")), (None, None)] {
        let lose = Lose { reason: reason.map(label), pipeline: pipeline.map(Box::new), at: moment(50) };
        living().when(lose).then([Lost { reason: reason.map(label), at: moment(50) }]);
    }
    let was_lost = || given::<Deal>([opened(), lost()]);
    was_lost().when(lose(None)).then_nothing();
    was_lost().when(lose(Some("No time"))).refused("deal.closed");
    was_lost().when(win(None)).refused("deal.closed");
}

#[test]
fn it_comes_back_to_its_stage_or_to_the_one_in_its_place() {
    let reopened = |n: u128| Reopened { stage_id: id(n), at: moment(60) };
    given::<Deal>([opened()]).when(reopen(sales())).then_nothing();
    for closed in [won(None), lost()] {
        let deal = given::<Deal>([opened(), closed.clone()]).when(reopen(sales())).then([reopened(1)]).state();
        assert_eq!((deal.status, deal.closed_at, deal.reason.clone()), (DealStatus::Open, None, None));
        let closed = || given::<Deal>([opened(), closed.clone()]);
        let deal = closed().when(reopen(without_first())).then([reopened(2)]).state();
        assert_eq!(deal.profile.stage_id, id(2));
        closed().when(reopen(without_everything())).refused("deal.unknown_pipeline");
        closed().when(Reopen { pipeline: None, at: moment(60) }).refused("deal.unknown_pipeline");
        let mut strange = sales();
        strange.profile.stages.remove(0);
        closed().when(reopen(strange)).refused("deal.unknown_stage");
    }
}

/// From 0 to 10 in stage 1, to 30 in 2, to 35 in 1 again, to 50 in 2, and after a pause in 2 since 60.
#[test]
fn it_knows_how_long_it_was_in_each_stage() {
    let events = [
        opened(),
        changed(1, 2, 10),
        changed(2, 1, 30),
        changed(1, 2, 35),
        lost(),
        Reopened { stage_id: id(2), at: moment(60) },
    ];
    let deal = given::<Deal>(events.clone()).state();
    let time = |times, seconds| TimeInStage { times, seconds };
    assert_eq!(deal.stages, [(id(1), time(2, 15)), (id(2), time(3, 35))].into());
    assert_eq!(deal.stage_entered_at, moment(60));
    let stay = |stage: u128, from, until: Option<i64>| Stay {
        pipeline_id: id(10),
        stage_id: id(stage),
        entered_at: moment(from),
        left_at: until.map(moment),
    };
    let expected =
        [stay(1, 0, Some(10)), stay(2, 10, Some(30)), stay(1, 30, Some(35)), stay(2, 35, Some(50)), stay(2, 60, None)];
    let stayed = stays(&events);
    assert_eq!(stayed, expected);
    assert_eq!(stayed.iter().map(|stay| stay.seconds(moment(70))).collect::<Vec<_>>(), [10, 20, 5, 15, 10]);
    // A clock that was put back makes no stay shorter than nothing.
    let back = given::<Deal>([opened(), changed(1, 2, 10), changed(2, 1, 4)]).state();
    assert_eq!(back.stages[&id(2)], time(1, 0));
    assert_eq!(stay(1, 10, Some(4)).seconds(moment(0)), 0);
    assert!(stays(&[Deleted {}, won(None)]).is_empty());
}

#[test]
fn it_leaves_a_stage_that_was_retired() {
    let leave = |from: u128| LeaveStage { stage_id: id(from), to: id(2), at: moment(1) };
    let deal = given::<Deal>([opened()]).when(leave(1)).then([changed(1, 2, 1)]).state();
    assert_eq!(deal.references(), [Reference::new("stage", id::<StageId>(2))]);
    assert_eq!(deal.stage_entered_at, moment(1));
    given::<Deal>([opened()]).when(leave(3)).then_nothing();
    given::<Deal>([opened()]).when(leave(2)).then_nothing();
    given::<Deal>([opened(), Deleted {}]).when(leave(1)).then([changed(1, 2, 1)]);
    // What was won is in no stage, and comes back to the one in its place.
    given::<Deal>([opened(), won(None)]).when(leave(1)).then_nothing();
    assert_eq!(given::<Deal>([opened(), won(None)]).state().references(), []);
    given::<Deal>([]).when(leave(1)).refused("deal.not_found");
}

#[test]
fn it_rots_once_in_each_stay_that_is_too_long() {
    const DAY: i64 = 24 * 60 * 60;
    let rotted = |n: u128, since, rotting_days| Rotted { stage_id: id(n), since: moment(since), rotting_days };
    let sales = || patient(sales());
    let living = || given::<Deal>([opened()]);
    living().when(rot(sales(), DAY - 1)).then_nothing();
    living().when(rot(sales(), DAY)).then([rotted(1, 0, 1)]).when(rot(sales(), 9 * DAY)).then_nothing();
    assert!(given::<Deal>([opened(), rotted(1, 0, 1)]).state().rotted);
    // Another stay, another patience.
    let moved = || given::<Deal>([opened(), rotted(1, 0, 1), changed(1, 2, DAY)]);
    assert!(!moved().state().rotted);
    moved().when(rot(sales(), 3 * DAY - 1)).then_nothing();
    moved().when(rot(sales(), 3 * DAY)).then([rotted(2, DAY, 2)]);
    let reopened = Reopened { stage_id: id(1), at: moment(60) };
    let again = given::<Deal>([opened(), rotted(1, 0, 1), lost(), reopened]);
    again.when(rot(sales(), DAY + 60)).then([rotted(1, 60, 1)]);
    // As patient as the stage in whose place it is to be.
    let retired = || patient(without_first());
    living().when(rot(retired(), 2 * DAY - 1)).then_nothing();
    living().when(rot(retired(), 2 * DAY)).then([rotted(1, 0, 2)]);
    // Where nothing is known of the stage's patience, and where it has no end, nothing happens.
    given::<Deal>([opened(), changed(1, 3, 1)]).when(rot(sales(), 9 * DAY)).then_nothing();
    for pipeline in [None, boxed(without_everything())] {
        living().when(Rot { pipeline, at: moment(9 * DAY) }).then_nothing();
    }
    for closed in [won(None), lost()] {
        given::<Deal>([opened(), closed]).when(rot(sales(), 9 * DAY)).then_nothing();
    }
    assert_eq!(Deal::init(&rotted(1, 0, 1)), None);
    given::<Deal>([]).when(rot(sales(), DAY)).refused("deal.not_found");
    given::<Deal>([opened(), Deleted {}]).when(rot(sales(), DAY)).refused("deal.deleted");
}

#[test]
fn a_deleted_one_can_only_be_restored() {
    let living = || given::<Deal>([opened()]);
    living().when(open(profile(), seen())).refused("deal.already_exists");
    living().when(Restore).then_nothing();
    living().when(Delete).then([Deleted {}]).when(Delete).then_nothing();
    let deleted = || given::<Deal>([opened(), Deleted {}]);
    let unlink = UnlinkCompanies([id(1)].into());
    let commands = [to_stage(2, 1), win(None), lose(None), reopen(sales()), Change(Box::default()), unlink];
    for command in commands.into_iter().chain([Tag(tags(["a"]))]) {
        assert_eq!(deleted().when(command).refused("deal.deleted"), ErrorKind::Conflict);
    }
    deleted().when(open(profile(), seen())).refused("deal.already_exists");
    deleted().when(Restore).then([Restored {}]).when(Restore).then_nothing();
    assert!(deleted().state().is_deleted());
}

#[test]
fn a_status_is_written_by_its_name() {
    for status in DealStatus::ALL {
        assert_eq!(serde_json::to_value(status).unwrap(), status.name());
    }
}
