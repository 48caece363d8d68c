//! Writes the contract of events to `guides/contracts`, or says what would break those who rely on it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what it did")]

use std::{collections::BTreeSet, error::Error, fs, process::Command, process::ExitCode};

use fairlead_testing::contracts::{Promised, committed, derived};

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The schemas that the last commit holds; `None` where there is no history to ask.
fn committed_files() -> Option<BTreeSet<String>> {
    let arguments = ["ls-tree", "--name-only", "HEAD", "events/"];
    let output = Command::new("git").current_dir(committed()).args(arguments).output().ok()?;
    let listed = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(listed.lines().filter_map(|path| path.strip_prefix("events/")).map(str::to_owned).collect())
}

fn write() -> Result<(), Box<dyn Error>> {
    let folder = committed();
    let mut promised = Promised::read(&folder.join("events"))?;
    // What was never committed is promised to nobody.
    if let Some(known) = committed_files() {
        for draft in promised.contracts().map(|event| event.file_name()).filter(|name| !known.contains(name)) {
            fs::remove_file(folder.join("events").join(draft))?;
        }
        promised = promised.only(|name| known.contains(name));
    }
    let kept = promised.keeping(derived(), env!("CARGO_PKG_VERSION"))?;
    for (name, text) in kept.files() {
        let path = folder.join(&name);
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            fs::write(&path, text)?;
            println!("guides/contracts/{name}");
        }
    }
    Ok(())
}
