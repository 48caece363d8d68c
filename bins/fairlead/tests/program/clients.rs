//! The documents of the API and of the events: what linters find, and what a client is that is generated in TypeScript.

use std::{fs, process::Command};

use crate::process::Installation;

#[tokio::test]
async fn a_generated_client_works() {
    let mut installation = Installation::new().await;
    installation.settings.insert("FAIRLEAD_APP_URL", "https://app.example.com".to_owned());
    installation.settings.insert("FAIRLEAD_OPEN_REGISTRATION", "true".to_owned());
    let document = format!("{}.openapi.json", installation.settings["FAIRLEAD_MAIL_DIRECTORY"]);
    fs::write(&document, installation.stdout(&["openapi"])).unwrap();
    let _process = installation.start("dev");
    installation.ready().await;

    let served = installation.http.get(installation.url("/asyncapi.json")).send().await.unwrap();
    let events = format!("{}.asyncapi.json", installation.settings["FAIRLEAD_MAIL_DIRECTORY"]);
    fs::write(&events, served.text().await.unwrap()).unwrap();

    let testing = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testing/client");
    let checked = told(Command::new(format!("{testing}/check")).args([&document, &installation.url("")]));
    let validated = told(Command::new("node").args([&format!("{testing}/asyncapi.mjs"), &events]));
    fs::remove_file(&document).unwrap();
    fs::remove_file(&events).unwrap();
    let checked = checked.unwrap();
    assert!(checked.lines().any(|line| line == "ok"), "{checked}");
    assert_eq!(validated, Ok(String::new()));
}

/// What a command says; as an error when it fails.
fn told(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap();
    let told = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    if output.status.success() { Ok(told) } else { Err(told) }
}
