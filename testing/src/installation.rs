//! An installation of one's own: a database, a virtual host, and processes of the program.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    broker::VirtualHost,
    database::{ENCRYPTION_KEYS, TestDatabase},
    required,
};

/// An installation: settings, and what they point to.
pub struct Installation {
    /// Its own.
    pub database: TestDatabase,
    /// Its own.
    pub broker: VirtualHost,
    /// By their variables.
    pub settings: BTreeMap<&'static str, String>,
    /// The one that tokens are for.
    pub organization: Uuid,
    /// Who asks.
    pub http: Client,
}

impl Drop for Installation {
    fn drop(&mut self) {
        // There is none where nobody was erased.
        drop(fs::remove_file(&self.settings["FAIRLEAD_ERASURE_JOURNAL"]));
        drop(fs::remove_dir_all(&self.settings["FAIRLEAD_MAIL_DIRECTORY"]));
    }
}

impl Installation {
    /// Life goes on with another database, a copy of the one there was; answers that one.
    pub fn continue_with(&mut self, copy: TestDatabase) -> TestDatabase {
        self.settings.extend([
            ("FAIRLEAD_DATABASE_URL", copy.admin_url()),
            ("FAIRLEAD_APP_DATABASE_URL", copy.app_url()),
            ("FAIRLEAD_ENGINE_DATABASE_URL", copy.engine_url()),
        ]);
        std::mem::replace(&mut self.database, copy)
    }

    /// Names a database that doesn't exist yet and lets the program make it.
    pub async fn new() -> Self {
        let broker = VirtualHost::create().await;
        let database = TestDatabase::empty_on(&required("FAIRLEAD_TEST_DATABASE_URL"));
        let organization = Uuid::from_u128(0x0193_a3c0_0000_7000_8000_0000_0000_0001);
        let name = database.admin_url().rsplit('/').next().unwrap().to_owned();
        let journal = std::env::temp_dir().join(format!("{name}-erasures.jsonl"));
        let mail = std::env::temp_dir().join(format!("{name}-mail"));
        let settings = BTreeMap::from([
            ("FAIRLEAD_DATABASE_URL", database.admin_url()),
            ("FAIRLEAD_APP_DATABASE_URL", database.app_url()),
            ("FAIRLEAD_ENGINE_DATABASE_URL", database.engine_url()),
            ("FAIRLEAD_AMQP_URL", broker.url()),
            ("FAIRLEAD_HTTP_ADDRESS", free_address()),
            ("FAIRLEAD_SECRET_KEY", "s".repeat(32)),
            ("FAIRLEAD_ENCRYPTION_KEYS", ENCRYPTION_KEYS.to_owned()),
            ("FAIRLEAD_ERASURE_JOURNAL", journal.display().to_string()),
            ("FAIRLEAD_MAIL_DIRECTORY", mail.display().to_string()),
            ("FAIRLEAD_ORGANIZATION_ID", organization.to_string()),
            ("FAIRLEAD_LOG_FILTER", "warn".to_owned()),
        ]);
        let installation = Self { database, broker, settings, organization, http: Client::new() };
        let migrated = installation.output(&["migrate", "up"]);
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        installation
    }

    /// The program with these arguments and the installation's settings alone.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).env_clear().envs(&self.settings).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the program prints when all goes well.
    pub fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a process that goes on.
    pub fn start(&self, role: &str) -> Process {
        self.start_with(role, &[])
    }

    /// The same with settings of its own.
    pub fn start_with(&self, role: &str, settings: &[(&str, &str)]) -> Process {
        let mut command = self.command(&[role]);
        Process(command.envs(settings.iter().copied()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// The same, with what it logs kept in a file, a line of JSON an event.
    pub fn start_logging(&self, role: &str, file: &Path) -> Process {
        let mut command = self.command(&[role]);
        command.env("FAIRLEAD_LOG_FORMAT", "json").env("FAIRLEAD_LOG_FILTER", "info");
        Process(command.stdout(Stdio::null()).stderr(File::create(file).unwrap()).spawn().unwrap())
    }

    /// A token with these scopes in the installation's organization.
    pub fn token(&self, scope: &str) -> String {
        self.stdout(&["token", "--scope", scope]).trim().to_owned()
    }

    /// A URL of the API.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.settings["FAIRLEAD_HTTP_ADDRESS"])
    }

    /// Waits until everything is ready.
    pub async fn ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.http.get(self.url("/health/ready")).send().await;
            match answer {
                Ok(answer) if answer.status() == 200 => return,
                answer => assert!(Instant::now() < deadline, "not ready: {answer:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The program, built in the same profile: beside this one, or where a test's folder is.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folders = own.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join("fairlead")).find(|program| program.is_file());
    found.expect("the program: build the workspace in the same profile")
}

/// An address on which nobody listens.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Sends, and reads a JSON answer.
pub async fn answered(request: RequestBuilder) -> (u16, Value) {
    let answer: Response = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

/// A running process, killed when it is dropped.
pub struct Process(Child);

impl Process {
    /// Starts one.
    pub fn new(mut command: Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Sends a signal by its name: `TERM`, `KILL`, `STOP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// What it holds in memory, in MiB: the resident set, as Linux tells it.
    pub fn resident(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kib| kib / 1024.0)
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the process does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
