//! Keys, and what is erased and deleted again after a restore.

use std::sync::Arc;

use fairlead_application::{App, AppError, Context, Expected, access, ports::System};
use fairlead_domain::{
    for_each_aggregate,
    identity::{EndReason, Organization, Session, SessionCommand, User},
    kernel::{Aggregate, ErrorKind},
};
use fairlead_postgres::{
    EndedAgain, Erasure, Nudge, PostgresStore, Purges, key_status, read_erasures, rewrap_keys, rotate_tenant_keys,
};

use crate::{
    Failure,
    cli::{Erasures, Keys},
    config::Config,
    database,
    documents::say,
};

/// In whose name it is erased again.
const ACTOR: &str = "operator:erasures";

/// Rotates keys, or counts them.
pub(crate) async fn keys(config: &Config, action: Keys) -> Result<(), Failure> {
    let databases = database::checked_engine(config).await?;
    match action {
        Keys::Rotate { installation: true } => {
            let rewrapped = rewrap_keys(&databases).await?;
            say(&format!("{rewrapped} keys are wrapped anew; encryption_keys needs its first key only"))
        }
        Keys::Rotate { installation: false } => {
            let done = rotate_tenant_keys(&databases).await?;
            say(&format!(
                "rotation {}: {} organizations have a new key, and {} keys of people are wrapped anew",
                done.round, done.tenants, done.rewrapped
            ))
        }
        Keys::Status => {
            let status = key_status(&databases).await?;
            for (name, count) in status.installation {
                say(&format!("installation key {name}: wraps {count} keys of organizations and for signing"))?;
            }
            let (round, finished) = status.round;
            say(&format!("rotation {round}: {}", if finished { "finished" } else { "not finished; rotate again" }))?;
            say(&format!("people: {} with a key, {} erased", status.subjects, status.destroyed))
        }
    }
}

/// What came of an erasure in the journal.
enum Reapplied {
    Erased,
    Already,
    Unknown,
}

/// Erases again who was erased, and deletes again which organizations were deleted.
pub(crate) async fn erasures(config: &Config, action: Erasures) -> Result<(), Failure> {
    let Erasures::Reapply { journal } = action;
    let path = journal.unwrap_or_else(|| config.erasure_journal.clone());
    let (erasures, unreadable) = read_erasures(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let databases = database::app(config, config.database_connections)?;
    databases.check().await.map_err(|error| format!("app_database_url: {error}"))?;
    // The workers, when they start, look by themselves.
    let store = PostgresStore::new(databases, Arc::new(Nudge::default()));
    let app = App::new(Arc::new(store), Arc::new(System), Arc::new(System));
    let purges = Purges::new(database::checked_engine(config).await?);
    let (mut erased, mut already, mut unknown) = (0, 0, 0);
    for erasure in &erasures {
        let reapplied = match erasure.aggregate.as_str() {
            Organization::TYPE => end_again(&purges, erasure).await,
            User::TYPE => reapply_to_user(&app, erasure).await,
            _ => reapply(&app, erasure).await,
        };
        match reapplied? {
            Reapplied::Erased => erased += 1,
            Reapplied::Already => already += 1,
            Reapplied::Unknown => unknown += 1,
        }
    }
    say(&format!("{erased} erased, {already} erased already, {unknown} not in this database"))?;
    if unreadable > 0 {
        return Err(format!("{}: {unreadable} lines can't be read", path.display()).into());
    }
    Ok(())
}

/// Workers delete what is left when they are started, once the end has its place in the order.
async fn end_again(purges: &Purges, erasure: &Erasure) -> Result<Reapplied, Failure> {
    let organization = erasure.tenant.into();
    Ok(match purges.end_again(organization, ACTOR).await? {
        EndedAgain::Unknown => return Ok(Reapplied::Unknown),
        ended => {
            purges.sweep(organization, |_| {}).await?;
            if ended == EndedAgain::Now { Reapplied::Erased } else { Reapplied::Already }
        }
    })
}

/// Sessions that were alive in the copy tell from where somebody acts, until they end.
async fn reapply_to_user(app: &App, erasure: &Erasure) -> Result<Reapplied, Failure> {
    let reapplied = reapply_to::<User>(app, erasure).await?;
    let cx: access::Authorized<access::System> = Context::system(erasure.tenant.into(), ACTOR);
    loop {
        let (sessions, more) = app.register::<Session>(&cx, Some(erasure.stream.into()), None, 100).await?;
        for session in sessions {
            let end = SessionCommand::End(EndReason::Revoked);
            app.execute::<Session>(&cx, session.id.into(), Expected::Any, end).await?;
        }
        if !more {
            return Ok(reapplied);
        }
    }
}

macro_rules! dispatch {
    ($($aggregate:ty),+ $(,)?) => {
        async fn reapply(app: &App, erasure: &Erasure) -> Result<Reapplied, Failure> {
            match erasure.aggregate.as_str() {
                $(<$aggregate>::TYPE => reapply_to::<$aggregate>(app, erasure).await,)+
                unknown => Err(format!("the journal names {unknown}, which this program does not know").into()),
            }
        }
    };
}
for_each_aggregate!(dispatch);

async fn reapply_to<A: Aggregate>(app: &App, erasure: &Erasure) -> Result<Reapplied, Failure> {
    let cx: access::Authorized<access::System> = Context::system(erasure.tenant.into(), ACTOR);
    let Some(recorded) = app.read::<A>(&cx, erasure.stream.into()).await? else { return Ok(Reapplied::Unknown) };
    let command = A::erasure().ok_or_else(|| format!("a {} can't be erased", A::TYPE))?;
    if recorded.state.is_erased() {
        return Ok(Reapplied::Already);
    }
    match app.execute::<A>(&cx, erasure.stream.into(), Expected::Any, command).await {
        Ok(_) => Ok(Reapplied::Erased),
        Err(AppError::Refused { kind: ErrorKind::NotFound, .. }) => Ok(Reapplied::Unknown),
        Err(error) => Err(error.into()),
    }
}
