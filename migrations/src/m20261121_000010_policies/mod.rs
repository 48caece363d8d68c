//! What policies were refused.

super::sql_migration!("m20261121_000010_policies", up: [include_str!("up.sql")], down: include_str!("down.sql"));
