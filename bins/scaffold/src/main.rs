//! Writes a new aggregate: every file of it, and its lines in the files that list what there is. For `make aggregate`.
//!
//! The templates are those of an aggregate called `specimen`. Nothing is written unless all of it has its place.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what it did")]

mod edit;
mod names;
mod plan;

use std::{env, path::Path, process::ExitCode};

use names::Names;
use plan::Plan;

const USAGE: &str = "usage: make aggregate CONTEXT=crm NAME=product [PLURAL=products]";

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// `scaffold ROOT DATE CONTEXT NAME [PLURAL]`
fn write() -> Result<(), String> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [root, date, context, name, ref plural @ ..] = arguments[..] else { return Err(USAGE.to_owned()) };
    let names = Names::new(context, name, plural.first().copied().filter(|plural| !plural.is_empty()))?;
    let plan = Plan::new(Path::new(root), &names, date)?;
    for path in plan.write()? {
        println!("{path}");
    }
    Ok(())
}
