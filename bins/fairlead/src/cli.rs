//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use uuid::Uuid;

/// An event-sourced backend for customer relationships and go-to-market work.
///
/// Settings come from the environment (FAIRLEAD_…) and from fairlead.toml; fairlead.example.toml explains each.
#[derive(Parser)]
#[command(name = "fairlead", version)]
pub(crate) struct Cli {
    /// The file with settings; it must exist then. Otherwise fairlead.toml is read if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve HTTP: commands and queries.
    Api,
    /// Sequence, relay to RabbitMQ and project.
    Worker,
    /// Both in one process, for development and small installations.
    Dev,
    /// Make the database, its roles and its tables.
    Migrate {
        #[command(subcommand)]
        action: Migrate,
    },
    /// Look after the global order of events.
    Sequencer {
        #[command(subcommand)]
        action: Sequencer,
    },
    /// Look at events.
    Events {
        #[command(subcommand)]
        action: Events,
    },
    /// Sign a token with the configured key and print it.
    Token(Token),
    /// Print the OpenAPI document.
    #[command(hide = true)]
    Openapi,
    /// Print this help, of all commands, as Markdown.
    #[command(hide = true)]
    HelpMarkdown,
}

#[derive(Subcommand, Clone, Copy)]
pub(crate) enum Migrate {
    /// Make what is missing: the database, roles, logins, and all tables.
    Up,
    /// Take the last migrations back. Their data is lost.
    Down {
        /// How many.
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// List migrations, and whether each is applied.
    Status,
}

#[derive(Subcommand, Clone, Copy)]
pub(crate) enum Sequencer {
    /// Begin a new life after a restore from a dump or a logical copy: order what has no position yet, and raise the
    /// incarnation. Commands wait meanwhile.
    Adopt,
    /// Tell how far the order has come, and whether the sequencer is at home in this database.
    Status,
}

#[derive(Subcommand)]
pub(crate) enum Events {
    /// Print events as CloudEvents, a line of JSON each, and follow.
    Tail {
        /// Begin after this position; by default at the end, so that only new events are printed.
        #[arg(long, value_name = "POSITION")]
        after: Option<i64>,
        /// Only this organization's.
        #[arg(long, value_name = "UUID")]
        organization: Option<Uuid>,
        /// Stop at the end instead of waiting for more.
        #[arg(long)]
        no_follow: bool,
    },
}

#[derive(Args)]
pub(crate) struct Token {
    /// The organization; by default the configured one.
    #[arg(long, value_name = "UUID")]
    pub(crate) organization: Option<Uuid>,
    /// Who acts.
    #[arg(long, default_value = "user:owner")]
    pub(crate) subject: String,
    /// What is granted, separated by blanks.
    #[arg(long, default_value = "*:*")]
    pub(crate) scope: String,
    /// How long it is valid, in hours.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=87_600))]
    pub(crate) hours: u32,
}
