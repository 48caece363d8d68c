//! A copy of the database from before an erasure, restored after it.

use std::{collections::BTreeSet, fs};

use fairlead_testing::{
    cluster::copy,
    database::{TestDatabase, connect},
    engine::eventually,
    required, search,
};
use serde_json::{Value, json};

use crate::process::{Installation, answered};

const TOLD: [&str; 5] = ["Zebulon Quixworth", "zeb@quixworth.example", "quixlabel", "Quixnote", "Quixactivity"];

#[tokio::test]
async fn a_restored_copy_is_erased_again_from_the_journal() {
    let mut installation = Installation::new().await;
    let first = installation.start("dev");
    installation.ready().await;
    let token = installation.token("contacts:* companies:* activities:*");
    let post =
        |installation: &Installation, path: &str| installation.http.post(installation.url(path)).bearer_auth(&token);
    let told = json!({ "name": TOLD[0], "email": TOLD[1], "tags": [TOLD[2]], "attributes": { "note": TOLD[3] } });
    let create = post(&installation, "/v1/contacts").json(&told);
    let id = answered(create).await.1["id"].as_str().unwrap().to_owned();
    let firm = answered(post(&installation, "/v1/companies").json(&json!({ "name": "Firm" }))).await.1;
    let about = json!([{ "type": "contact", "id": id }, { "type": "company", "id": firm["id"] }]);
    let activity = json!({ "kind": "call", "subject": TOLD[4], "about": about });
    let activity =
        answered(post(&installation, "/v1/activities").json(&activity)).await.1["id"].as_str().unwrap().to_owned();
    let bystander = answered(post(&installation, "/v1/contacts").json(&json!({ "name": "Bystander" }))).await.1;
    let projected = async |database: &TestDatabase, count: i64| {
        let admin = database.admin().await;
        eventually("the lists have caught up", async || {
            let sql = "select (select count(*) from crm.contacts), (select count(*) from crm.activities)";
            let row = admin.query_one(sql, &[]).await.unwrap();
            (row.get::<_, i64>(0), row.get::<_, i64>(1)) == (count, 1)
        })
        .await;
    };
    projected(&installation.database, 2).await;

    // The copy is taken, then the person is erased.
    let old = TestDatabase::empty_on(&required("FAIRLEAD_TEST_DATABASE_URL"));
    let server = connect(&required("FAIRLEAD_TEST_DATABASE_URL")).await;
    let name = old.admin_url().rsplit('/').next().unwrap().to_owned();
    server.batch_execute(&format!("create database {name} owner fairlead_owner")).await.unwrap();
    copy(&installation.database.admin_url(), &old.admin_url());
    let wrong = installation.token("contacts:read contacts:write");
    let refused = installation.http.post(installation.url(&format!("/v1/contacts/{id}/erase"))).bearer_auth(&wrong);
    assert_eq!(answered(refused).await.0, 403);
    assert_eq!(answered(post(&installation, &format!("/v1/contacts/{id}/erase"))).await.0, 200);
    assert_eq!(answered(post(&installation, &format!("/v1/contacts/{id}/restore"))).await.1["code"], "contact.erased");
    let journal = installation.settings["FAIRLEAD_ERASURE_JOURNAL"].clone();
    eventually("it is noted", async || fs::read_to_string(&journal).is_ok_and(|text| text.contains(&id))).await;
    let noted = fs::read_to_string(&journal).unwrap();
    assert!(TOLD.iter().all(|told| !noted.contains(told)));
    drop(first);

    // Life goes on with the copy.
    let erased_here = installation.continue_with(old);
    let admin = installation.database.admin().await;
    assert!(!search::in_tables(&admin, &TOLD).await.is_empty(), "the copy knows the person");
    installation.stdout(&["sequencer", "adopt"]);
    assert_eq!(installation.stdout(&["erasures", "reapply"]), "1 erased, 0 erased already, 0 not in this database\n");
    let _second = installation.start("dev");
    installation.ready().await;
    projected(&installation.database, 1).await;
    eventually("the timeline has caught up", async || {
        let sql = "select count(*) from crm.timeline where type = 'contact.erased'";
        admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    // What activities tell about the person follows by itself.
    eventually("nothing is left", async || search::in_tables(&admin, &TOLD).await.is_empty()).await;
    let forgotten = installation.http.get(installation.url(&format!("/v1/activities/{activity}"))).bearer_auth(&token);
    let (status, forgotten) = answered(forgotten).await;
    assert_eq!((status, &forgotten["kind"], &forgotten["subject"]), (200, &json!("call"), &Value::Null));
    assert_eq!(search::in_dump(&installation.database.admin_url(), &TOLD), BTreeSet::new());
    let log = installation.stdout(&["events", "tail", "--after", "0", "--no-follow"]);
    assert!(
        TOLD.iter().all(|told| !log.contains(told)) && log.contains("Bystander") && log.contains(r#"{"erased":true}"#)
    );
    let shell = installation.http.get(installation.url(&format!("/v1/contacts/{id}"))).bearer_auth(&token);
    assert_eq!(answered(shell).await.0, 404);
    let shell = installation.http.get(installation.url(&format!("/v1/contacts/{id}?deleted=true"))).bearer_auth(&token);
    let (status, shell) = answered(shell).await;
    assert_eq!(
        (status, &shell["erased"], &shell["deleted"], &shell["name"]),
        (200, &json!(true), &json!(true), &Value::Null)
    );
    let url = installation.url(&format!("/v1/contacts/{}", bystander["id"].as_str().unwrap()));
    assert_eq!(answered(installation.http.get(url).bearer_auth(&token)).await.1["name"], "Bystander");

    // Again, it is so already; and what the journal names of another database is counted.
    let other = fs::read_to_string(&journal).unwrap().replace(&id, "019ca000-0000-7000-8000-00000000ffff");
    let file = format!("{journal}.more");
    fs::write(&file, format!("{noted}{other}")).unwrap();
    let again = installation.stdout(&["erasures", "reapply", "--journal", &file]);
    fs::write(&file, "torn").unwrap();
    let torn = installation.output(&["erasures", "reapply", "--journal", &file]);
    fs::remove_file(&file).unwrap();
    assert_eq!(again, "0 erased, 1 erased already, 1 not in this database\n");
    assert!(!torn.status.success() && String::from_utf8_lossy(&torn.stderr).contains("1 lines can't be read"));
    let rotated = installation.stdout(&["keys", "rotate"]);
    assert!(rotated.starts_with("rotation 2: 1 organizations have a new key, and 1 keys of people"), "{rotated}");
    assert_eq!(
        installation.stdout(&["keys", "status"]),
        "installation key test: wraps 2 keys of organizations and for signing\nrotation 2: finished\npeople: 1 with a key, 1 erased\n"
    );
    drop(erased_here);
}
