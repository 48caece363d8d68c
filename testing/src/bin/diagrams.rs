//! Draws the state diagrams in `guides/domain` anew.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what it did")]

use std::{fs, io, path::Path, process::ExitCode};

use fairlead_testing::diagrams::{diagrams, drawn_into};

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> io::Result<()> {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guides/domain");
    for (aggregate, diagram) in diagrams() {
        let path = pages.join(format!("{aggregate}.md"));
        // Not every aggregate has a page of its own.
        if !path.exists() {
            continue;
        }
        let page = fs::read_to_string(&path)?;
        let drawn = drawn_into(&page, &diagram).ok_or_else(|| {
            io::Error::other(format!("guides/domain/{aggregate}.md has no place for the diagram: a block ```mermaid"))
        })?;
        if drawn != page {
            fs::write(&path, drawn)?;
            println!("guides/domain/{aggregate}.md");
        }
    }
    Ok(())
}
