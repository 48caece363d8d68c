//! What lies beyond a caller's reach looks as if it did not exist, and nothing is put there.

use fairlead_application::{
    Actor, AppError, Context, Expected, Step,
    access::{Access, Authorized, System as Everything},
    batch::Mode,
};
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactProfile, Schema},
    ids::ProjectId,
    kernel::Patch,
    values::{Grant, Over, Permission, PersonName, Tag},
};

use crate::{
    note::{Note, NoteCommand},
    store::{Stage, caller, code, id},
};

/// User 1 of tenant 1, granted everything over this, within these projects.
fn holder(over: Over, projects: Option<&[u128]>) -> Authorized<Everything> {
    let grant = Grant { permission: Permission::new("*:*").unwrap(), over };
    let projects = projects.map(|projects| projects.iter().map(|n| id::<ProjectId>(*n)));
    let access = Access::new([grant], Some(id(1)), projects);
    Context::new(id(1), Actor::new("user:1"), access).authorize().unwrap()
}

fn profile(owner: Option<u128>, project: Option<u128>) -> Box<ContactProfile> {
    let mut profile = ContactProfile::named(PersonName::new("Ana").unwrap());
    (profile.owner_id, profile.project_id) = (owner.map(id), project.map(id));
    Box::new(profile)
}

fn moved(owner: Option<u128>, project: Option<u128>) -> ContactCommand {
    let (owner_id, project_id) = (Patch::Set(owner.map(id)), Patch::Set(project.map(id)));
    ContactCommand::Change(Box::new(ContactChange { owner_id, project_id, ..ContactChange::default() }))
}

/// What can be asked of a record that is there.
fn commands() -> Vec<ContactCommand> {
    let tags = || [Tag::new("vip").unwrap()].into();
    vec![
        moved(Some(1), Some(7)),
        ContactCommand::Change(Box::default()),
        ContactCommand::Tag(tags()),
        ContactCommand::Untag(tags()),
        ContactCommand::Delete,
        ContactCommand::Restore,
        ContactCommand::Erase,
    ]
}

/// Grant and limit; owner and project of a record within, and of some beyond.
type Case = (Over, Option<&'static [u128]>, [Option<u128>; 2], &'static [[Option<u128>; 2]]);

const CASES: [Case; 4] = [
    (Over::Own, None, [Some(1), None], &[[None, None], [Some(2), None], [Some(2), Some(7)]]),
    (Over::Own, Some(&[7]), [Some(1), Some(7)], &[[Some(1), None], [Some(1), Some(8)], [Some(2), Some(7)]]),
    (Over::Projects, Some(&[7, 9]), [None, Some(9)], &[[None, None], [Some(1), Some(8)]]),
    (Over::All, Some(&[7]), [Some(2), Some(7)], &[[Some(1), None], [None, Some(8)]]),
];

#[tokio::test]
async fn a_record_beyond_reach_answers_as_if_there_were_none() {
    for (over, limit, within, beyond) in CASES {
        let (stage, all, holder) = (Stage::new(), caller(1), holder(over, limit));
        let there = stage.app.fresh();
        let create =
            |[owner, project]: [Option<u128>; 2]| ContactCommand::Create(profile(owner, project), Schema::default());
        stage.app.execute::<Contact>(&holder, there, Expected::New, create(within)).await.unwrap();
        assert!(stage.app.read::<Contact>(&holder, there).await.unwrap().is_some());
        for beyond in beyond {
            let hidden = stage.app.fresh();
            stage.app.execute::<Contact>(&all, hidden, Expected::New, create(*beyond)).await.unwrap();
            let before = stage.state::<Contact>(&all, hidden).await;
            assert_eq!(stage.app.read::<Contact>(&holder, hidden).await.unwrap(), None);
            for command in commands() {
                for expected in [Expected::Any, Expected::Exactly(1), Expected::Exactly(2), Expected::New] {
                    let ask = async |id| stage.app.execute::<Contact>(&holder, id, expected, command.clone()).await;
                    let (answer, unknown) = (ask(hidden).await, ask(stage.app.fresh()).await);
                    assert_eq!(format!("{answer:?}"), format!("{unknown:?}"), "{over:?} within {limit:?}");
                    assert_eq!(code(&answer), "contact.not_found");
                }
            }
            for expected in [Expected::Any, Expected::New] {
                let again = stage.app.execute::<Contact>(&holder, hidden, expected, create(within)).await;
                assert_eq!(code(&again), "access.out_of_reach", "an id that is used is no place for another");
            }
            assert_eq!(stage.state::<Contact>(&all, hidden).await, before);
        }
    }
}

#[tokio::test]
async fn nothing_is_made_beyond_reach_or_moved_there() {
    for (over, limit, within, beyond) in CASES {
        let (stage, holder) = (Stage::new(), holder(over, limit));
        let there = stage.app.fresh();
        let create =
            |[owner, project]: [Option<u128>; 2]| ContactCommand::Create(profile(owner, project), Schema::default());
        stage.app.execute::<Contact>(&holder, there, Expected::New, create(within)).await.unwrap();
        for target @ [owner, project] in beyond.iter().copied() {
            let fresh = stage.app.fresh();
            let made = stage.app.execute::<Contact>(&holder, fresh, Expected::New, create(target)).await;
            assert_eq!(code(&made), "access.out_of_reach");
            let moved = stage.app.execute::<Contact>(&holder, there, Expected::Any, moved(owner, project)).await;
            assert_eq!(code(&moved), "access.out_of_reach");
        }
        let (version, state) = stage.state::<Contact>(&caller(1), there).await.unwrap();
        assert_eq!(
            (version, state.profile.owner_id, state.profile.project_id),
            (1, within[0].map(id), within[1].map(id))
        );
    }
}

#[tokio::test]
async fn in_a_batch_it_is_the_same() {
    let (stage, all, holder) = (Stage::new(), caller(1), holder(Over::Own, None));
    let (own, hidden, fresh) = (stage.app.fresh(), stage.app.fresh(), stage.app.fresh());
    for (id, owner) in [(own, 1), (hidden, 2)] {
        let command = ContactCommand::Create(profile(Some(owner), None), Schema::default());
        stage.app.execute::<Contact>(&all, id, Expected::New, command).await.unwrap();
    }
    let tag = || ContactCommand::Tag([Tag::new("vip").unwrap()].into());
    let steps = [
        Step::new::<Contact>(&holder, own, Expected::Any, tag()),
        Step::new::<Contact>(&holder, hidden, Expected::Exactly(7), tag()),
        Step::new::<Contact>(&holder, own, Expected::Any, moved(Some(2), None)),
        Step::new::<Contact>(
            &holder,
            fresh,
            Expected::New,
            ContactCommand::Create(profile(None, None), Schema::default()),
        ),
        Step::new::<Contact>(&holder, own, Expected::Exactly(2), ContactCommand::Delete),
    ];
    let outcome = stage.app.execute_batch(&holder, &steps, Mode::Each).await.unwrap();
    let answers = outcome.answers.into_iter().map(|answer| match answer {
        fairlead_application::StepAnswer::Done(receipt) => Ok(receipt.version),
        fairlead_application::StepAnswer::Refused(refusal) => Err(refusal.code),
    });
    let refused = |code: &str| Err(code.to_owned());
    let expected =
        [Ok(2), refused("contact.not_found"), refused("access.out_of_reach"), refused("access.out_of_reach"), Ok(3)];
    assert_eq!(answers.collect::<Vec<_>>(), expected);
    let atomic = stage.app.execute_batch(&holder, &steps[1..], Mode::Atomic).await.unwrap_err();
    assert_eq!((atomic.index, atomic.error.code().as_str()), (Some(0), "contact.not_found"));
}

/// What belongs to nobody in particular is reached by who may do it over all, limited or not.
#[tokio::test]
async fn what_is_the_organization_s_takes_a_grant_over_all() {
    let (stage, all) = (Stage::new(), caller(1));
    let there = stage.app.fresh();
    stage.app.execute::<Note>(&all, there, Expected::New, NoteCommand::Open("a")).await.unwrap();
    for (over, limit, reached) in [
        (Over::All, None, true),
        (Over::All, Some(&[7][..]), true),
        (Over::Projects, None, false),
        (Over::Projects, Some(&[7]), false),
        (Over::Own, None, false),
    ] {
        let holder = holder(over, limit);
        assert_eq!(stage.app.read::<Note>(&holder, there).await.unwrap().is_some(), reached);
        let written = NoteCommand::Write("b".to_owned());
        let outcome = stage.app.execute::<Note>(&holder, there, Expected::Any, written).await;
        let made = stage.app.execute::<Note>(&holder, stage.app.fresh(), Expected::New, NoteCommand::Open("c")).await;
        if reached {
            assert!(outcome.is_ok() && made.is_ok());
        } else {
            assert_eq!((code(&outcome).as_str(), code(&made).as_str()), ("note.not_found", "access.out_of_reach"));
        }
    }
}

#[tokio::test]
async fn who_may_nothing_is_told_the_permission() {
    let access =
        Access::new([Grant { permission: Permission::new("contacts:read").unwrap(), over: Over::Own }], None, {
            None::<[ProjectId; 0]>
        });
    let cx = Context::new(id(1), Actor::new("service"), access);
    assert!(!cx.may_any(&["contacts:read", "deals:read"]), "who is no user owns nothing");
    let refused = cx.authorize::<fairlead_application::crm::ContactsRead>();
    assert!(matches!(refused, Err(AppError::Forbidden { permission: "contacts:read" })));
    let cx = (*holder(Over::Own, None)).clone();
    assert!(cx.may_all(&["contacts:read", "deals:read"]) && !cx.may_any(&["operator:read"]));
    assert!(cx.may_any(&["operator:read", "deals:read"]) && !cx.may_all(&["operator:read", "deals:read"]));
}
