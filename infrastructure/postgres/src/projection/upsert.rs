//! The statement that writes rows of an entity, given as one JSON array.

use sea_orm::{EntityTrait, IdenStatic, Iterable};

/// Made of the entity's own names alone.
pub(super) struct Upsert {
    columns: String,
    excluded: String,
    key: &'static str,
    guard: &'static str,
    /// Whether of several rows with the same key only the one with the highest position is meant.
    newest: bool,
}

impl Upsert {
    /// Rows that are there already, by their key, are replaced where the guard holds; it can compare `present` with
    /// `excluded`.
    pub(super) fn of<E: EntityTrait>(key: &'static str, guard: &'static str) -> Self {
        let columns: Vec<_> = E::Column::iter().map(|column| format!(r#""{}""#, column.as_str())).collect();
        let excluded: Vec<_> = columns.iter().map(|column| format!("excluded.{column}")).collect();
        Self { columns: columns.join(", "), excluded: excluded.join(", "), key, guard, newest: false }
    }

    /// Rows that are there already, by their key, are replaced by those with the same position or a higher one.
    pub(super) fn newest<E: EntityTrait>(key: &'static str) -> Self {
        Self { newest: true, ..Self::of::<E>(key, "present.position <= excluded.position") }
    }

    /// The statement for one of the entity's tables.
    pub(super) fn statement(&self, table: &str) -> String {
        let Self { columns, excluded, key, guard, newest } = self;
        let given = format!("jsonb_populate_recordset(null::{table}, $1)");
        let rows = match newest {
            true => format!("(select distinct on ({key}) * from {given} order by {key}, position desc) as newest"),
            false => given,
        };
        format!(
            "insert into {table} as present ({columns})
             select {columns} from {rows}
             on conflict ({key}) do update set ({columns}) = row({excluded}) where {guard}"
        )
    }
}
