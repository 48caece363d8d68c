//! What was found, by principal, and on which streams it depends.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, PoisonError, RwLock, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use uuid::Uuid;

use super::{BELIEVED, BELIEVED_BLINDLY, Found, Principal};

/// How many principals are kept; beyond it all are looked up anew.
const MOST: usize = 50_000;

/// A stream: its tenant and its id.
type Stream = (Uuid, Uuid);

/// What was found, until something changes.
#[derive(Default)]
pub(super) struct Kept {
    tables: RwLock<Tables>,
    followed: AtomicBool,
    watches: AtomicU64,
}

#[derive(Default)]
struct Tables {
    found: HashMap<Principal, (Arc<Found>, Instant)>,
    /// Who is being looked up, by which watch.
    watched: HashMap<Principal, u64>,
    dependents: HashMap<Stream, HashSet<Principal>>,
}

impl Kept {
    fn tables(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found, unless it is too old to be believed.
    pub(super) fn get(&self, principal: &Principal) -> Option<Arc<Found>> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        let (found, since) = tables.found.get(principal)?;
        let believed = if self.followed.load(Ordering::Relaxed) { BELIEVED } else { BELIEVED_BLINDLY };
        (since.elapsed() < believed).then(|| found.clone())
    }

    /// Begins to look somebody up. From when a stream is named to the watch, its change makes what is found not kept.
    pub(super) fn watch(&self, principal: Principal) -> Watch<'_> {
        let number = self.watches.fetch_add(1, Ordering::Relaxed);
        let mut tables = self.tables();
        if tables.found.len() + tables.watched.len() >= MOST {
            *tables = Tables::default();
        }
        tables.watched.insert(principal, number);
        Watch { kept: self, principal, number, begun: Instant::now(), streams: Vec::new() }
    }

    /// Forgets what depends on streams that changed.
    pub(super) fn forget(&self, streams: &[Stream]) {
        let concerned = {
            let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
            streams.iter().any(|stream| tables.dependents.contains_key(stream))
        };
        if concerned {
            let mut tables = self.tables();
            for stream in streams {
                for principal in tables.dependents.remove(stream).unwrap_or_default() {
                    tables.found.remove(&principal);
                    tables.watched.remove(&principal);
                }
            }
        }
    }

    /// Notes whether changes are told of.
    pub(super) fn followed(&self, followed: bool) {
        if self.followed.swap(followed, Ordering::Relaxed) != followed {
            *self.tables() = Tables::default();
        }
    }
}

/// Somebody is being looked up.
pub(super) struct Watch<'k> {
    kept: &'k Kept,
    principal: Principal,
    number: u64,
    begun: Instant,
    streams: Vec<Stream>,
}

impl Watch<'_> {
    /// To be told of each stream before it is read.
    pub(super) fn on(&mut self, stream: Stream) {
        self.streams.push(stream);
        self.kept.tables().dependents.entry(stream).or_default().insert(self.principal);
    }

    /// Keeps what was found, unless something changed meanwhile.
    pub(super) fn keep(self, found: Arc<Found>) {
        let mut tables = self.kept.tables();
        if tables.watched.get(&self.principal) == Some(&self.number) {
            tables.found.insert(self.principal, (found, self.begun));
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut tables = self.kept.tables();
        if tables.watched.get(&self.principal) == Some(&self.number) {
            tables.watched.remove(&self.principal);
        }
        if !tables.found.contains_key(&self.principal) && !tables.watched.contains_key(&self.principal) {
            for stream in &self.streams {
                if let Some(dependents) = tables.dependents.get_mut(stream) {
                    dependents.remove(&self.principal);
                    if dependents.is_empty() {
                        tables.dependents.remove(stream);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;

    fn principal(n: u128) -> Principal {
        Principal::Key { organization: Uuid::from_u128(1).into(), key: Uuid::from_u128(n).into() }
    }

    fn found() -> Arc<Found> {
        Arc::new(Found::with(Access::default()))
    }

    #[test]
    fn a_change_makes_dependents_forgotten_and_nobody_else() {
        let (kept, stream, other) =
            (Kept::default(), (Uuid::from_u128(1), Uuid::from_u128(7)), (Uuid::nil(), Uuid::nil()));
        kept.followed(true);
        for (n, depends_on) in [(1, stream), (2, other)] {
            let mut watch = kept.watch(principal(n));
            watch.on(depends_on);
            watch.keep(found());
        }
        assert!(kept.get(&principal(1)).is_some() && kept.get(&principal(2)).is_some());
        kept.forget(&[stream]);
        assert!(kept.get(&principal(1)).is_none() && kept.get(&principal(2)).is_some());
    }

    #[test]
    fn what_changes_while_it_is_looked_up_is_not_kept() {
        let (kept, stream) = (Kept::default(), (Uuid::from_u128(1), Uuid::from_u128(7)));
        kept.followed(true);
        let mut watch = kept.watch(principal(1));
        watch.on(stream);
        kept.forget(&[stream]);
        watch.keep(found());
        assert!(kept.get(&principal(1)).is_none());
        assert!(kept.tables().dependents.is_empty() && kept.tables().watched.is_empty(), "nothing is left behind");
    }

    #[test]
    fn what_was_found_before_a_gap_is_not_believed_after_it() {
        let kept = Kept::default();
        kept.followed(true);
        kept.watch(principal(1)).keep(found());
        assert!(kept.get(&principal(1)).is_some());
        kept.followed(false);
        kept.followed(true);
        assert!(kept.get(&principal(1)).is_none());
    }
}
