//! Whether what is stored is what the events tell.

use fairlead_application::verify::{Difference, Report, Summary, Verifier};
use fairlead_postgres::PostgresVerifier;
use indicatif::{ProgressBar, ProgressStyle};
use uuid::Uuid;

use crate::{Failure, config::Config, database, documents::say, serve::interrupted};

/// Compares, prints what differs, and fails when anything does.
pub(crate) async fn run(config: &Config, organization: Option<Uuid>) -> Result<(), Failure> {
    let verifier = PostgresVerifier::new(database::checked_engine(config).await?);
    let mut printer = Printer::new();
    let outcome = tokio::select! {
        outcome = verifier.verify(organization.map(Into::into), &mut printer) => outcome.map_err(Failure::from),
        () = interrupted() => Err("interrupted; nothing is changed".into()),
    };
    printer.bar.finish_and_clear();
    let summary = outcome?;
    if let Some(failure) = printer.failure {
        return Err(failure);
    }
    tell(&summary)?;
    match summary.differences {
        0 => Ok(()),
        1 => Err("1 difference was found".into()),
        many => Err(format!("{many} differences were found").into()),
    }
}

fn tell(summary: &Summary) -> Result<(), Failure> {
    say(&format!("{} streams and {} events were compared", summary.streams, summary.events))?;
    if summary.stale > 0 {
        say(&format!("{} states are stored in an older shape, and are folded anew when they are read", summary.stale))?;
    }
    for model in &summary.read_models {
        let mut line = format!("{}: the rows of {} streams were compared", model.name, model.compared);
        if model.behind > 0 {
            line.push_str(&format!("; it is behind with {}", model.behind));
        }
        if model.parked > 0 {
            line.push_str(&format!("; it has parked {}", model.parked));
        }
        say(&line)?;
    }
    Ok(())
}

/// Prints differences on standard output; how far it has come, where standard error is a terminal.
struct Printer {
    bar: ProgressBar,
    begun: bool,
    /// Why nothing more can be printed.
    failure: Option<Failure>,
}

impl Printer {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} streams {eta}");
        let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, begun: false, failure: None }
    }

    fn print(&mut self, line: &str) {
        if self.failure.is_none() {
            self.failure = self.bar.suspend(|| say(line)).err();
        }
    }
}

impl Report for Printer {
    fn found(&mut self, difference: Difference) {
        if !self.begun {
            self.begun = true;
            self.print("organization\tstream\taggregate\tdifference");
        }
        let Difference { organization, stream, aggregate, fault } = difference;
        let id = |id: Option<Uuid>| id.map_or("-".to_owned(), |id| id.to_string());
        let aggregate = aggregate.as_deref().unwrap_or("-");
        self.print(&format!("{}\t{}\t{aggregate}\t{fault}", id(organization), id(stream)));
    }

    fn progressed(&mut self, streams: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(streams);
    }
}
