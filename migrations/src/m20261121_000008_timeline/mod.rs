//! The read model of timelines.

super::sql_migration!("m20261121_000008_timeline", up: [include_str!("up.sql")], down: include_str!("down.sql"));
