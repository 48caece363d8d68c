//! The example as a process of its own, to be killed.

use std::process::Stdio;

use fairlead_testing::database::connect;
use tokio::process::{Child, Command};
use tokio_postgres::Client;

use crate::stage::{Stage, until, within};

pub(crate) const NAME: &str = "mailer";

pub(crate) struct Mailer(Child);

impl Mailer {
    pub(crate) async fn start(stage: &Stage, broker: &str) -> Self {
        // Tests lie in target/<profile>/deps, examples in target/<profile>/examples.
        let tests = std::env::current_exe().unwrap();
        let program = tests.ancestors().nth(2).unwrap().join("examples/mailer");
        assert!(program.exists(), "{} is missing: run the tests by `make test`, which builds it", program.display());
        let mut command = Command::new(program);
        command.arg("run").env("AMQP_URL", broker).env("DATABASE_URL", &stage.database_url).env("RUST_LOG", "info");
        let mailer = Self(command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap());
        until("the mailer consumes", async || stage.depth(NAME).await.is_some_and(|(_, consumers)| consumers > 0))
            .await;
        mailer
    }

    /// With `SIGKILL`.
    pub(crate) async fn kill(mut self) {
        self.0.kill().await.unwrap();
    }

    /// As a supervisor does.
    pub(crate) async fn terminate(mut self) {
        let id = self.0.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let status = within("the mailer ends", self.0.wait()).await.unwrap();
        assert!(status.success(), "{status}");
    }
}

/// How many rows a query counts in the mailer's database, none while its tables are missing.
pub(crate) async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.map_or(0, |row| row.get(0))
}

pub(crate) async fn client(stage: &Stage) -> Client {
    connect(&stage.database_url).await
}
