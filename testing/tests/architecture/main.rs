//! The shape of the project, held against what `cargo metadata` and the sources say. Each failure says what to do.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

mod belongings;
mod crates;
mod diagrams;
mod papers;
mod routes;
mod sources;

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files with one of these endings under a folder, with their text, without what is built or hidden.
fn files(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(files(&path, ending));
        } else if path.is_file() && name.ends_with(ending) {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// Every Rust file of the workspace.
fn sources() -> Vec<(PathBuf, String)> {
    let sources: Vec<_> = crates::members()
        .iter()
        .flat_map(|package| files(package.manifest_path.parent().unwrap().as_std_path(), ".rs"))
        .collect();
    assert!(
        sources.iter().any(|(path, _)| path.ends_with("testing/tests/architecture/main.rs")),
        "nothing is searched"
    );
    sources
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
