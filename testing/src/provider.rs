//! A real provider of identities: oidc-provider, in a process of its own. `provider/provider.mjs` tells what it knows.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::required;

/// The client that proves itself by a secret in the header.
pub const CLIENT: &str = "fairlead";
/// Its secret.
pub const CLIENT_SECRET: &str = "a secret with + and % in it";

/// A provider, which ends with this.
pub struct RealProvider {
    /// Its name, which is its address.
    pub issuer: String,
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl RealProvider {
    /// Starts one that sends people back to this address.
    ///
    /// # Panics
    /// Node.js or what it needs is not there: the tests were not started by `make test`.
    pub async fn start(redirect_uri: &str) -> Self {
        let folder = required("FAIRLEAD_TEST_OIDC_PROVIDER");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/provider/provider.mjs");
        let text = std::fs::read_to_string(script).unwrap();
        // Modules are looked for beside the script, so its text is handed over where they are.
        let mut child = Command::new("node")
            .args(["--input-type=module", "--eval", &text, redirect_uri])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node is needed for this test");
        let stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let issuer = lines.next_line().await.unwrap().expect("the provider starts");
        Self { issuer, child, stdin, lines }
    }

    /// Gives it another key; the former one is in the set no longer.
    ///
    /// # Panics
    /// It does not.
    pub async fn rotate(&mut self) {
        self.stdin.write_all(b"rotate\n").await.unwrap();
        assert_eq!(self.lines.next_line().await.unwrap().as_deref(), Some("rotated"));
    }

    /// Ends it.
    ///
    /// # Panics
    /// It does not end.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}
