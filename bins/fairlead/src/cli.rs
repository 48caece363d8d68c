//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use uuid::Uuid;

/// An event-sourced backend for customer relationships and go-to-market work.
///
/// Settings come from the environment (FAIRLEAD_…) and from fairlead.toml; fairlead.example.toml explains each.
#[derive(Parser)]
#[command(
    name = "fairlead",
    version,
    after_long_help = "\
Begin with `fairlead migrate up`, which makes the database, and `fairlead dev`, or `fairlead api` and `fairlead worker`.

Exit codes: 0 when it did what was asked, 1 when it could not, which is said on standard error, 2 when the arguments are wrong.
SIGTERM and Ctrl-C end it once what is under way is finished; a second time they end it at once."
)]
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
    ///
    /// Listens on http_address; the page /docs describes what it answers. Any number of processes may run. Needs
    /// app_database_url, engine_database_url, amqp_url, secret_key and encryption_keys.
    Api,
    /// Sequence, relay to RabbitMQ and project.
    ///
    /// Orders what was committed, publishes it, keeps read models up, runs policies and sends mail. Any number of processes may
    /// run: they share the work, and take over from one another. Needs the settings of `api`.
    Worker,
    /// API and worker in one process, for development and small installations.
    ///
    /// What `api` and `worker` do, with the same settings.
    Dev,
    /// Make the database, its roles and its tables.
    ///
    /// The only command that needs database_url, the login of an owner.
    Migrate {
        #[command(subcommand)]
        action: Migrate,
    },
    /// Look after the global order of events.
    ///
    /// For what follows a restore of the database: positions have a meaning in one life of it.
    Sequencer {
        #[command(subcommand)]
        action: Sequencer,
    },
    /// Look after the keys under which personal data in events is sealed.
    Keys {
        #[command(subcommand)]
        action: Keys,
    },
    /// Look after the keys with which tokens are signed.
    SigningKeys {
        #[command(subcommand)]
        action: SigningKeys,
    },
    /// Repeat erasures after a restore.
    Erasures {
        #[command(subcommand)]
        action: Erasures,
    },
    /// Look after organizations: see how they stand, and delete those that are closed.
    Organizations {
        #[command(subcommand)]
        action: Organizations,
    },
    /// Look at events, or publish them again.
    Events {
        #[command(subcommand)]
        action: Events,
    },
    /// Look after those who read the log: relay, read models, policies.
    ///
    /// They are named by what they are: relay, crm.contacts, crm.tag_new_contacts; `list` shows them all.
    Subscriptions {
        #[command(subcommand)]
        action: Subscriptions,
    },
    /// Compare everything that is stored with what the events say.
    ///
    /// Folds every stream from its events, and compares states, unique keys, references, the global order and read models. Prints what
    /// differs, a line each, without values; the exit code is 1 then, and 0 otherwise. Can run beside everything else.
    Verify {
        /// Only this organization's.
        #[arg(long, value_name = "UUID")]
        organization: Option<Uuid>,
    },
    /// Sign a token with the installation's key and print it.
    ///
    /// For operators and for trying things out: whoever may run it can grant anything. People sign in by the API, and programs
    /// have keys.
    #[command(after_long_help = "\
Examples:
  fairlead token --scope contacts:read
  fairlead token --scope 'operator:*' --subject on-call --hours 8")]
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
    /// Take the last migrations back.
    ///
    /// What their tables and columns held is lost.
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
    /// Begin a new life after a restore from a dump or a logical copy.
    ///
    /// Orders what has no position yet, and raises the incarnation. Commands wait meanwhile.
    Adopt,
    /// Tell how far the order has come, and whether the sequencer is at home in this database.
    Status,
}

#[derive(Subcommand, Clone, Copy)]
pub(crate) enum Keys {
    /// Give every organization a new key, and wrap the keys of its people with it.
    ///
    /// Events are not touched, and commands go on. Called again after a failure, it finishes what was begun.
    Rotate {
        /// Wrap the keys of organizations, and those that sign tokens, with the first of encryption_keys instead, so that the
        /// others can be taken out.
        #[arg(long)]
        installation: bool,
    },
    /// Count the keys, and tell which of encryption_keys are in use.
    Status,
}

#[derive(Subcommand)]
pub(crate) enum SigningKeys {
    /// List the keys, and what each is for at present.
    List,
    /// Make a new key.
    ///
    /// It is published at once and signs ten minutes later, when others have heard of it; what older ones have signed stays
    /// valid. Workers do so by themselves.
    Rotate {
        /// Let it sign at once. Those who verify tokens must ask for a key that they don't know.
        #[arg(long)]
        now: bool,
    },
    /// Accept nothing any more that a key has signed.
    ///
    /// For one that became known to somebody. A new one takes its place at once; everybody has to refresh their session.
    Revoke {
        /// The key, as `list` names it.
        id: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum Erasures {
    /// Erase again who was erased before the database was restored from an older copy.
    ///
    /// And delete again which organizations were deleted. Can be repeated.
    Reapply {
        /// The journal; by default the one that erasure_journal names.
        #[arg(long, value_name = "FILE")]
        journal: Option<PathBuf>,
    },
}

#[derive(Subcommand, Clone, Copy)]
pub(crate) enum Organizations {
    /// List all: how each stands, when it was closed, when everything in it was deleted, and what it is called.
    List,
    /// Delete everything in a closed organization now, for good.
    ///
    /// Workers would do so after closed_organization_days. Can be interrupted: workers go on.
    Purge {
        /// The organization.
        #[arg(value_name = "UUID")]
        organization: Uuid,
    },
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
    /// Publish a range of events again, in order, to one queue.
    ///
    /// The messages have a header `replayed`. Says how far it has come, also when it fails, so that it can go on from there.
    #[command(after_long_help = "\
Example:
  fairlead events replay --from 1 --to 100000 --type contact.created --queue shop.contacts")]
    Replay(Replay),
}

#[derive(Args)]
pub(crate) struct Replay {
    /// The first position.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) from: i64,
    /// The last position; where the log ends earlier, its end.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) to: i64,
    /// Only this organization's.
    #[arg(long, value_name = "UUID")]
    pub(crate) organization: Option<Uuid>,
    /// Only events of this type, such as contact.created.
    #[arg(long, value_name = "TYPE")]
    pub(crate) r#type: Option<String>,
    /// The queue. Made as a durable quorum queue when it is missing; nothing else gets the messages.
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: String,
}

#[derive(Subcommand)]
pub(crate) enum Subscriptions {
    /// List subscriptions: how far each partition has come, whether a worker holds it, and how many streams are parked.
    List,
    /// List the streams that were set aside, and why.
    Parked {
        /// Only this subscription's: crm.contacts.
        subscription: Option<String>,
    },
    /// List what policies wanted to do and were refused during the last 90 days.
    Refused {
        /// Only this policy's: crm.tag_new_contacts.
        policy: Option<String>,
    },
    /// Make every worker let go of a subscription.
    ///
    /// For maintenance: what happens meanwhile waits in the log, and readiness does not blame it.
    Pause {
        /// Its name, as `list` shows it: crm.contacts.
        subscription: String,
    },
    /// Let workers take a paused subscription up again.
    Resume {
        /// Its name, as `list` shows it: crm.contacts.
        subscription: String,
    },
    /// Have parked streams tried again, from the first event that was not handled.
    ///
    /// After the cause was mended, which `parked` tells.
    #[command(after_long_help = "\
Example:
  fairlead subscriptions replay crm.contacts")]
    Replay {
        /// Its name, as `list` shows it: crm.contacts.
        subscription: String,
        /// Only this stream of the organization.
        #[arg(long, value_name = "UUID", requires = "organization")]
        stream: Option<Uuid>,
        /// The stream's organization.
        #[arg(long, value_name = "UUID", requires = "stream")]
        organization: Option<Uuid>,
    },
    /// Build a read model anew beside the live one, put it in its place, and wait for that.
    ///
    /// Workers do it, and go on when this command is interrupted. The relay and policies have none.
    Rebuild {
        /// Its name, as `list` shows it: crm.contacts.
        subscription: String,
    },
}

#[derive(Args)]
pub(crate) struct Token {
    /// The organization; by default the one that organization_id names.
    #[arg(long, value_name = "UUID")]
    pub(crate) organization: Option<Uuid>,
    /// Who acts. Not user:…, api_key:…, policy:… or consumer:…, which are others.
    #[arg(long, default_value = "owner")]
    pub(crate) subject: String,
    /// What is granted, separated by blanks: contacts:read, contacts:*, *:read.
    #[arg(long, default_value = "*:*")]
    pub(crate) scope: String,
    /// How long it is valid, in hours.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=87_600))]
    pub(crate) hours: u32,
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::Cli;

    fn is_explained(command: &Command, path: &str) {
        let about = command.get_about().unwrap_or_else(|| panic!("{path}: say what it does")).to_string();
        assert!(about.len() <= 120 && !about.contains('\n'), "{path}: one sentence first, then a paragraph: {about}");
        for argument in command.get_arguments() {
            let name = argument.get_id();
            assert!(argument.get_help().is_some(), "{path} {name}: say what it is");
        }
        for child in command.get_subcommands() {
            is_explained(child, &format!("{path} {}", child.get_name()));
        }
    }

    #[test]
    fn every_command_and_every_argument_is_explained() {
        let command = Cli::command();
        command.clone().debug_assert();
        is_explained(&command, "fairlead");
    }
}
