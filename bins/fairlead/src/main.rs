//! The program: wiring only.

mod cli;
mod config;
mod database;
mod documents;
mod events;
mod serve;
mod token;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use rustls::crypto::ring;
use tracing_subscriber::EnvFilter;

use crate::{
    cli::{Cli, Command},
    config::{Config, LogFormat},
};

/// What ends the program: a sentence for the operator, with its causes.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    // One provider of cryptography for every library that speaks TLS; a second installation can't happen.
    drop(ring::default_provider().install_default());
    let cli = Cli::parse();
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            documents::complain(&causes(&*failure));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in one sentence. Some errors repeat their cause in their own text.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !sentence.contains(&text) {
            sentence = format!("{sentence}: {text}");
        }
        cause = error.source();
    }
    sentence
}

async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Openapi => return documents::openapi(),
        Command::HelpMarkdown => return documents::help_markdown(),
        _ => {}
    }
    let config = Config::load(cli.config.as_deref())?;
    log_to_stderr(&config)?;
    match cli.command {
        Command::Api => serve::run(&config, serve::Roles { api: true, worker: false }).await,
        Command::Worker => serve::run(&config, serve::Roles { api: false, worker: true }).await,
        Command::Dev => serve::run(&config, serve::Roles { api: true, worker: true }).await,
        Command::Migrate { action } => database::migrate(&config, action).await,
        Command::Sequencer { action } => database::sequencer(&config, action).await,
        Command::Events { action } => events::run(&config, action).await,
        Command::Token(grant) => token::print(&config, grant),
        Command::Openapi | Command::HelpMarkdown => Ok(()),
    }
}

fn log_to_stderr(config: &Config) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.log_filter).map_err(|error| format!("log_filter is wrong: {error}"))?;
    // lapin logs returned messages whole, and they hold personal data.
    let filter = filter.add_directive("lapin::returned_messages=off".parse()?);
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Human => subscriber.compact().with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(())
}
