//! What verifying reads besides.

super::sql_migration!("m20261121_000009_verify", up: [include_str!("up.sql")], down: include_str!("down.sql"));
