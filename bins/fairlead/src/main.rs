//! The program: wiring only.

mod cli;
mod config;
mod consumers;
mod database;
mod documents;
mod events;
mod mail;
mod operations;
mod organizations;
mod people;
mod privacy;
mod replay;
mod serve;
mod subscriptions;
mod token;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use fairlead_telemetry::{Telemetry, TraceSettings, start};
use rustls::crypto::ring;

use crate::{
    cli::{Cli, Command},
    config::Config,
    serve::Roles,
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
    let roles = match cli.command {
        Command::Api => Some(Roles { api: true, worker: false }),
        Command::Worker => Some(Roles { api: false, worker: true }),
        Command::Dev => Some(Roles { api: true, worker: true }),
        _ => None,
    };
    let telemetry = watch(&config, roles.is_some())?;
    if let Some(roles) = roles {
        let outcome = serve::run(&config, roles, telemetry.meters.clone()).await;
        telemetry.stop().await;
        return outcome;
    }
    match cli.command {
        Command::Migrate { action } => database::migrate(&config, action).await,
        Command::Sequencer { action } => database::sequencer(&config, action).await,
        Command::Keys { action } => privacy::keys(&config, action).await,
        Command::Erasures { action } => privacy::erasures(&config, action).await,
        Command::Organizations { action } => organizations::run(&config, action).await,
        Command::Events { action } => events::run(&config, action).await,
        Command::Subscriptions { action } => subscriptions::run(&config, action).await,
        Command::Verify { organization } => verify::run(&config, organization).await,
        Command::SigningKeys { action } => token::keys(&config, action).await,
        Command::Token(grant) => token::print(&config, grant).await,
        // Served above.
        Command::Api | Command::Worker | Command::Dev | Command::Openapi | Command::HelpMarkdown => Ok(()),
    }
}

/// Starts logging; for a process that goes on, metrics and traces too where they are asked for.
fn watch(config: &Config, goes_on: bool) -> Result<Telemetry, Failure> {
    let traces = config.otlp_endpoint.clone().filter(|_| goes_on);
    Ok(start(fairlead_telemetry::Settings {
        log_filter: &config.log_filter,
        log_format: config.log_format,
        metrics: goes_on && config.operations_address.is_some(),
        traces: traces.map(|endpoint| TraceSettings {
            endpoint,
            service: config.service_name.clone(),
            ratio: config.trace_ratio,
        }),
    })?)
}
