//! What is printed for people and scripts: on standard output, one thing a line.

use std::io::Write;

use clap::CommandFactory;

use crate::{Failure, cli::Cli};

/// Prints a line. A reader that has gone is an error, not a panic.
pub(crate) fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Prints why the program ends. When even that fails there is nobody left to tell.
pub(crate) fn complain(sentence: &str) {
    drop(writeln!(std::io::stderr().lock(), "fairlead: {sentence}"));
}

/// Prints the `OpenAPI` document.
pub(crate) fn openapi() -> Result<(), Failure> {
    say(&fairlead_http::openapi().to_pretty_json()?)
}

/// Prints the help of every command as Markdown.
pub(crate) fn help_markdown() -> Result<(), Failure> {
    let mut program = Cli::command();
    program.build();
    say("# The command line\n\nPrinted by the program itself; `make docs` writes this page.")?;
    describe(&program, "fairlead")
}

fn describe(command: &clap::Command, path: &str) -> Result<(), Failure> {
    let help = command.clone().render_long_help();
    let text: Vec<_> = help.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    say(&format!("\n## `{path}`\n\n```text\n{}\n```", text.join("\n").trim_end()))?;
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help") {
        describe(inner, &format!("{path} {}", inner.get_name()))?;
    }
    Ok(())
}
