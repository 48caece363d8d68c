//! `POST /v1/contacts` to a process of the API, over connections that are kept.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    SECONDS, WRITERS,
    program::{Installation, Process},
};

/// The API, and who asks.
pub(crate) struct Http {
    installation: Installation,
    process: Process,
    token: String,
    names: Arc<AtomicUsize>,
}

impl Http {
    pub(crate) async fn prepare() -> Self {
        let installation = Installation::new().await;
        let process = installation.start("api", &[]);
        installation.ready().await;
        let token = installation.token();
        Self { installation, process, token, names: Arc::new(AtomicUsize::new(0)) }
    }

    /// Contacts a second.
    pub(crate) async fn creations(&self) -> f64 {
        // The server closes connections that are idle, as they are while others have their round.
        let mut clients = Vec::new();
        for _ in 0..WRITERS {
            clients.push(self.installation.client(&self.token).await);
        }
        let begun = Instant::now();
        let end = begun + Duration::from_secs(SECONDS);
        let mut writers = JoinSet::new();
        for mut client in clients {
            let names = self.names.clone();
            writers.spawn(async move {
                let mut done = 0_u32;
                while Instant::now() < end {
                    client.create(names.fetch_add(1, Ordering::Relaxed)).await;
                    done += 1;
                }
                done
            });
        }
        let done: u32 = writers.join_all().await.into_iter().sum();
        f64::from(done) / begun.elapsed().as_secs_f64()
    }

    /// What the process holds in memory, in MiB.
    pub(crate) fn resident(&self) -> Option<f64> {
        self.process.resident()
    }
}
