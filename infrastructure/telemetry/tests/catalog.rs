//! The catalog of metrics, the guide's table and the sources say the same.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use fairlead_telemetry::{CATALOG, Kind, PROCESS};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !["target", "tests"].contains(&&*name) {
            sources(&path, found);
        } else if name.ends_with(".rs") {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// What the sources emit: the name and the macro that emits it, with the file.
fn emitted() -> BTreeMap<(String, &'static str), PathBuf> {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    let mut all = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| !path.ends_with("telemetry/src/meters.rs")) {
        for kind in ["counter", "gauge", "histogram"] {
            for (at, call) in text.match_indices(&format!("{kind}!(")) {
                let rest = text[at + call.len()..].trim_start();
                let name = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
                let name = name.unwrap_or_else(|| panic!("{}: a metric's name stands in its place", path.display()));
                all.insert((name.to_owned(), kind), path.clone());
            }
        }
    }
    all
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

#[test]
fn what_is_emitted_is_in_the_catalog_and_the_other_way_round() {
    let emitted = emitted();
    let known: BTreeSet<_> = CATALOG.iter().map(|metric| (metric.name.to_owned(), kind(metric.kind))).collect();
    assert_eq!(known.len(), CATALOG.len(), "a name stands in the catalog twice");
    for (metric, path) in &emitted {
        assert!(known.contains(metric), "{}: {metric:?} is not in telemetry/src/catalog.rs", path.display());
    }
    for metric in &known {
        assert!(emitted.contains_key(metric), "{metric:?} is in telemetry/src/catalog.rs, and nobody emits it");
    }
}

#[test]
fn the_guide_has_the_same_tables() {
    let guide = fs::read_to_string(root().join("guides/operations.md")).unwrap();
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `"));
    let told = rows.filter_map(|row| {
        let cells: Vec<_> = row.trim_end_matches(" |").split(" | ").collect();
        // Other things stand in tables, too.
        let [name, kind @ ("counter" | "gauge" | "histogram"), _labels, help, _alert] = cells[..] else { return None };
        Some((name.trim_end_matches('`').to_owned(), kind.to_owned(), help.to_owned()))
    });
    let told: Vec<_> = told.collect();
    let known: Vec<_> = CATALOG
        .iter()
        .chain(PROCESS)
        .map(|metric| (metric.name.to_owned(), kind(metric.kind).to_owned(), metric.help.to_owned()))
        .collect();
    assert_eq!(told, known, "guides/operations.md, name by name");
}

/// The metrics that a text names, as it names them.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("fairlead_") || word.starts_with("process_")).collect()
}

/// What is asked for under another name is never there, and nobody is called.
#[test]
fn what_the_dashboard_and_the_alerts_ask_for_is_in_the_catalog_and_the_dashboard_shows_all_of_it() {
    let mut series = BTreeMap::new();
    for metric in CATALOG.iter().chain(PROCESS) {
        let suffixes: &[&str] = if metric.kind == Kind::Histogram { &["_bucket", "_count", "_sum"] } else { &[""] };
        series.extend(suffixes.iter().map(|suffix| (format!("{}{suffix}", metric.name), metric.name)));
    }
    for file in ["deploy/grafana/fairlead.json", "deploy/prometheus/alerts.yml"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let named = named(&text);
        assert!(named.len() > 15, "{file}: this test finds {} names only", named.len());
        for name in &named {
            assert!(series.contains_key(*name), "{file}: {name} is not in telemetry/src/catalog.rs");
        }
        let shown: BTreeSet<_> = named.iter().filter_map(|name| series.get(*name)).collect();
        for metric in CATALOG.iter().filter(|_| file.ends_with(".json")) {
            assert!(shown.contains(&metric.name), "{file} does not show {}", metric.name);
        }
    }
}

#[test]
fn names_follow_the_conventions() {
    for metric in CATALOG {
        let name = metric.name;
        assert!(name.starts_with("fairlead_") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        assert!(metric.kind != Kind::Histogram || name.ends_with("_seconds"), "{name} would have no buckets");
        assert!(!metric.help.ends_with('.') && metric.help.len() > 10, "{name}");
    }
    for metric in PROCESS {
        assert!(metric.name.starts_with("process_"), "{}", metric.name);
    }
}
