//! The read model of @nouns.

super::sql_migration!("@migration", up: [include_str!("up.sql")], down: include_str!("down.sql"));
