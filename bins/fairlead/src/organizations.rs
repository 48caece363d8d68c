//! Organizations as operators see them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fairlead_application::AppError;
use fairlead_domain::identity::OrganizationStatus;
use fairlead_postgres::Purges;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{Failure, cli::Organizations, config::Config, database, documents::say, serve::interrupted};

/// How often it is asked whether everybody has heard of the end, and how often again before that is left to workers.
const LOOK: Duration = Duration::from_millis(500);
const LOOKS: usize = 20;

/// Does what the operator demands.
pub(crate) async fn run(config: &Config, action: Organizations) -> Result<(), Failure> {
    let purges = Purges::new(database::checked_engine(config).await?);
    match action {
        Organizations::List => list(&purges).await,
        Organizations::Purge { organization } => tokio::select! {
            outcome = purge(&purges, organization) => outcome,
            () = interrupted() => Err("interrupted; workers go on".into()),
        },
    }
}

async fn list(purges: &Purges) -> Result<(), Failure> {
    say("organization\tstatus\tclosed\tdeleted\tname")?;
    for known in purges.organizations().await? {
        let status = match known.status {
            OrganizationStatus::Active => "active",
            OrganizationStatus::Suspended => "suspended",
            OrganizationStatus::Closed => "closed",
            OrganizationStatus::Purged => "purged",
        };
        let at = |at: Option<DateTime<Utc>>| at.map_or("-".to_owned(), |at| at.to_rfc3339());
        let (closed, purged) = (at(known.closed_at), at(known.purged_at));
        say(&format!("{}\t{status}\t{closed}\t{purged}\t{}", known.id, known.name.as_deref().unwrap_or("-")))?;
    }
    Ok(())
}

async fn purge(purges: &Purges, organization: Uuid) -> Result<(), Failure> {
    match purges.end(organization.into(), "operator:organizations").await {
        Ok(()) => {}
        // Of one that is gone for good there is no record.
        Err(AppError::Refused { code: "organization.not_found", .. }) if is_purged(purges, organization).await? => {}
        Err(error) => return Err(error.into()),
    }
    // Shown when standard error is a terminal.
    let style = ProgressStyle::with_template("{spinner} {pos} rows deleted");
    let bar = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let mut behind = Vec::new();
    for _ in 0..LOOKS {
        behind = purges.sweep(organization.into(), |rows| bar.inc(rows)).await?;
        if behind.is_empty() {
            break;
        }
        sleep(LOOK).await;
    }
    bar.finish_and_clear();
    if behind.is_empty() {
        return say(&format!("{organization}: everything is deleted"));
    }
    say(&format!(
        "{organization}: everything is deleted but its own record, until these have heard of its end: {}; workers do the rest",
        behind.join(", ")
    ))
}

async fn is_purged(purges: &Purges, organization: Uuid) -> Result<bool, Failure> {
    let known = purges.organizations().await?;
    Ok(known.iter().any(|known| Uuid::from(known.id) == organization && known.status == OrganizationStatus::Purged))
}
