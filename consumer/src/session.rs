//! One connection to the broker, from its beginning to its end.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use lapin::{
    Acker, Channel,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
    uri::AMQPUri,
};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{
    backoff::Backoff,
    connection::{BrokerError, channel, confirming, connect},
    handler::with_causes,
    letters, measure,
    message::Message,
    tables::StreamKey,
    topology,
    work::Work,
};

/// The longest time until a letter is written that another instance left unwritten.
const LOOK: Duration = Duration::from_secs(5);

/// Where and how messages are fetched.
pub(crate) struct Fetching {
    pub(crate) uri: AMQPUri,
    pub(crate) bindings: Vec<String>,
    pub(crate) prefetch: u16,
    /// Until handlers at work have to be ready when the consumer stops.
    pub(crate) grace: Duration,
    /// Cancelled once the broker has made the queue and its bindings, or has refused to.
    pub(crate) declared: CancellationToken,
}

/// A message and the way to acknowledge it.
type Fetched = (Message, Acker);

impl Fetching {
    /// Consumes until told to stop, on one connection after the other.
    pub(crate) async fn run(&self, work: &Arc<Work>, stop: &CancellationToken) {
        let mut backoff = Backoff::new();
        while !stop.is_cancelled() {
            let outcome = self.session(work, &mut backoff, stop).await;
            if let Err(error) = outcome
                && !stop.is_cancelled()
            {
                warn!(consumer = work.consumer(), error = with_causes(&error), "the broker is lost; connecting again");
                backoff.pause(stop).await;
            }
        }
    }

    async fn session(
        &self,
        work: &Arc<Work>,
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) -> Result<(), BrokerError> {
        let name = work.consumer();
        let connecting = stop.run_until_cancelled(connect(self.uri.clone(), name)).await;
        let Some(connection) = connecting.transpose()? else { return Ok(()) };
        let (consuming, publishing) = (channel(&connection).await?, confirming(&connection).await?);
        let declared = topology::declare(&consuming, name, &self.bindings).await;
        if declared.as_ref().is_ok() || declared.as_ref().is_err_and(topology::is_refusal) {
            self.declared.cancel();
        }
        declared?;
        consuming.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let mut deliveries = consuming.basic_consume(name.into(), "".into(), options, FieldTable::default()).await?;
        info!(consumer = name, "consuming");
        backoff.reset();

        let draining = stop.child_token();
        let mut lanes = Lanes::start(work, &draining);
        let letters = letters(work, &publishing);
        tokio::pin!(letters);
        let outcome = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break Ok(()),
                error = &mut letters => break Err(error),
                delivery = deliveries.next() => match delivery {
                    Some(Ok(delivery)) => {
                        if let Err(error) = lanes.take(work, &publishing, delivery).await {
                            break Err(error);
                        }
                    }
                    Some(Err(error)) => break Err(error.into()),
                    None => break Err(BrokerError::Ended),
                },
            }
        };
        // What is being handled is finished; what has not begun goes back to the queue, in its old place.
        draining.cancel();
        lanes.finish(work, self.grace).await;
        if connection.status().connected()
            && let Err(error) = connection.close(200, "OK".into()).await
        {
            debug!(%error, "the connection did not close in order");
        }
        outcome
    }
}

/// Workers side by side. All messages of a stream go to the same one, so that their order holds.
struct Lanes {
    senders: Vec<UnboundedSender<Fetched>>,
    tasks: JoinSet<()>,
}

impl Lanes {
    fn start(work: &Arc<Work>, draining: &CancellationToken) -> Self {
        let mut lanes = Self { senders: Vec::new(), tasks: JoinSet::new() };
        for _ in 0..work.lanes {
            // The broker sends no more than the prefetch allows.
            let (sender, receiver) = mpsc::unbounded_channel();
            lanes.senders.push(sender);
            lanes.tasks.spawn(lane(work.clone(), receiver, draining.clone()));
        }
        lanes
    }

    async fn take(&mut self, work: &Work, publishing: &Channel, delivery: Delivery) -> Result<(), BrokerError> {
        let message = match Message::of(&delivery) {
            Ok(message) => message,
            Err(problem) => {
                let problem = problem.to_string();
                error!(consumer = work.consumer(), error = problem, "a message is no event; it is put away");
                letters::put_away(&work.tables, publishing, &delivery, &problem).await?;
                measure::dead(work.consumer());
                ack(&delivery.acker).await;
                return Ok(());
            }
        };
        let mut hasher = DefaultHasher::new();
        StreamKey::from(&message.event).hash(&mut hasher);
        #[expect(clippy::cast_possible_truncation, reason = "a remainder of the number of lanes")]
        let lane = (hasher.finish() % self.senders.len() as u64) as usize;
        // A lane ends only after its sender, or in a panic of ours: then no message may pass it.
        self.senders[lane].send((message, delivery.acker)).map_err(|_| BrokerError::Ended)
    }

    /// Waits until what is being handled is finished, but not longer than `grace`.
    async fn finish(mut self, work: &Work, grace: Duration) {
        self.senders.clear();
        let finishing = async {
            while let Some(outcome) = self.tasks.join_next().await {
                if let Err(error) = outcome {
                    error!(consumer = work.consumer(), %error, "a lane ended in disorder");
                }
            }
        };
        if timeout(grace, finishing).await.is_err() {
            warn!(consumer = work.consumer(), "a handler was cut off; its event comes again");
            self.tasks.shutdown().await;
        }
    }
}

async fn lane(work: Arc<Work>, mut messages: UnboundedReceiver<Fetched>, draining: CancellationToken) {
    while let Some((message, acker)) = messages.recv().await {
        if draining.is_cancelled() || !work.settle(&message, &draining).await {
            return;
        }
        ack(&acker).await;
    }
}

/// An acknowledgement that doesn't arrive costs a duplicate, which is dropped; the loss of the connection is told to who
/// reads from it.
async fn ack(acker: &Acker) {
    if let Err(error) = acker.ack(BasicAckOptions::default()).await {
        debug!(%error, "an acknowledgement was lost");
    }
}

/// Writes letters for as long as the broker takes them.
async fn letters(work: &Work, publishing: &Channel) -> BrokerError {
    loop {
        match letters::write(&work.tables, publishing).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(letters::LetterError::Broker(error)) => return error,
            Err(letters::LetterError::Tables(error)) => {
                warn!(consumer = work.consumer(), error = with_causes(&error), "letters wait for the database");
            }
        }
        tokio::select! {
            () = work.died.notified() => {}
            () = sleep(LOOK) => {}
        }
    }
}
