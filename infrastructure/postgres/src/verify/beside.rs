//! What is noted beside streams, read in their order: keys, references, and about whom something is told.

use std::collections::{BTreeSet, VecDeque};

use deadpool_postgres::Object;
use fairlead_application::log::LogError;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{cursor::Cursor, not_ending};
use crate::connect::log_error;

/// Notes read at once.
const PAGE: u32 = 1_000;

/// A table of notes.
pub(super) struct Notes<T> {
    cursor: &'static str,
    table: &'static str,
    columns: &'static str,
    /// Reads a note, whose columns stand behind tenant and stream.
    read: fn(&Row) -> Result<T, tokio_postgres::Error>,
}

/// Keys that are reserved.
pub(super) const KEYS: Notes<(String, String)> = Notes {
    cursor: "verified_keys",
    table: "engine.reservations",
    columns: "scope, key",
    read: |row| Ok((row.try_get(2)?, row.try_get(3)?)),
};

/// Records that are referred to.
pub(super) const REFERENCES: Notes<Uuid> = Notes {
    cursor: "verified_references",
    table: "engine.record_references",
    columns: "target_id",
    read: |row| row.try_get(2),
};

/// People about whom something is told.
pub(super) const PEOPLE: Notes<Uuid> = Notes {
    cursor: "verified_people",
    table: "engine.subject_streams",
    columns: "subject_id",
    read: |row| row.try_get(2),
};

/// A cursor over notes, in ascending order of tenant and stream.
pub(super) struct Beside<T> {
    cursor: Cursor,
    read: fn(&Row) -> Result<T, tokio_postgres::Error>,
    ahead: VecDeque<((Uuid, Uuid), T)>,
}

impl<T: Ord> Beside<T> {
    pub(super) async fn declare(
        client: &Object,
        notes: &Notes<T>,
        organization: Option<Uuid>,
    ) -> Result<Self, LogError> {
        let Notes { cursor, table, columns, read } = notes;
        let sql = format!(
            "select tenant_id, stream_id, {columns} from {table} n
              where ($1::uuid is null or tenant_id = $1) and {} order by tenant_id, stream_id",
            not_ending("n")
        );
        let cursor = Cursor::declare(client, cursor, PAGE, &sql, &[&organization]).await?;
        Ok(Self { cursor, read: *read, ahead: VecDeque::new() })
    }

    /// What is noted beside a stream; `lost` is told of what is noted beside streams before it, which are not there.
    pub(super) async fn of(
        &mut self,
        client: &Object,
        here: (Uuid, Uuid),
        lost: &mut (impl FnMut((Uuid, Uuid), T) + Send),
    ) -> Result<BTreeSet<T>, LogError> {
        let mut notes = BTreeSet::new();
        loop {
            if self.ahead.is_empty() {
                let read = |row: &Row| Ok(((row.try_get(0)?, row.try_get(1)?), (self.read)(row)?));
                let rows = self.cursor.page(client).await?;
                self.ahead = rows.iter().map(read).collect::<Result<_, tokio_postgres::Error>>().map_err(log_error)?;
            }
            match self.ahead.pop_front_if(|(stream, _)| *stream <= here) {
                None => return Ok(notes),
                Some((stream, note)) if stream == here => drop(notes.insert(note)),
                Some((stream, note)) => lost(stream, note),
            }
        }
    }
}
