//! The program itself, as processes beside this one.

use std::{
    collections::BTreeMap,
    env, fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fairlead_testing::{
    broker::VirtualHost,
    database::{ENCRYPTION_KEYS, TestDatabase},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

/// A broker that nobody is.
pub(crate) const NO_BROKER: &str = "amqp://nobody:nothing@127.0.0.1:1/%2f";

/// A database and a virtual host, and how the program is told of them.
pub(crate) struct Installation {
    pub(crate) database: TestDatabase,
    pub(crate) broker: VirtualHost,
    pub(crate) address: String,
    settings: BTreeMap<&'static str, String>,
}

impl Installation {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await;
        let broker = VirtualHost::create().await;
        let address = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").to_string();
        let settings = BTreeMap::from([
            ("FAIRLEAD_DATABASE_URL", database.admin_url()),
            ("FAIRLEAD_APP_DATABASE_URL", database.app_url()),
            ("FAIRLEAD_ENGINE_DATABASE_URL", database.engine_url()),
            ("FAIRLEAD_AMQP_URL", broker.url()),
            ("FAIRLEAD_HTTP_ADDRESS", address.clone()),
            ("FAIRLEAD_SECRET_KEY", "s".repeat(32)),
            ("FAIRLEAD_ENCRYPTION_KEYS", ENCRYPTION_KEYS.to_owned()),
            // Nobody is erased here, so there will be none.
            ("FAIRLEAD_ERASURE_JOURNAL", env::temp_dir().join("fairlead-bench-erasures.jsonl").display().to_string()),
            ("FAIRLEAD_MAIL_DIRECTORY", env::temp_dir().join("fairlead-bench-mail").display().to_string()),
            ("FAIRLEAD_ORGANIZATION_ID", Uuid::from_u128(1).to_string()),
            ("FAIRLEAD_RATE_LIMIT_PER_ORGANIZATION", "1000000".to_owned()),
            ("FAIRLEAD_RATE_LIMIT_PER_KEY", "1000000".to_owned()),
            ("FAIRLEAD_LOG_FILTER", "warn,lapin=off".to_owned()),
        ]);
        Self { database, broker, address, settings }
    }

    /// The program beside this one, with these arguments and the installation's settings alone.
    fn command(&self, arguments: &[&str]) -> Command {
        let own = env::current_exe().expect("a program");
        let mut command = Command::new(own.with_file_name("fairlead"));
        command.args(arguments).env_clear().envs(&self.settings).stdin(Stdio::null());
        command
    }

    /// A process that goes on, with settings of its own.
    pub(crate) fn start(&self, role: &str, settings: &[(&str, &str)]) -> Process {
        let mut command = self.command(&[role]);
        Process(command.envs(settings.iter().copied()).spawn().expect("the program: build it in the same profile"))
    }

    /// A token that permits everything.
    pub(crate) fn token(&self) -> String {
        let output = self.command(&["token"]).output().expect("the program");
        String::from_utf8(output.stdout).expect("a token").trim().to_owned()
    }

    /// Waits until the API takes connections.
    pub(crate) async fn ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(&self.address).await.is_err() {
            assert!(Instant::now() < deadline, "the API does not take connections");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A connection to the API, kept alive.
    pub(crate) async fn client(&self, token: &str) -> Client {
        let stream = TcpStream::connect(&self.address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Client { stream, head: format!("authorization: Bearer {token}\r\nhost: fairlead\r\n"), answer: Vec::new() }
    }
}

/// A running process, killed when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// What it holds in memory, in MiB: the resident set, as Linux tells it.
    pub(crate) fn resident(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kib| kib / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// HTTP/1.1 with as little work as possible, since it shares the machine with what it measures.
pub(crate) struct Client {
    stream: TcpStream,
    head: String,
    answer: Vec<u8>,
}

impl Client {
    /// Makes a contact known.
    pub(crate) async fn create(&mut self, n: usize) {
        let body = format!(r#"{{"name":"Ana {n}","email":"ana{n}@example.com"}}"#);
        let request = format!(
            "POST /v1/contacts HTTP/1.1\r\n{}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.head,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.expect("a request, sent");
        self.answer.clear();
        while !self.is_whole() {
            let read = self.stream.read_buf(&mut self.answer).await.expect("an answer");
            assert!(read > 0, "the server closed the connection");
        }
        assert!(self.answer.starts_with(b"HTTP/1.1 201"), "{}", String::from_utf8_lossy(&self.answer));
    }

    fn is_whole(&self) -> bool {
        let Some(end) = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
        let head = String::from_utf8_lossy(&self.answer[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        self.answer.len() >= end + 4 + length.unwrap_or(0)
    }
}
