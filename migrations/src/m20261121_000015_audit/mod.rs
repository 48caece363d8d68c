//! Who did what, and from where.

super::sql_migration!("m20261121_000015_audit", up: [include_str!("up.sql")], down: include_str!("down.sql"));
