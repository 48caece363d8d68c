//! Letters, from the command that asks for one to the file in which it lies.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use fairlead_application::{
    App, Context, Expected,
    ports::{Clock, System},
};
use fairlead_domain::{
    identity::{
        Membership, MembershipCommand, MembershipProfile, Organization, OrganizationCommand, RoleRef, User, UserCommand,
    },
    ids::{OrganizationId, UserId},
    values::{Email, Label, PersonName},
};
use fairlead_postgres::{Nudge, PostgresStore};
use fairlead_testing::engine::eventually;
use serde_json::json;
use uuid::Uuid;

use crate::process::{Installation, answered};

/// The letters in a folder, those asked for first at the beginning.
pub(crate) fn letters(folder: &str) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path());
    // One whose name begins with a dot is being written.
    let whole = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".eml") && !name.starts_with('.')
    };
    let mut files: Vec<_> = files.filter(whole).collect();
    files.sort();
    files.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

async fn ask(app: &App, user: UserId) {
    let cx = Context::system(OrganizationId::DIRECTORY, "policy:test");
    let expires_at = System.now() + std::time::Duration::from_secs(3600);
    let ask = UserCommand::RequestVerification { expires_at };
    app.execute::<User>(&cx, user, Expected::Any, ask).await.unwrap();
}

#[tokio::test]
async fn a_letter_is_sent_that_was_asked_for_before_any_worker_was_there() {
    let mut installation = Installation::new().await;
    installation.settings.insert("FAIRLEAD_APP_URL", "https://app.example.com/".to_owned());
    let store = PostgresStore::new(installation.database.app(), Arc::new(Nudge::default()));
    let app = App::new(Arc::new(store), Arc::new(System), Arc::new(System));
    let user = UserId::from(Uuid::from_u128(0x0193_a3c0_0000_7000_8000_0000_0000_00aa));
    let (email, name) = (Email::new("hidden@example.com").unwrap(), PersonName::new("Hidden Name").unwrap());
    let cx = Context::system(OrganizationId::DIRECTORY, "policy:test");
    app.execute::<User>(&cx, user, Expected::New, UserCommand::Register { email, name }).await.unwrap();
    ask(&app, user).await;

    let folder = installation.settings["FAIRLEAD_MAIL_DIRECTORY"].clone();
    let log = Path::new(&folder).with_extension("log");
    let mut process = installation.start_logging("dev", &log);
    installation.ready().await;
    eventually("the letter is there", async || letters(&folder).len() == 1).await;
    ask(&app, user).await;
    eventually("another one is there", async || letters(&folder).len() == 2).await;
    // The two others, too.
    let in_an_hour = System.now() + std::time::Duration::from_secs(3600);
    let reset = UserCommand::RequestPasswordReset { expires_at: in_an_hour };
    app.execute::<User>(&cx, user, Expected::Any, reset).await.unwrap();
    let organization = OrganizationId::from(installation.organization);
    let cx = Context::system(organization, "policy:test");
    let register = OrganizationCommand::Register { name: Label::new("Hidden Ships").unwrap(), owner: user };
    app.execute::<Organization>(&cx, organization, Expected::New, register).await.unwrap();
    let profile = MembershipProfile { roles: [RoleRef::OWNER].into(), projects: None };
    let invite = MembershipCommand::Invite { profile, invited_by: None, expires_at: in_an_hour };
    app.execute::<Membership>(&cx, user, Expected::New, invite).await.unwrap();
    eventually("all are there", async || letters(&folder).len() == 4).await;
    let token = installation.token("operator:read");
    let status = installation.http.get(installation.url("/v1/operator/consumers/identity.mail")).bearer_auth(&token);
    assert_eq!(answered(status).await, (200, json!({ "name": "identity.mail", "held_streams": 0, "dead_streams": 0 })));
    process.signal("TERM");
    assert!(process.ended().await.success());

    let log_text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let mut paths = Vec::new();
    for letter in letters(&folder) {
        assert!(letter.contains("To: \"Hidden Name\" <hidden@example.com>"), "{letter}");
        let link = letter.lines().find_map(|line| line.strip_prefix("https://app.example.com/")).unwrap();
        let (path, token) = link.split_once("?token=").unwrap();
        assert!(token.len() == 91 && !log_text.contains(token), "{letter}");
        paths.push(path.to_owned());
    }
    paths.sort();
    assert_eq!(paths, ["accept-invitation", "reset-password", "verify-email", "verify-email"]);
    assert!(!log_text.to_lowercase().contains("hidden"), "{log_text}");
}

#[tokio::test]
async fn settings_of_mail_that_are_no_use_name_themselves() {
    let installation = Installation::new().await;
    for (settings, key) in [
        (&[("FAIRLEAD_SMTP_URL", "hunter2")][..], "mail_from"),
        (&[("FAIRLEAD_SMTP_URL", "hunter2"), ("FAIRLEAD_MAIL_FROM", "a@example.com")], "smtp_url"),
        (&[("FAIRLEAD_MAIL_FROM", "hunter2")], "mail_from"),
        (&[("FAIRLEAD_APP_URL", "hunter2")], "app_url"),
        (&[("FAIRLEAD_APP_URL", "https://app.example.com?hunter2")], "app_url"),
    ] {
        let output = installation.command(&["worker"]).envs(settings.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(key) && !said.contains("hunter2"), "{said}");
    }
}
