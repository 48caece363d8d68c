//! Measurements, each beside its limit in the same run: `make bench`.
//!
//! Machines are noisy, so nothing here is judged by a time: the program and its limit take turns, round by round, and the
//! ratio of their medians counts.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a tool for developers, whose output is its purpose")]

mod append;
mod limit;

use std::{fs, path::Path};

use fairlead_testing::database::TestDatabase;
use serde_json::json;

/// How many work at once.
const WRITERS: usize = 16;
/// How many rounds each figure takes.
const ROUNDS: usize = 5;
/// Seconds a round.
const SECONDS: u64 = 3;

/// A figure and its limit, in operations a second.
struct Figure {
    name: &'static str,
    values: Vec<f64>,
    limits: Vec<f64>,
}

impl Figure {
    fn print(&mut self) -> serde_json::Value {
        let median = |samples: &mut Vec<f64>| {
            samples.sort_by(f64::total_cmp);
            samples[samples.len() / 2]
        };
        let (value, limit) = (median(&mut self.values), median(&mut self.limits));
        let spread = |samples: &[f64]| samples[samples.len() - 1] - samples[0];
        println!(
            "{:<16} {value:>8.0}/s ± {:>5.0}   limit {limit:>8.0}/s ± {:>5.0}   ratio {:.2}",
            self.name,
            spread(&self.values) / 2.0,
            spread(&self.limits) / 2.0,
            value / limit
        );
        json!({ "name": self.name, "unit": "1/s", "value": value, "limit": limit, "ratio": value / limit })
    }
}

#[tokio::main]
async fn main() {
    let database = TestDatabase::create().await;
    let append = append::Append::prepare(&database).await;
    limit::prepare(&database).await;
    let mut new = Figure { name: "append_new", values: vec![], limits: vec![] };
    let mut existing = Figure { name: "append_existing", values: vec![], limits: vec![] };
    for round in 1..=ROUNDS {
        println!("round {round} of {ROUNDS}");
        new.limits.push(limit::pgbench(&database, limit::APPEND_NEW));
        new.values.push(append.new_streams().await);
        existing.limits.push(limit::pgbench(&database, limit::APPEND_EXISTING));
        existing.values.push(append.existing_streams().await);
    }
    let figures = [new.print(), existing.print()];
    let path = Path::new(".local/bench.json");
    fs::create_dir_all(".local").expect("a folder for the figures");
    fs::write(path, serde_json::to_string_pretty(&figures).expect("figures as JSON")).expect("the figures, written");
}
