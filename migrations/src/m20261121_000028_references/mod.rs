//! References: which streams name which records.

super::sql_migration!("m20261121_000028_references", up: [include_str!("up.sql")], down: include_str!("down.sql"));
