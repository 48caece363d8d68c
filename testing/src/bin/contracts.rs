//! Writes the contract of events to `guides/contracts`, or says what would break those who rely on it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what it did")]

use std::{error::Error, fs, process::ExitCode};

use fairlead_testing::contracts::{Promised, committed, committed_schemas, derived};

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
    let mut promised = Promised::read(&folder.join("events"))?;
    // What was never committed is promised to nobody.
    if let Some(known) = committed_schemas() {
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
