//! Connecting to the broker, and what goes wrong there.

use std::{str::FromStr, time::Duration};

use lapin::{Channel, Connection, ConnectionProperties, options::ConfirmSelectOptions, uri::AMQPUri};
use tokio::time::timeout;

/// For the TCP connection alone.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Until the broker has answered everything that makes a connection. Longer than its own limit for that (10 s).
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);
/// Seconds; a dead connection is noticed after about two of them.
const HEARTBEAT: u16 = 10;
/// Until the broker has answered anything else.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// What goes wrong between us and the broker. Nothing of it names a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    #[error("the broker failed: {0}")]
    Failed(#[from] lapin::Error),
    #[error("the broker ended the subscription")]
    Ended,
    #[error("the broker did not answer in time ({0})")]
    TimedOut(&'static str),
    #[error("{name} exists in the broker with other properties; delete it there once it is empty ({source})")]
    Conflict { name: String, source: lapin::Error },
    #[error("the broker did not take a message for {queue}")]
    Refused { queue: String },
}

/// The text is no AMQP URL. It is not repeated, since it may hold a password.
pub(crate) fn parse(url: &str) -> Option<AMQPUri> {
    let mut uri = AMQPUri::from_str(url).ok()?;
    // The parser takes a literal IPv6 address for a missing host, and would go to localhost.
    if url.contains("//[") || url.contains("@[") {
        return None;
    }
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    uri.query.connection_timeout.get_or_insert(CONNECT_LIMIT.as_millis().try_into().unwrap_or(u64::MAX));
    Some(uri)
}

/// Connects, once. `name` is what operators see in the list of connections.
pub(crate) async fn connect(uri: AMQPUri, name: &str) -> Result<Connection, BrokerError> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connecting = Connection::connect_uri(uri, properties);
    Ok(timeout(HANDSHAKE_LIMIT, connecting).await.map_err(|_| BrokerError::TimedOut("connecting"))??)
}

/// Opens a channel.
pub(crate) async fn channel(connection: &Connection) -> Result<Channel, BrokerError> {
    let opening = timeout(LIMIT, connection.create_channel()).await;
    Ok(opening.map_err(|_| BrokerError::TimedOut("opening a channel"))??)
}

/// Opens a channel on which the broker confirms what is published.
pub(crate) async fn confirming(connection: &Connection) -> Result<Channel, BrokerError> {
    let channel = channel(connection).await?;
    let selecting = timeout(LIMIT, channel.confirm_select(ConfirmSelectOptions::default())).await;
    selecting.map_err(|_| BrokerError::TimedOut("switching to confirms"))??;
    Ok(channel)
}
