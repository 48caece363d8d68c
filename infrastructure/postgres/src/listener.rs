//! Hears notifications, on one connection a process, and wakes whoever waits.

use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::{sync::watch, time::sleep};
use tokio_postgres::{AsyncMessage, NoTls};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Databases;

/// The channel on which committers speak.
pub(crate) const APPENDED: &str = "fairlead_appended";
/// The channel on which the sequencer speaks, inside its tick.
const TICKED: &str = "fairlead_ticked";
/// The channel on which those speak who come, go, or demand something of a subscription.
pub(crate) const SUBSCRIPTIONS: &str = "fairlead_subscriptions";

/// Ears to wait with.
#[derive(Clone)]
pub struct Wakeups {
    /// Changes when something may have been committed.
    pub(crate) appended: watch::Receiver<()>,
    /// Changes when the global order may have grown.
    pub(crate) ticked: watch::Receiver<()>,
    /// Changes when somebody came or went, or demanded something of a subscription.
    pub(crate) subscriptions: watch::Receiver<()>,
}

/// Listens on a connection of its own.
pub struct Listener {
    databases: Databases,
    appended: watch::Sender<()>,
    ticked: watch::Sender<()>,
    subscriptions: watch::Sender<()>,
}

impl Listener {
    /// A listener, and the ears it wakes.
    pub fn new(databases: Databases) -> (Self, Wakeups) {
        let (appended, hear_appended) = watch::channel(());
        let (ticked, hear_ticked) = watch::channel(());
        let (subscriptions, hear_subscriptions) = watch::channel(());
        let wakeups = Wakeups { appended: hear_appended, ticked: hear_ticked, subscriptions: hear_subscriptions };
        (Self { databases, appended, ticked, subscriptions }, wakeups)
    }

    /// Works until told to stop, over as many connections as it takes.
    pub async fn run(self, stop: CancellationToken) {
        let work = async {
            loop {
                if let Err(error) = self.listen().await {
                    warn!(%error, "lost the connection for notifications; connecting again");
                }
                sleep(Duration::from_millis(500)).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    async fn listen(&self) -> Result<(), tokio_postgres::Error> {
        let (client, mut connection) = self.databases.config.connect(NoTls).await?;
        let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
        let sql = format!("listen {APPENDED}; listen {TICKED}; listen {SUBSCRIPTIONS}");
        let listen = client.batch_execute(&sql);
        tokio::pin!(listen);
        let mut listening = false;
        loop {
            let message = tokio::select! {
                outcome = &mut listen, if !listening => {
                    outcome?;
                    listening = true;
                    info!("listening for notifications");
                    // Whatever happened before this moment was not heard.
                    self.appended.send_replace(());
                    self.ticked.send_replace(());
                    self.subscriptions.send_replace(());
                    continue;
                }
                message = messages.next() => message,
            };
            match message {
                Some(Ok(AsyncMessage::Notification(notification))) => match notification.channel() {
                    APPENDED => self.appended.send_replace(()),
                    TICKED => self.ticked.send_replace(()),
                    SUBSCRIPTIONS => self.subscriptions.send_replace(()),
                    _ => {}
                },
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            }
        }
    }
}
