//! A client in TypeScript, generated from the document that the program prints, in which a linter finds nothing.

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

    let mut check = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testing/client/check"));
    let checked = check.args([&document, &installation.url("")]).output().unwrap();
    fs::remove_file(&document).unwrap();
    let told = [checked.stdout, checked.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(checked.status.success() && told.lines().any(|line| line == "ok"), "{told}");
}
