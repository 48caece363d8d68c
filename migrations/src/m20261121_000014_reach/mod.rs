//! The log and a record's history, for those who reach some records alone.

super::sql_migration!("m20261121_000014_reach", up: [include_str!("up.sql")], down: include_str!("down.sql"));
