//! The read model of comments.

super::sql_migration!("m20261121_000023_comments", up: [include_str!("up.sql")], down: include_str!("down.sql"));
