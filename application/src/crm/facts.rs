//! What commands have to know beyond their own record, and what happens when that changes meanwhile.

use std::collections::BTreeSet;

use fairlead_domain::kernel::Aggregate;
use uuid::Uuid;

use crate::{
    App, AppError, Context, Expected,
    access::{Permission, Reach, Reveals},
};

/// How many records are read at once.
pub(super) const PAGE: usize = 1_000;
/// How often facts are gathered, when records change between being seen and being stored.
const ATTEMPTS: usize = 5;

/// Attempts at a command that is decided on facts: when a record is not as it was seen, they are gathered once more.
pub(super) struct Attempts {
    left: usize,
    expected: Expected,
}

impl Attempts {
    /// None made yet, by a caller who expects that.
    pub(super) fn new(expected: Expected) -> Self {
        Self { left: ATTEMPTS, expected }
    }

    /// Whether to attempt it again after this error.
    ///
    /// # Errors
    /// The error, when another attempt does not help. A version that the caller demanded is answered as stale at last.
    pub(super) fn again(&mut self, error: AppError) -> Result<(), AppError> {
        self.left -= 1;
        match (error, self.expected) {
            (AppError::Stale { .. }, _) if self.left > 0 => Ok(()),
            (AppError::Stale { .. }, Expected::Any | Expected::New) => Err(AppError::Contended),
            (error, _) => Err(error),
        }
    }
}

/// Which records the caller may read, though under another permission than the one in hand: `None` when none at all.
pub(super) fn reading<P: Permission>(cx: &Context) -> Option<Reach> {
    cx.clone().authorize::<P>().ok().map(|reading| reading.reach().clone())
}

/// Those of these records that live and that the caller may read, though under another permission than the one in hand: none
/// when the caller may read none at all. One round trip for each thousand.
///
/// # Errors
/// Those of reading.
pub(super) async fn living<A: Aggregate, P: Permission + Reveals<A>>(
    app: &App,
    cx: &Context,
    ids: &BTreeSet<A::Id>,
) -> Result<BTreeSet<A::Id>, AppError>
where
    A::Id: Ord,
{
    let mut living = BTreeSet::new();
    let Ok(reading) = cx.clone().authorize::<P>() else { return Ok(living) };
    let ids: Vec<Uuid> = ids.iter().map(|id| (*id).into()).collect();
    for ids in ids.chunks(PAGE) {
        let records = app.read_all::<A>(&reading, ids).await?.into_iter();
        living.extend(records.filter(|record| !record.state.is_deleted()).map(|record| A::Id::from(record.id)));
    }
    Ok(living)
}
