//! The read model of comments.

super::sql_migration!("m20261121_000026_custom_fields", up: [include_str!("up.sql")], down: include_str!("down.sql"));
