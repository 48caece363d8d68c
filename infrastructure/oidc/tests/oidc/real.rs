//! A real provider: oidc-provider, in a process of its own.

use std::{process::Stdio, sync::Arc, time::Duration};

use fairlead_application::ports::System;
use fairlead_oidc::{OidcProvider, OpenIdProviders};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

pub(crate) const APP: &str = "https://app.example.com";

/// A provider, which ends with this.
pub(crate) struct Real {
    pub(crate) issuer: String,
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Real {
    pub(crate) async fn start() -> Self {
        let folder = std::env::var("FAIRLEAD_TEST_OIDC_PROVIDER").expect(
            "FAIRLEAD_TEST_OIDC_PROVIDER is not set: run `make test`, or `scripts/services up test && . .local/test/env`",
        );
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/provider/provider.mjs");
        let text = std::fs::read_to_string(script).unwrap();
        // Modules are looked for beside the script, so its text is handed over where they are.
        let mut child = Command::new("node")
            .args(["--input-type=module", "--eval", &text, &format!("{APP}/oidc/acme")])
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
    pub(crate) async fn rotate(&mut self) {
        self.stdin.write_all(b"rotate\n").await.unwrap();
        assert_eq!(self.lines.next_line().await.unwrap().as_deref(), Some("rotated"));
    }

    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Settings for it, under the name `acme`.
    pub(crate) fn settings(&self, more: Value) -> Value {
        let mut all = json!({
            "name": "acme", "issuer": self.issuer, "client_id": "fairlead", "client_secret": "a secret with + and % in it",
        });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    }
}

pub(crate) fn provider(settings: Value) -> OidcProvider {
    serde_json::from_value(settings).unwrap()
}

pub(crate) fn providers(settings: Value) -> OpenIdProviders {
    let _ = rustls::crypto::ring::default_provider().install_default();
    OpenIdProviders::new(vec![provider(settings)], &format!("{APP}/"), Arc::new(System), Arc::new(System)).unwrap()
}

/// Has time pass. No answer may be under way.
pub(crate) async fn later(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}
