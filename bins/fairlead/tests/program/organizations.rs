//! The end of an organization by the operators' hand, and once more after a restore.

use std::{fs, sync::Arc};

use fairlead_application::{
    App, Context, Expected,
    ports::{IdGenerator, System},
};
use fairlead_domain::{
    crm::Contact,
    identity::{
        EndReason, Organization, OrganizationCommand, Session, SessionCommand, SessionMethod, SessionStart, User,
        UserCommand,
    },
    ids::{OrganizationId, SessionId, UserId},
    kernel::testing::Story,
    values::{Label, Origin},
};
use fairlead_postgres::{Nudge, PostgresStore};
use fairlead_testing::{
    cluster::copy,
    database::{TestDatabase, connect},
    engine::eventually,
    required, search,
};
use uuid::Uuid;

use crate::process::Installation;

/// What is told in the organization, and about its owner.
const TOLD: [&str; 3] = ["Quixworth Ltd", "ana.maria@example.com", "203.0.113.77"];

/// An organization with a contact, whose owner is signed in.
async fn inhabited(app: &App) -> (OrganizationId, UserId, SessionId) {
    let (organization, owner) = (OrganizationId::from(System.next()), UserId::from(System.next()));
    let session = SessionId::from(System.next());
    let directory = Context::system(OrganizationId::DIRECTORY, "operator:tester");
    for command in User::story() {
        app.execute::<User>(&directory, owner, Expected::Any, command).await.unwrap();
    }
    let at = chrono::DateTime::from_timestamp_nanos(1_800_000_000_000_000_000);
    let start = SessionStart {
        user_id: owner,
        organization_id: organization,
        methods: [SessionMethod::Password].into(),
        provider: None,
        origin: Origin::new(TOLD[2].parse().ok(), None),
        at,
        expires_at: at,
    };
    let start = SessionCommand::Start(Box::new(start));
    app.execute::<Session>(&directory, session, Expected::New, start).await.unwrap();
    let cx = Context::system(organization, "operator:tester");
    let register = OrganizationCommand::Register { name: Label::new(TOLD[0]).unwrap(), owner };
    app.execute::<Organization>(&cx, organization, Expected::New, register).await.unwrap();
    let contact = System.next().into();
    for command in Contact::living() {
        app.execute::<Contact>(&cx, contact, Expected::Any, command).await.unwrap();
    }
    (organization, owner, session)
}

#[tokio::test]
async fn a_closed_organization_is_purged_by_hand_and_again_after_a_restore() {
    let mut installation = Installation::new().await;
    let store = PostgresStore::new(installation.database.app(), Arc::new(Nudge::default()));
    let app = App::new(Arc::new(store), Arc::new(System), Arc::new(System));
    let (organization, owner, session) = inhabited(&app).await;
    let id = organization.to_string();
    let listed = installation.stdout(&["organizations", "list"]);
    assert!(listed.lines().any(|line| line == format!("{id}\tactive\t-\t-\t{}", TOLD[0])), "{listed}");
    let refused = installation.output(&["organizations", "purge", &id]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the organization is not closed"));
    let unknown = installation.output(&["organizations", "purge", &Uuid::from_u128(9).to_string()]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no such organization"));

    // A copy from before the end.
    let worker = installation.start("worker");
    let admin = installation.database.admin().await;
    let projected = async |admin: &tokio_postgres::Client| {
        eventually("the list has caught up", async || {
            let sql = "select (select count(*) from crm.contacts where tenant_id = $1) = 1
                          and (select max(position) from engine.outbox) = (select count(*) from engine.events)";
            admin.query_one(sql, &[&Uuid::from(organization)]).await.unwrap().get(0)
        })
        .await;
    };
    projected(&admin).await;
    let old = TestDatabase::empty_on(&required("FAIRLEAD_TEST_DATABASE_URL"));
    let server = connect(&required("FAIRLEAD_TEST_DATABASE_URL")).await;
    let name = old.admin_url().rsplit('/').next().unwrap().to_owned();
    server.batch_execute(&format!("create database {name} owner fairlead_owner")).await.unwrap();
    copy(&installation.database.admin_url(), &old.admin_url());

    let cx = Context::system(organization, "user:owner");
    let close = OrganizationCommand::Close { at: chrono::DateTime::UNIX_EPOCH };
    app.execute::<Organization>(&cx, organization, Expected::Any, close).await.unwrap();
    let directory = Context::system(OrganizationId::DIRECTORY, "user:owner");
    let end = SessionCommand::End(EndReason::Revoked);
    app.execute::<Session>(&directory, session, Expected::Any, end).await.unwrap();
    app.execute::<User>(&directory, owner, Expected::Any, UserCommand::Erase).await.unwrap();
    let purged = async |installation: &Installation| {
        eventually("everything is deleted", async || {
            installation.stdout(&["organizations", "purge", &id]) == format!("{id}: everything is deleted\n")
        })
        .await;
        let listed = installation.stdout(&["organizations", "list"]);
        let line = listed.lines().find(|line| line.starts_with(&id)).unwrap().to_owned();
        assert!(line.contains("\tpurged\t-\t20") && line.ends_with("\t-"), "{line}");
        let verified = installation.output(&["verify"]);
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    };
    purged(&installation).await;
    let journal = installation.settings["FAIRLEAD_ERASURE_JOURNAL"].clone();
    eventually("both are noted", async || {
        let noted = fs::read_to_string(&journal).unwrap_or_default();
        noted.contains(&format!(r#""organization","stream":"{id}""#))
            && noted.contains(&format!(r#""user","stream":"{owner}""#))
    })
    .await;
    drop(worker);

    // Life goes on with the copy, in which both are there.
    let ended_here = installation.continue_with(old);
    let admin = installation.database.admin().await;
    assert!(!search::in_tables(&admin, &TOLD).await.is_empty(), "the copy knows them");
    installation.stdout(&["sequencer", "adopt"]);
    assert_eq!(installation.stdout(&["erasures", "reapply"]), "2 erased, 0 erased already, 0 not in this database\n");
    assert_eq!(installation.stdout(&["erasures", "reapply"]), "0 erased, 2 erased already, 0 not in this database\n");
    let _worker = installation.start("worker");
    purged(&installation).await;
    eventually("nothing tells of them", async || search::in_tables(&admin, &TOLD).await.is_empty()).await;
    drop(ended_here);
}
