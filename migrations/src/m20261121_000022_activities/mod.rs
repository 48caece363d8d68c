//! Activities: what was told about whom, the list, and timelines that show them.

super::sql_migration!("m20261121_000022_activities", up: [include_str!("up.sql")], down: include_str!("down.sql"));
