//! A way to the broker that can be shut in either direction, to hold the world still at a certain moment.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

pub(crate) struct Proxy {
    port: u16,
    to_broker: watch::Sender<bool>,
    from_broker: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// In front of the broker of an AMQP URL. Open in both directions.
    pub(crate) async fn start(url: &str) -> Self {
        let (_, authority) = url.split_once('@').unwrap();
        let (address, _) = authority.split_once('/').unwrap();
        let address = address.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (to_broker, from_broker) = (watch::Sender::new(true), watch::Sender::new(true));
        let gates = (to_broker.subscribe(), from_broker.subscribe());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let broker = TcpStream::connect(&address).await.unwrap();
                let ((client_reads, client_writes), (reads, writes)) = (client.into_split(), broker.into_split());
                tokio::spawn(copy(client_reads, writes, gates.0.clone()));
                tokio::spawn(copy(reads, client_writes, gates.1.clone()));
            }
        });
        Self { port, to_broker, from_broker, task }
    }

    /// The URL through here.
    pub(crate) fn through(&self, url: &str) -> String {
        let (before, authority) = url.split_once('@').unwrap();
        let (_, path) = authority.split_once('/').unwrap();
        format!("{before}@127.0.0.1:{}/{path}", self.port)
    }

    pub(crate) fn open_forth(&self, open: bool) {
        self.to_broker.send_replace(open);
    }

    pub(crate) fn open_back(&self, open: bool) {
        self.from_broker.send_replace(open);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut open: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 65536];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if open.wait_for(|open| *open).await.is_err() || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
