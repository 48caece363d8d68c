//! Measurements, each beside its limit in the same run: `make bench`. An argument chooses: `make bench ARGS=append` takes
//! those whose names begin so.
//!
//! Machines are noisy, so nothing here is judged by a time: the program and its limit take turns, round by round, and the
//! ratio of their medians counts.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a tool for developers, whose output is its purpose")]

mod append;
mod figure;
mod http;
mod latency;
mod limit;
mod program;
mod projection;
mod rebuild;
mod relay;
mod token;

use std::{env, fs, path::Path};

use fairlead_testing::database::TestDatabase;

use crate::{append::Append, figure::Figure, http::Http, projection::Projecting, relay::Relaying, token::Checking};

/// How many work at once.
const WRITERS: usize = 16;
/// How many rounds each figure takes.
const ROUNDS: usize = 5;
/// Rounds of what needs a backlog first.
const LONG_ROUNDS: usize = 3;
/// Seconds a round.
const SECONDS: u64 = 3;

/// What is to be measured.
struct Chosen(String);

impl Chosen {
    fn has(&self, name: &str) -> bool {
        name.starts_with(&self.0)
    }

    /// Whether one of them is among what is called by a word.
    fn any(&self, word: &str) -> bool {
        word.starts_with(&self.0) || self.0.starts_with(word)
    }
}

#[tokio::main]
async fn main() {
    let chosen = Chosen(env::args().nth(1).unwrap_or_default());
    let mut figures = Vec::new();
    if chosen.any("append") || chosen.any("http") {
        figures.extend(commands(&chosen).await);
    }
    if chosen.any("projection") {
        figures.push(projected().await);
    }
    if chosen.any("relay") {
        figures.push(relayed().await);
    }
    if chosen.any("latency") || chosen.any("memory") {
        figures.extend(latencies().await);
    }
    if chosen.any("rebuild") {
        println!("rebuild: the list of contacts");
        let mut figure = Figure::rate("rebuild");
        let (rebuilt, copied) = rebuild::measure().await;
        figure.values.push(rebuilt);
        figure.limits.push(copied);
        figures.push(figure);
    }
    if chosen.any("token_check") || chosen.any("sign_in") {
        figures.extend(recognized().await);
    }
    figures.retain(|figure| chosen.has(figure.name));
    println!();
    let figures: Vec<_> = figures.iter_mut().map(Figure::print).collect();
    let path = Path::new(".local/bench.json");
    fs::create_dir_all(".local").expect("a folder for the figures");
    fs::write(path, serde_json::to_string_pretty(&figures).expect("figures as JSON")).expect("the figures, written");
}

/// Commands to the application, and by HTTP, beside the same statements of `pgbench`.
async fn commands(chosen: &Chosen) -> Vec<Figure> {
    let database = TestDatabase::create().await;
    let append = Append::prepare(&database).await;
    limit::prepare(&database).await;
    let (mut new, mut existing, mut http) =
        (Figure::rate("append_new"), Figure::rate("append_existing"), Figure::rate("http"));
    let server = if chosen.any("http") { Some(Http::prepare().await) } else { None };
    for round in 1..=ROUNDS {
        println!("commands: round {round} of {ROUNDS}");
        let possible = limit::pgbench(&database, limit::APPEND_NEW);
        if chosen.any("append") {
            new.limits.push(possible);
            new.values.push(append.new_streams().await);
            existing.limits.push(limit::pgbench(&database, limit::APPEND_EXISTING));
            existing.values.push(append.existing_streams().await);
        }
        if let Some(server) = &server {
            http.limits.push(possible);
            http.values.push(server.creations().await);
        }
    }
    if let Some(resident) = server.as_ref().and_then(Http::resident) {
        println!("http: the API holds {resident:.0} MiB");
    }
    [new, existing, http].into_iter().filter(|figure| !figure.values.is_empty()).collect()
}

/// Tokens with their permissions, and passwords.
async fn recognized() -> [Figure; 2] {
    println!("token_check, sign_in: people who have signed in");
    let checking = Checking::prepare().await;
    let mut tokens = Figure::bounded("token_check", "µs", checking.microseconds().await, 10.0);
    let mut sign_in = Figure::rate("sign_in");
    for _ in 0..ROUNDS {
        tokens.values.push(checking.microseconds().await);
        sign_in.values.push(checking.sign_ins().await);
        sign_in.limits.push(checking.passwords().await);
    }
    [tokens, sign_in]
}

/// Beside new contacts a second of `pgbench`: what commands could bring at most.
async fn projected() -> Figure {
    let mut figure = Figure::rate("projection");
    let database = TestDatabase::create().await;
    limit::prepare(&database).await;
    let projecting = Projecting::prepare().await;
    for round in 1..=LONG_ROUNDS {
        println!("projection: round {round} of {LONG_ROUNDS}");
        figure.limits.push(limit::pgbench(&database, limit::APPEND_NEW));
        figure.values.push(projecting.projected().await);
    }
    figure
}

async fn relayed() -> Figure {
    let mut figure = Figure::rate("relay");
    let relaying = Relaying::prepare().await;
    for round in 1..=LONG_ROUNDS {
        println!("relay: round {round} of {LONG_ROUNDS}");
        figure.values.push(relaying.relayed().await);
        figure.limits.push(relaying.bare().await);
    }
    figure
}

async fn latencies() -> Vec<Figure> {
    println!("latency: from command to consumer");
    let (latencies, resident) = latency::measure().await;
    let milliseconds = |quantile: f64| latencies.value_at_quantile(quantile) as f64 / 1_000.0;
    println!("latency: at most {:.1} ms", latencies.max() as f64 / 1_000.0);
    let mut figures = vec![
        Figure::bounded("latency_p50", "ms", milliseconds(0.5), 15.0),
        Figure::bounded("latency_p99", "ms", milliseconds(0.99), 100.0),
    ];
    figures.extend(resident.map(|mebibytes| Figure::bounded("memory", "MiB", mebibytes, 200.0)));
    figures
}
