//! How fast the relay publishes, beside the bare client with the same messages and window:
//! `AMQP_URL=amqp://… throughput [<events>]`, best built with `--release`. Leaves the queue `fairlead.log` behind.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::{
    collections::VecDeque,
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use fairlead_application::{
    envelope::SequencedEvent,
    log::LogError,
    ports::{Metadata, StoredEvent},
    subscription::{Checkpoint, Claim, Entry, ParkedStream, Stretch, Subscriptions},
};
use fairlead_rabbitmq::{EXCHANGE, Relay};
use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Unconfirmed messages: those of one partition of the relay.
const WINDOW: usize = 512;

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::var("AMQP_URL").map_err(|_| "AMQP_URL is not set")?;
    let count: i64 = std::env::args().nth(1).map_or(Ok(50_000), |count| count.parse())?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let events: Arc<Vec<_>> = Arc::new((1..=count).map(event).collect());
    for round in 1..=3 {
        let relayed = relayed(&url, events.clone()).await?;
        let bare = bare(&url, &events).await?;
        let rate = |time: Duration| count as f64 / time.as_secs_f64();
        println!(
            "round {round}: relay {:.0}/s, bare client {:.0}/s, ratio {:.2}",
            rate(relayed),
            rate(bare),
            bare.as_secs_f64() / relayed.as_secs_f64()
        );
    }
    Ok(())
}

async fn relayed(url: &str, events: Arc<Vec<SequencedEvent>>) -> Result<Duration> {
    let (end, mut reached) = (events.len() as i64, watch::channel(0));
    let log = Log { events, reached: reached.0, handed_out: tokio::sync::Semaphore::new(1) };
    let stop = CancellationToken::new();
    let began = Instant::now();
    let relay = tokio::spawn(Relay::new(Arc::new(log), url.parse()?).run(stop.clone()));
    reached.1.wait_for(|position| *position >= end).await?;
    let took = began.elapsed();
    stop.cancel();
    relay.await?;
    Ok(took)
}

async fn bare(url: &str, events: &[SequencedEvent]) -> Result<Duration> {
    let began = Instant::now();
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut in_flight = VecDeque::new();
    for event in events {
        if in_flight.len() == WINDOW
            && let Some(oldest) = in_flight.pop_front()
        {
            confirmed(oldest).await?;
        }
        let body = serde_json::to_vec(&event.cloud_event())?;
        let properties = BasicProperties::default()
            .with_message_id(event.event.id.to_string().into())
            .with_content_type("application/cloudevents+json".into())
            .with_delivery_mode(2);
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let key = "crm.contact.created".into();
        in_flight.push_back(channel.basic_publish(EXCHANGE.into(), key, options, &body, properties).await?);
    }
    for oldest in in_flight {
        confirmed(oldest).await?;
    }
    let took = began.elapsed();
    connection.close(200, "OK".into()).await?;
    Ok(took)
}

async fn confirmed(message: impl Future<Output = lapin::Result<lapin::Confirmation>>) -> Result<()> {
    let confirmation = message.await?;
    if confirmation.is_ack() && confirmation.take_message().is_none() { Ok(()) } else { Err("not taken".into()) }
}

fn event(position: i64) -> SequencedEvent {
    let id = Uuid::from_u128(0x0199_c1a2_7d3e_7c55_9a53_0000_0000_0000 + position.unsigned_abs() as u128);
    let metadata = Metadata {
        actor: "0199b0aa-1c2d-7e3f-8a4b-5c6d7e8f9a0b".into(),
        correlation_id: Some(id),
        causation_id: None,
        hops: 0,
        traceparent: None,
    };
    let event = StoredEvent {
        id,
        version: 1,
        event_type: "contact.created".into(),
        schema_version: 1,
        data: json!({ "name": format!("Contact {position}"), "email": format!("contact{position}@example.com") }),
        metadata,
        occurred_at: "2026-03-04T05:06:07.000008Z".parse().unwrap_or_default(),
    };
    SequencedEvent { position, incarnation: 1, tenant: Uuid::from_u128(1), stream: id, event }
}

/// One partition with everything, which is there already.
struct Log {
    events: Arc<Vec<SequencedEvent>>,
    reached: watch::Sender<i64>,
    handed_out: tokio::sync::Semaphore,
}

struct Whole {
    events: Arc<Vec<SequencedEvent>>,
    reached: watch::Sender<i64>,
}

#[async_trait]
impl Subscriptions for Log {
    async fn claim(&self, _subscription: &str) -> std::result::Result<Box<dyn Claim>, LogError> {
        let once = self.handed_out.acquire().await.map_err(|error| LogError::Internal(error.into()))?;
        once.forget();
        Ok(Box::new(Whole { events: self.events.clone(), reached: self.reached.clone() }))
    }
}

#[async_trait]
impl Claim for Whole {
    fn partition(&self) -> i16 {
        0
    }

    fn checkpoint(&self) -> &Checkpoint {
        const BEGINNING: &Checkpoint = &Checkpoint { position: 0, ahead: Vec::new() };
        BEGINNING
    }

    fn parked(&self) -> &[ParkedStream] {
        &[]
    }

    fn holds(&self) -> bool {
        true
    }

    async fn ended(&self) {
        std::future::pending().await
    }

    async fn entries(&self, after: i64, limit: u32) -> std::result::Result<Stretch, LogError> {
        let entry = |event: &SequencedEvent| {
            let SequencedEvent { position, incarnation, tenant, stream, event } = event;
            let (position, version) = (*position, event.version);
            Entry { position, incarnation: *incarnation, tenant: *tenant, stream: *stream, version }
        };
        let later = self.events.iter().skip(usize::try_from(after).unwrap_or_default());
        let entries: Vec<_> = later.take(limit as usize).map(entry).collect();
        Ok(Stretch { reached: after + entries.len() as i64, entries })
    }

    async fn events(&self, entries: &[Entry]) -> std::result::Result<Vec<SequencedEvent>, LogError> {
        let event = |entry: &Entry| self.events.get(usize::try_from(entry.position - 1).unwrap_or_default()).cloned();
        Ok(entries.iter().filter_map(event).collect())
    }

    async fn advance(&self, checkpoint: &Checkpoint) -> std::result::Result<(), LogError> {
        self.reached.send_replace(checkpoint.position);
        Ok(())
    }

    async fn park(&self, entry: &Entry, error: &str) -> std::result::Result<(), LogError> {
        Err(LogError::Internal(format!("{} is parked: {error}", entry.position).into()))
    }

    async fn replays(&self) -> std::result::Result<Vec<ParkedStream>, LogError> {
        Ok(Vec::new())
    }

    async fn backlog(&self, _parked: &ParkedStream, _until: i64) -> std::result::Result<Vec<Entry>, LogError> {
        Ok(Vec::new())
    }

    async fn replayed(&self, _parked: &ParkedStream, _error: Option<&str>) -> std::result::Result<(), LogError> {
        Ok(())
    }

    async fn grown(&self) -> std::result::Result<(), LogError> {
        std::future::pending().await
    }

    async fn release(self: Box<Self>) {}
}
