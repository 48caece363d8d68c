//! Connecting to the broker.

use std::{fmt, str::FromStr, time::Duration};

use lapin::{Connection, ConnectionProperties, uri::AMQPUri};
use tokio::time::timeout;

use crate::error::BrokerError;

/// For the TCP connection alone.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Until the broker has answered everything that makes a connection, authentication included. Longer than its own
/// limit for that (`handshake_timeout`, 10 s), after which it closes: an attempt that is abandoned while the broker
/// keeps it open would leave its thread behind.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);
/// Seconds; a dead connection is noticed after about two of them.
const HEARTBEAT: u16 = 10;

/// Where the broker is: `amqp://user:password@host:port/virtual-host`, or `amqps://` for TLS. Never shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct AmqpUrl(AMQPUri);

/// The text is no AMQP URL. It is not repeated, since it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected amqp://user:password@host:port/virtual-host or amqps://…, special characters percent-encoded")]
pub struct InvalidAmqpUrl;

impl FromStr for AmqpUrl {
    type Err = InvalidAmqpUrl;

    fn from_str(text: &str) -> Result<Self, InvalidAmqpUrl> {
        let mut uri = AMQPUri::from_str(text).map_err(|_| InvalidAmqpUrl)?;
        // The parser takes a literal IPv6 address for a missing host, and would go to localhost.
        if text.contains("//[") || text.contains("@[") {
            return Err(InvalidAmqpUrl);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        uri.query.connection_timeout.get_or_insert(CONNECT_LIMIT.as_millis().try_into().unwrap_or(u64::MAX));
        Ok(Self(uri))
    }
}

impl fmt::Display for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(AMQPUri { scheme, authority, vhost, .. }) = self;
        write!(f, "{scheme}://{}:{}/{vhost}", authority.host, authority.port)
    }
}

impl fmt::Debug for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AmqpUrl({self})")
    }
}

/// Connects, once. `name` is what operators see in the list of connections.
pub(crate) async fn connect(url: AmqpUrl, name: &'static str) -> Result<Connection, BrokerError> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connecting = Connection::connect_uri(url.0, properties);
    Ok(timeout(HANDSHAKE_LIMIT, connecting).await.map_err(|_| BrokerError::TimedOut("connecting"))??)
}

#[cfg(test)]
mod tests {
    use super::{AmqpUrl, InvalidAmqpUrl};

    #[test]
    fn never_shows_the_password() {
        let url: AmqpUrl = "amqps://ana:s3cret@broker.example/sales".parse().unwrap();
        assert_eq!(url.to_string(), "amqps://broker.example:5671/sales");
        assert_eq!(format!("{url:?}"), "AmqpUrl(amqps://broker.example:5671/sales)");
    }

    #[test]
    fn refuses_what_is_no_amqp_url_without_repeating_it() {
        for text in ["", "ana:s3cret@broker", "http://broker/", "amqp://ana:s3cret@[::1]/"] {
            let error = text.parse::<AmqpUrl>().unwrap_err();
            assert_eq!(error, InvalidAmqpUrl);
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}
