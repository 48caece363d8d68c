//! What commands have to know beyond their own record, and what happens when that changes meanwhile.

use fairlead_domain::kernel::Aggregate;

use crate::{
    App, AppError, Context, Expected, Outcome, Recorded,
    access::{Permission, Reveals},
};

/// How often facts are gathered, when records change between being seen and being stored.
const ATTEMPTS: usize = 5;

/// Gathers facts and decides on them; once more, when a record is not as it was seen. A version that the caller demanded is
/// answered as stale at last.
///
/// # Errors
/// Those of the attempt.
pub(super) async fn on_facts(
    expected: Expected,
    attempt: impl AsyncFn() -> Result<Outcome, AppError>,
) -> Result<Outcome, AppError> {
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(AppError::Stale { .. }) => {}
            outcome => return outcome,
        }
    }
    match attempt().await {
        Err(AppError::Stale { .. }) if !matches!(expected, Expected::Exactly(_)) => Err(AppError::Contended),
        outcome => outcome,
    }
}

/// A record as the caller may read it, though under another permission than the one in hand: `None` when there is none, when it
/// is beyond the caller's reach, and when the caller may read none at all.
///
/// # Errors
/// Those of reading.
pub(super) async fn readable<A: Aggregate, P: Permission + Reveals<A>>(
    app: &App,
    cx: &Context,
    id: A::Id,
) -> Result<Option<Recorded<A>>, AppError> {
    match cx.clone().authorize::<P>() {
        Ok(reading) => app.read::<A>(&reading, id).await,
        Err(_) => Ok(None),
    }
}
