//! Live events of the running program: two organizations under load, while their connections to the database end.

use std::{collections::HashMap, time::Duration};

use futures::future::join_all;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::process::{Installation, answered};

/// Reads a stream of events to its end, or until so many have come. Answers them, and the name of the last one if it has
/// one.
async fn heard(mut response: Response, count: usize) -> (Vec<Value>, String) {
    let (mut events, mut read) = (Vec::new(), String::new());
    while events.len() < count {
        let chunk = timeout(Duration::from_secs(60), response.chunk()).await.unwrap();
        let Ok(Some(chunk)) = chunk else { panic!("the stream broke after {} events", events.len()) };
        read.push_str(std::str::from_utf8(&chunk).unwrap());
        while let Some((block, rest)) = read.split_once("\n\n") {
            if let Some(name) = block.lines().find_map(|line| line.strip_prefix("event: ")) {
                return (events, name.to_owned());
            }
            let data = block.lines().find_map(|line| line.strip_prefix("data: "));
            events.extend(data.map(|data| serde_json::from_str::<Value>(data).unwrap()));
            read = rest.to_owned();
        }
    }
    (events, String::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_organization_hears_everything_of_its_own_whatever_happens_to_connections() {
    const CONTACTS: usize = 150;
    let installation = Installation::new().await;
    let mut process = installation.start("dev");
    installation.ready().await;
    let token = |organization: &Uuid, scope: &str| {
        let organization = organization.to_string();
        installation.stdout(&["token", "--organization", &organization, "--scope", scope]).trim().to_owned()
    };
    let organizations = [Uuid::from_u128(1), Uuid::from_u128(2)];
    let tokens = organizations.map(|organization| token(&organization, "*:*"));
    let (http, stream) = (&installation.http, installation.url("/v1/events/stream"));
    let mut listeners = Vec::new();
    for token in &tokens {
        for _ in 0..3 {
            let response = http.get(&stream).bearer_auth(token).send().await.unwrap();
            assert_eq!(response.status(), 200);
            listeners.push(tokio::spawn(heard(response, CONTACTS)));
        }
    }
    let blind = http.get(&stream).bearer_auth(token(&organizations[0], "events:read")).send().await.unwrap();
    let blind = tokio::spawn(heard(blind, 1));
    let idle = http.get(&stream).bearer_auth(token(&Uuid::from_u128(3), "*:*")).send().await.unwrap();
    let idle = tokio::spawn(heard(idle, 1));

    let admin = installation.database.admin().await;
    let mut names: HashMap<Uuid, Vec<String>> = HashMap::new();
    for n in 0..CONTACTS {
        if n % 50 == 25 {
            // Every connection of the program: of requests, of the sequencer, of the reader, of the listener.
            let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                         where datname = current_database() and pid <> pg_backend_pid()";
            admin.execute(kill, &[]).await.unwrap();
        }
        for (organization, token) in organizations.iter().zip(&tokens) {
            let name = format!("{organization} {n}");
            // Sent again under its key until it is answered.
            loop {
                let request = http.post(installation.url("/v1/contacts")).bearer_auth(token);
                let request = request.header("idempotency-key", &name).json(&json!({ "name": name }));
                if answered(request).await.0 == 201 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            names.entry(*organization).or_default().push(name);
        }
    }
    for (n, listener) in listeners.into_iter().enumerate() {
        let (events, end) = listener.await.unwrap();
        assert_eq!(end, "", "nobody was cut off");
        let organization = organizations[n / 3];
        assert!(events.iter().all(|event| event["tenantid"] == json!(organization)));
        let heard: Vec<_> = events.iter().map(|event| event["data"]["name"].as_str().unwrap()).collect();
        assert_eq!(heard, names[&organization], "everything, once, in order");
    }
    let token = &tokens[0];
    let (mut found, mut after) = (Vec::new(), json!(0));
    loop {
        let page = http.get(installation.url(&format!("/v1/events?limit=40&after={after}"))).bearer_auth(token);
        let (status, page) = answered(page).await;
        if status == 503 {
            continue;
        }
        found.extend(page["data"].as_array().unwrap().iter().map(|event| event["data"]["name"].clone()));
        after = page["next_after"].clone();
        if page["has_more"] == json!(false) {
            break;
        }
    }
    assert_eq!(found, names[&organizations[0]], "history tells the same");
    process.signal("TERM");
    for listener in join_all([blind, idle]).await {
        assert_eq!(listener.unwrap(), (vec![], "stopping".to_owned()));
    }
    assert!(process.ended().await.success());
}
