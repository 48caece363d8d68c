//! The commands that end by themselves.

use fairlead_testing::engine::eventually;
use serde_json::{Value, json};

use crate::process::{Installation, answered};

#[tokio::test]
async fn migrations_go_down_and_up_and_tell_where_they_are() {
    let installation = Installation::new().await;
    let lines = |text: String| text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>();
    let count = lines(installation.stdout(&["migrate", "status"])).len();
    for applied in (0..=count).rev() {
        let all = lines(installation.stdout(&["migrate", "status"]));
        let expected = [vec!["applied"; applied], vec!["pending"; count - applied]].concat();
        assert_eq!(all, expected);
        if applied > 0 {
            installation.stdout(&["migrate", "down"]);
        }
    }
    let output = installation.output(&["worker"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("fairlead migrate up"), "a worker says what is missing");
    assert_eq!(lines(installation.stdout(&["migrate", "up"])), vec!["applied"; count]);
    assert_eq!(lines(installation.stdout(&["migrate", "up"])), vec!["applied"; count]);
}

#[tokio::test]
async fn the_sequencer_adopts_and_the_tail_ends_at_the_end() {
    let installation = Installation::new().await;
    let status = installation.stdout(&["sequencer", "status"]);
    assert!(status.contains("position     0") && status.contains("at home"), "{status}");
    assert_eq!(installation.stdout(&["sequencer", "adopt"]), "incarnation 2 begins; 0 events got a position\n");
    assert_eq!(installation.stdout(&["events", "tail", "--after", "0", "--no-follow"]), "");
    let document: Value = serde_json::from_str(&installation.stdout(&["openapi"])).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
}

#[tokio::test]
async fn subscriptions_are_listed_paused_rebuilt_and_resumed() {
    let installation = Installation::new().await;
    let mut processes = vec![installation.start("worker"), installation.start("api")];
    installation.ready().await;
    let token = installation.token("*:*");
    let create = installation.http.post(installation.url("/v1/contacts")).bearer_auth(token);
    assert_eq!(answered(create.json(&json!({ "name": "Ana" }))).await.0, 201);
    let held = |state: &str| {
        let list = installation.stdout(&["subscriptions", "list"]);
        list.lines().filter(|line| line.starts_with("crm.contacts\t") && line.split('\t').nth(5) == Some(state)).count()
    };
    eventually("all partitions are held", async || held("yes") == 4).await;
    installation.stdout(&["subscriptions", "pause", "crm.contacts"]);
    eventually("nobody holds them", async || held("paused") == 4).await;
    installation.stdout(&["subscriptions", "resume", "crm.contacts"]);
    eventually("all are held again", async || held("yes") == 4).await;
    let rebuilt = installation.stdout(&["subscriptions", "rebuild", "crm.contacts"]);
    assert_eq!(rebuilt, "crm.contacts is rebuilt: 1 taken in, then the log followed\n");
    assert_eq!(installation.stdout(&["subscriptions", "parked"]).lines().count(), 1, "the heading alone");
    assert!(installation.stdout(&["subscriptions", "replay", "crm.contacts"]).starts_with("0 parked streams"));
    for wrong in [["subscriptions", "rebuild", "relay"], ["subscriptions", "pause", "nobody"]] {
        let output = installation.output(&wrong);
        assert!(!output.status.success() && !output.stderr.is_empty(), "{wrong:?}");
    }
    // A second worker gets its share at once.
    processes.push(installation.start("worker"));
    let holders = "select count(distinct pid) from pg_locks where locktype = 'advisory' and objid < 32767
                      and database = (select oid from pg_database where datname = current_database())";
    let admin = installation.database.admin().await;
    eventually("two workers share", async || admin.query_one(holders, &[]).await.unwrap().get::<_, i64>(0) == 2).await;
    processes[0].signal("KILL");
    eventually("one takes all", async || {
        admin.query_one(holders, &[]).await.unwrap().get::<_, i64>(0) == 1 && held("yes") == 4
    })
    .await;
}

#[tokio::test]
async fn verifying_fails_when_something_differs_and_shows_no_values() {
    let installation = Installation::new().await;
    assert!(installation.stdout(&["verify"]).starts_with("0 streams and 0 events were compared\n"));
    let _processes = [installation.start("worker"), installation.start("api")];
    installation.ready().await;
    let create = installation.http.post(installation.url("/v1/contacts")).bearer_auth(installation.token("*:*"));
    assert_eq!(answered(create.json(&json!({ "name": "Zebulon" }))).await.0, 201);
    let whole = [
        "1 streams and 1 events were compared\n",
        "crm.contacts: the rows of 1 streams were compared\n",
        "crm.timeline: the rows of 1 streams were compared\n",
        "identity.audit: the rows of 1 streams were compared\n",
    ];
    eventually("all is projected", async || {
        let told = installation.stdout(&["verify"]);
        whole.iter().all(|line| told.contains(line))
    })
    .await;
    let admin = installation.database.admin().await;
    admin.batch_execute("update engine.streams set state = jsonb_set(state, '{name}', '\"Quix\"')").await.unwrap();
    admin.batch_execute("delete from crm.timeline").await.unwrap();
    let output = installation.output(&["verify"]);
    assert_eq!(output.status.code(), Some(1));
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let differences: Vec<_> = out.lines().filter_map(|line| line.split('\t').nth(3)).collect();
    assert_eq!(
        differences,
        [
            "difference",
            "the stored state differs at /name",
            "crm.contacts: the row differs in name, parts, state, twins, words",
            "crm.timeline: the row of event 1 is missing"
        ]
    );
    let lines = out.lines().filter(|line| line.starts_with(&installation.organization.to_string()));
    assert_eq!(lines.count(), 3);
    assert!(err.contains("3 differences were found"), "{err}");
    assert!(!out.contains("Zebulon") && !out.contains("Quix"), "{out}");
    let stranger = fairlead_testing::store_contract::caller().tenant();
    installation.stdout(&["verify", "--organization", &uuid::Uuid::from(stranger).to_string()]);
}
