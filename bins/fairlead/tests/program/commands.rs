//! The commands that end by themselves.

use serde_json::Value;

use crate::process::Installation;

#[tokio::test]
async fn migrations_go_down_and_up_and_tell_where_they_are() {
    let installation = Installation::new().await;
    let lines = |text: String| text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(installation.stdout(&["migrate", "status"])), ["applied", "applied"]);
    assert_eq!(lines(installation.stdout(&["migrate", "down"])), ["applied", "pending"]);
    assert_eq!(lines(installation.stdout(&["migrate", "down"])), ["pending", "pending"]);
    let output = installation.output(&["worker"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("fairlead migrate up"), "a worker says what is missing");
    assert_eq!(lines(installation.stdout(&["migrate", "up"])), ["applied", "applied"]);
    assert_eq!(lines(installation.stdout(&["migrate", "up"])), ["applied", "applied"]);
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
