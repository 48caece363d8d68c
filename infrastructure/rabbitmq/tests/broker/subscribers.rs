//! The subscribers of the guide, as real processes.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use fairlead_application::envelope::SequencedEvent;
use fairlead_testing::{broker::VirtualHost, required};
use lapin::{options::QueueDeclareOptions, types::FieldTable};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    memory_log::MemoryLog,
    support::{Running, channel, within},
};

const QUEUE: &str = "guide.contacts";

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_subscriber_prints_each_event_once() {
    // Tests lie in target/<profile>/deps, examples in target/<profile>/examples.
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/subscriber");
    assert!(program.exists(), "{} is missing: run the tests by `make test`, which builds it", program.display());
    prints_each_event_once(Command::new(program)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_subscriber_prints_each_event_once() {
    prints_each_event_once(python()).await;
}

/// The same, holding events against their schemas.
fn python() -> Command {
    let guides: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "guides"].iter().collect();
    let mut command = Command::new(required("FAIRLEAD_TEST_PYTHON"));
    command.arg(guides.join(Path::new("subscriber.py"))).env("SCHEMAS", guides.join("contracts/events"));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_subscriber_stops_at_what_was_not_promised() {
    for (name, told) in [("contact.renamed", "'name' is a required property"), ("contact.unheard_of", "No such file")] {
        let (host, log) = (VirtualHost::create().await, MemoryLog::new());
        let relay = Running::start(&log, &host);
        log.append_named(99, |_| "contact.deleted");
        within("the relay is at work", log.reached(1)).await;
        let mut command = python();
        command.args([QUEUE, "crm.contact.#"]).env("AMQP_URL", host.url());
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        subscribed(&host).await;
        log.append_with(1, name, json!({ "nickname": "Ana" }));
        let output = within("the subscriber ends", child.wait_with_output()).await.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(told), "{name}: {error}");
        relay.stop().await;
    }
}

async fn prints_each_event_once(mut command: Command) {
    let host = VirtualHost::create().await;
    let log = MemoryLog::new();
    // The exchange is the relay's to declare.
    let relay = Running::start(&log, &host);
    log.append_named(99, |_| "contact.deleted");
    within("the relay is at work", log.reached(1)).await;
    command.args([QUEUE, "crm.contact.#"]).env("AMQP_URL", host.url());
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    subscribed(&host).await;
    for number in 0..500 {
        log.append(number % 10);
    }
    within("everything is recorded", log.reached(501)).await;
    relay.stop().await;
    // Everything again, and one more, behind which no duplicate can hide.
    let repeated = log.again();
    repeated.append(3);
    let relay = Running::start(&repeated, &host);
    let expected = repeated.events();
    let mut printed = Vec::new();
    let last = expected.last().unwrap().event.id.to_string();
    while printed.last().is_none_or(|line: &String| !line.contains(&last)) {
        printed.push(within("a line", lines.next_line()).await.unwrap().unwrap());
    }
    // It was not yet subscribed when the first event came; of the repetition it takes that one too.
    assert_eq!(sorted(printed.clone()), sorted(expected.iter().map(line).collect()));
    assert_in_order(&expected, &printed);
    interrupt(&child);
    let status = within("the subscriber ends", child.wait()).await.unwrap();
    assert!(status.success(), "{status}");
    relay.stop().await;
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

fn line(event: &SequencedEvent) -> String {
    format!("{} {} {} {}", event.event.event_type, event.event.id, event.stream, event.position)
}

fn assert_in_order(events: &[SequencedEvent], printed: &[String]) {
    let mut streams: Vec<_> = events.iter().map(|event| event.stream).collect();
    streams.dedup();
    for stream in streams {
        let stream = stream.to_string();
        let of_stream = |line: &&String| line.contains(&stream);
        let positions = printed.iter().filter(of_stream).map(|line| line.rsplit(' ').next().unwrap());
        assert!(positions.map(|position| position.parse::<i64>().unwrap()).is_sorted(), "stream {stream}");
    }
}

/// Waits until somebody consumes from the queue.
async fn subscribed(host: &VirtualHost) {
    let (connection, _) = channel(host).await;
    within("the subscriber is ready", async {
        loop {
            // A queue that is missing closes the channel.
            let channel = connection.create_channel().await.unwrap();
            let passive = QueueDeclareOptions { passive: true, durable: true, ..Default::default() };
            let queue = channel.queue_declare(QUEUE.into(), passive, FieldTable::default()).await;
            if queue.is_ok_and(|queue| queue.consumer_count() > 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// What Ctrl-C sends.
fn interrupt(child: &Child) {
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
}
