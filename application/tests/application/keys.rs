//! Values that one living stream of a tenant holds.

use fairlead_application::Expected;
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactProfile, Schema},
    values::{Email, PersonName, Points},
};

use crate::{
    note::{Note, NoteCommand},
    store::{Stage, caller, code, id, versions},
};

type Plain = Note<1, 1>;

#[tokio::test]
async fn a_key_that_a_change_leaves_alone_stays_reserved() {
    let (stage, cx) = (Stage::new(), caller(1));
    stage.app.execute::<Plain>(&cx, id(1), Expected::New, NoteCommand::Open("#title")).await.unwrap();
    stage.app.execute::<Plain>(&cx, id(1), Expected::Any, NoteCommand::Close).await.unwrap();
    let outcome = stage.app.execute::<Plain>(&cx, id(2), Expected::New, NoteCommand::Open("#title")).await;
    assert_eq!(code(&outcome), "note.title_taken");
}

#[tokio::test]
async fn a_key_that_is_given_up_is_free_for_others() {
    let (stage, cx) = (Stage::new(), caller(1));
    stage.app.execute::<Plain>(&cx, id(1), Expected::New, NoteCommand::Open("#title")).await.unwrap();
    stage.app.execute::<Plain>(&cx, id(1), Expected::Any, NoteCommand::Write("plain".to_owned())).await.unwrap();
    let outcome = stage.app.execute::<Plain>(&cx, id(2), Expected::New, NoteCommand::Open("#title")).await;
    assert_eq!(versions(&outcome), [1]);
}

#[tokio::test]
async fn a_key_is_reserved_in_one_tenant() {
    let stage = Stage::new();
    for tenant in [1, 2] {
        let outcome = stage.app.execute::<Plain>(&caller(tenant), id(1), Expected::New, NoteCommand::Open("#t")).await;
        assert_eq!(versions(&outcome), [1]);
    }
}

#[tokio::test]
async fn a_deleted_stream_reserves_nothing_until_it_is_restored() {
    let (stage, cx) = (Stage::new(), caller(1));
    let mut profile = ContactProfile::named(PersonName::new("Ana").unwrap());
    profile.emails = Points::one(Email::new("ana@example.com").unwrap());
    let creation = || ContactCommand::Create(Box::new(profile.clone()), Schema::default());
    let execute = |n, command| stage.app.execute::<Contact>(&cx, id(n), Expected::Any, command);
    execute(1, creation()).await.unwrap();
    assert_eq!(code(&execute(2, creation()).await), "contact.email_taken");
    execute(1, ContactCommand::Delete).await.unwrap();
    execute(2, creation()).await.unwrap();
    assert_eq!(code(&execute(1, ContactCommand::Restore).await), "contact.email_taken");
    execute(2, ContactCommand::Delete).await.unwrap();
    execute(1, ContactCommand::Restore).await.unwrap();
    assert_eq!(code(&execute(2, ContactCommand::Restore).await), "contact.email_taken");
}
