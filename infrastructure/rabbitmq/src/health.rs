//! Asking the broker whether it works.

use std::time::Duration;

use async_trait::async_trait;
use fairlead_application::health::{Condition, HealthCheck};
use futures::{FutureExt, future::BoxFuture};
use lapin::Connection;
use tokio::{sync::Mutex, time::timeout};

use crate::{AmqpUrl, connection::connect, error::BrokerError};

const LIMIT: Duration = Duration::from_secs(2);

/// Asks the broker for a channel, on one connection that is kept and, when it is broken, opened anew.
pub struct BrokerHealth {
    url: AmqpUrl,
    link: Mutex<Link>,
}

enum Link {
    Down,
    /// An attempt goes on over several checks, so that a broker that hangs doesn't collect attempts.
    Connecting(BoxFuture<'static, Result<Connection, BrokerError>>),
    Up(Connection),
}

impl BrokerHealth {
    /// Connects with the first check.
    pub fn new(url: AmqpUrl) -> Self {
        Self { url, link: Mutex::new(Link::Down) }
    }

    async fn ask(&self) -> Result<(), BrokerError> {
        let mut link = self.link.lock().await;
        if let Link::Up(connection) = &*link {
            // When the time is up in the middle of it, the connection stays: the broker may only be slow, and a dead
            // connection ends by its heartbeat.
            match ask(connection).await {
                Ok(()) => return Ok(()),
                // It may have broken long ago; only a new one tells.
                Err(_) => *link = Link::Down,
            }
        }
        if matches!(*link, Link::Down) {
            *link = Link::Connecting(connect(self.url.clone(), "fairlead health").boxed());
        }
        if let Link::Connecting(attempt) = &mut *link {
            let attempted = attempt.await;
            *link = Link::Down;
            let connection = attempted?;
            ask(&connection).await?;
            *link = Link::Up(connection);
        }
        Ok(())
    }
}

async fn ask(connection: &Connection) -> Result<(), BrokerError> {
    let channel = connection.create_channel().await?;
    Ok(channel.close(200, "OK".into()).await?)
}

#[async_trait]
impl HealthCheck for BrokerHealth {
    fn name(&self) -> &'static str {
        "rabbitmq"
    }

    async fn check(&self) -> Vec<Condition> {
        let late = |_| Err(BrokerError::TimedOut("asking for a channel"));
        vec![match timeout(LIMIT, self.ask()).await.unwrap_or_else(late) {
            Ok(()) => Condition::up(self.name()),
            Err(problem) => Condition::down(self.name(), problem.to_string()),
        }]
    }
}
