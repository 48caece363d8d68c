//! What was committed and what was released, as git tells.

use std::{collections::BTreeSet, process::Command};

use super::{Promised, committed};

/// What git answers where the contract is committed; `None` when it fails, or where there is no history of this project: an
/// unpacked archive, perhaps inside of another one's.
fn git(arguments: &[&str]) -> Option<String> {
    let ask = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(committed()).args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok().filter(|_| output.status.success())
    };
    let prefix = ask(&["rev-parse", "--show-prefix"])?;
    if prefix.trim() == "guides/contracts/" { ask(arguments) } else { None }
}

/// The names of the schemas that a commit holds.
fn schemas_of(commit: &str) -> Option<BTreeSet<String>> {
    let listed = git(&["ls-tree", "--name-only", commit, "events/"])?;
    Some(listed.lines().filter_map(|path| path.strip_prefix("events/")).map(str::to_owned).collect())
}

/// The names of the schemas that the last commit holds; `None` where there is no history.
pub fn committed_schemas() -> Option<BTreeSet<String>> {
    schemas_of("HEAD")
}

/// The newest release and what it promised; `None` where there is no history, or no release yet.
///
/// # Panics
/// The release holds no schemas, or one that can't be read.
pub fn released() -> Option<(String, Promised)> {
    let release = git(&["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"])?.trim().to_owned();
    let names = schemas_of(&release).unwrap_or_default();
    assert!(!names.is_empty(), "{release} holds no schemas of events: has their folder moved?");
    let mut released = Promised::default();
    for name in names {
        let text = git(&["show", &format!("{release}:./events/{name}")]).expect("a committed file");
        released.add(&name, &text).unwrap_or_else(|mistake| panic!("{release}: {name} {mistake}"));
    }
    Some((release, released))
}
