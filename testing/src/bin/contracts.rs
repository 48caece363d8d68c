//! Writes the contract of events to `guides/contracts`, or says what would break those who rely on it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what it did")]

use std::{error::Error, fs, process::ExitCode};

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

fn write() -> Result<(), Box<dyn Error>> {
    let folder = committed();
    let promised = Promised::read(&folder.join("events"))?;
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
