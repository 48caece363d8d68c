//! Private instances of everything, and a supervisor that starts again what ended.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use fairlead_testing::{
    database::connect,
    installation::{Installation, Process, free_address},
};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{consumer, service::Service};

/// What is there.
pub(crate) struct World {
    pub(crate) installation: Installation,
    pub(crate) postgres: Service,
    pub(crate) broker: Service,
    /// Where RabbitMQ's own programs are.
    rabbitmq_bin: PathBuf,
    parts: Mutex<Vec<Part>>,
}

/// A process that goes on, and is started again when it has ended.
struct Part {
    role: &'static str,
    settings: Vec<(&'static str, String)>,
    process: Process,
}

fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run it by `make faults`"))
}

impl World {
    /// Starts two of each kind of process; answers where the API listens, too.
    pub(crate) async fn new() -> (Self, Vec<String>) {
        let port = |name| required(name).parse().expect("a port");
        let postgres = Service::found(required("FAULTS_POSTGRES_PID").into(), port("FAULTS_POSTGRES_PORT"));
        let broker = Service::found(required("FAULTS_RABBITMQ_PID").into(), port("FAULTS_RABBITMQ_PORT"));
        let mut installation = Installation::new().await;
        installation.settings.extend([
            ("FAIRLEAD_RATE_LIMIT_PER_ORGANIZATION", "1000000".to_owned()),
            ("FAIRLEAD_RATE_LIMIT_PER_KEY", "1000000".to_owned()),
            ("FAIRLEAD_LOG_FILTER", "error".to_owned()),
        ]);
        let world = Self {
            installation,
            postgres,
            broker,
            rabbitmq_bin: Path::new(&required("FAULTS_RABBITMQ_BIN")).to_owned(),
            parts: Mutex::default(),
        };
        consumer::install(&world.installation.database.admin_url()).await;
        let addresses = vec![world.installation.settings["FAIRLEAD_HTTP_ADDRESS"].clone(), free_address()];
        for address in &addresses {
            world.begin("api", vec![("FAIRLEAD_HTTP_ADDRESS", address.clone())]);
        }
        for _ in 0..2 {
            world.begin("worker", vec![]);
            world.begin("consumer", vec![]);
        }
        world.installation.ready().await;
        (world, addresses)
    }

    fn begin(&self, role: &'static str, settings: Vec<(&'static str, String)>) {
        let process = self.started(role, &settings);
        self.parts.lock().expect("no panic meanwhile").push(Part { role, settings, process });
    }

    fn started(&self, role: &str, settings: &[(&str, String)]) -> Process {
        if role == "consumer" {
            let url = (self.installation.broker.url(), self.installation.database.admin_url());
            return Process::new(consumer::command(&url.0, &url.1));
        }
        let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.installation.start_with(role, &settings)
    }

    /// Starts again what ended, for as long as it is polled.
    pub(crate) async fn supervise(&self) {
        loop {
            for part in self.parts.lock().expect("no panic meanwhile").iter_mut() {
                if part.process.has_ended() {
                    part.process = self.started(part.role, &part.settings);
                }
            }
            sleep(Duration::from_millis(300)).await;
        }
    }

    /// Sends a signal to one of the processes in a role.
    pub(crate) fn signal(&self, role: &str, n: usize, signal: &str) {
        let parts = self.parts.lock().expect("no panic meanwhile");
        let of_role: Vec<_> = parts.iter().filter(|part| part.role == role).collect();
        of_role[n % of_role.len()].process.signal(signal);
    }

    /// A token of an organization.
    pub(crate) fn token(&self, tenant: Uuid) -> String {
        let mut command = self.installation.command(&["token", "--scope", "*:*"]);
        let output = command.env("FAIRLEAD_ORGANIZATION_ID", tenant.to_string()).output().expect("the program");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a token").trim().to_owned()
    }

    /// Has an operator command the broker.
    pub(crate) async fn rabbitmqctl(&self, arguments: &[&str]) {
        let mut command = self.broker.command(self.rabbitmq_bin.join("rabbitmqctl"));
        command.args(arguments);
        let done = tokio::task::spawn_blocking(move || command.status()).await.expect("a task");
        assert!(done.is_ok_and(|status| status.success()), "rabbitmqctl {arguments:?} fails");
    }

    /// A connection as the database's administrator, once it can be had.
    pub(crate) async fn admin(&self) -> tokio_postgres::Client {
        connect(&self.installation.database.admin_url()).await
    }
}
