//! Writes the contract of events to `guides/contracts`, or says what would break those who rely on it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what it did")]

use std::{error::Error, fs, process::ExitCode};

use fairlead_testing::contracts::{EventContract, Promised, committed, committed_schemas, derived};

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<(), Box<dyn Error>> {
    let folder = committed();
    let (there, types) = (Promised::read(&folder.join("events"))?, derived());
    // What was never committed is promised to nobody, unless the types say no more how it was.
    let is_older = |event: &EventContract| {
        types.iter().any(|today| today.event_type == event.event_type && today.version > event.version)
    };
    let promised = match committed_schemas() {
        Some(known) => there.clone().only(|event| known.contains(&event.file_name()) || is_older(event)),
        None => there.clone(),
    };
    let kept = promised.keeping(types.clone(), env!("CARGO_PKG_VERSION"))?;
    let files = kept.files();
    for (name, text) in &files {
        let path = folder.join(name);
        if fs::read_to_string(&path).ok().as_ref() != Some(text) {
            fs::write(&path, text)?;
            println!("guides/contracts/{name}");
        }
    }
    // Drafts of what is no event any more. Last, so that nothing is lost when something is refused, or breaks.
    for draft in there.contracts().map(|event| format!("events/{}", event.file_name())) {
        if !files.contains_key(&draft) {
            fs::remove_file(folder.join(draft))?;
        }
    }
    Ok(())
}
