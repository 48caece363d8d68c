//! Publishing events again, to one queue.

use fairlead_application::envelope::SequencedEvent;
use lapin::{
    Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    protocol::AMQPSoftError,
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::time::{Duration, timeout};

use crate::{
    connection::{AmqpUrl, connect},
    error::{BrokerError, soft_error},
    message::Message,
    plan::Body,
};

/// Until the broker has answered.
const LIMIT: Duration = Duration::from_secs(30);

/// The header by which a consumer tells a message that was published again.
pub const REPLAYED_HEADER: &str = "replayed";

/// Publishes events again, to one queue alone. Each message is marked by a header.
pub struct Replayer {
    connection: Connection,
    channel: Channel,
    queue: ShortString,
}

/// Events can't be published again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The broker does not do it.
    #[error("{0}")]
    Broker(String),
    /// The queue's name is too long.
    #[error("a queue's name has 1 to 255 bytes")]
    Name,
    /// The queue is there, but would lose events.
    #[error("the queue is there with other properties; name a durable quorum queue, or one that is not there yet")]
    OtherQueue,
    /// The broker did not store a message, or the queue was deleted meanwhile.
    #[error("the broker did not put a message into the queue")]
    Refused,
    /// The broker can't take the event.
    #[error("the event at position {position} is no message: {why}")]
    Unencodable {
        /// Its position.
        position: i64,
        /// What is in the way.
        why: String,
    },
    /// The event's aggregate is unknown to this program.
    #[error("the event at position {0} is of a kind that this program does not know")]
    Unknown(i64),
}

impl From<BrokerError> for ReplayError {
    fn from(error: BrokerError) -> Self {
        Self::Broker(error.to_string())
    }
}

impl From<lapin::Error> for ReplayError {
    fn from(error: lapin::Error) -> Self {
        BrokerError::from(error).into()
    }
}

impl Replayer {
    /// Connects, and makes the queue if it is missing: durable, and of the type quorum.
    ///
    /// # Errors
    /// [`ReplayError`]
    pub async fn connect(url: AmqpUrl, queue: &str) -> Result<Self, ReplayError> {
        let queue = Some(queue).filter(|name| !name.is_empty()).and_then(|name| ShortString::try_new(name).ok());
        let queue = queue.ok_or(ReplayError::Name)?;
        let connection = connect(url, "fairlead replay").await?;
        let opening = async {
            let channel = connection.create_channel().await?;
            let mut arguments = FieldTable::default();
            arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
            let durable = QueueDeclareOptions { durable: true, ..Default::default() };
            channel.queue_declare(queue.clone(), durable, arguments).await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok::<_, lapin::Error>(channel)
        };
        let channel = timeout(LIMIT, opening).await.map_err(|_| BrokerError::TimedOut("declaring the queue"))?;
        let channel = channel.map_err(|error| {
            let conflict = soft_error(&error) == Some(AMQPSoftError::PRECONDITIONFAILED);
            if conflict { ReplayError::OtherQueue } else { error.into() }
        })?;
        Ok(Self { connection, channel, queue })
    }

    /// Publishes some events in their order, and waits until all of them are confirmed.
    ///
    /// # Errors
    /// [`ReplayError`]; some of the events may be in the queue then.
    pub async fn publish(&mut self, events: &[SequencedEvent]) -> Result<(), ReplayError> {
        let publishing = async {
            let mut confirms = Vec::with_capacity(events.len());
            for event in events {
                let position = event.position;
                let Message { properties, body, .. } = match Message::of(event) {
                    Body::Message(message) => message,
                    Body::Unknown(_) => return Err(ReplayError::Unknown(position)),
                    Body::Gone => continue,
                    Body::Unencodable(why) => return Err(ReplayError::Unencodable { position, why }),
                };
                let mut headers = properties.headers().clone().unwrap_or_default();
                headers.insert(REPLAYED_HEADER.into(), AMQPValue::Boolean(true));
                let options = BasicPublishOptions { mandatory: true, ..Default::default() };
                let properties = properties.with_headers(headers);
                // The nameless exchange leads to the queue of the key's name, and nowhere else.
                confirms
                    .push(self.channel.basic_publish("".into(), self.queue.clone(), options, &body, properties).await?);
            }
            for confirm in confirms {
                if !matches!(confirm.await?, Confirmation::Ack(None)) {
                    return Err(ReplayError::Refused);
                }
            }
            Ok::<(), ReplayError>(())
        };
        timeout(LIMIT, publishing).await.map_err(|_| BrokerError::TimedOut("confirming messages"))?
    }

    /// Ends the connection.
    ///
    /// # Errors
    /// [`ReplayError::Broker`]
    pub async fn close(self) -> Result<(), ReplayError> {
        Ok(self.connection.close(200, "OK".into()).await?)
    }
}
