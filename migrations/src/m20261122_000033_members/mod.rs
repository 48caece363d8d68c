//! References that custom attributes and contact lists hold.

super::sql_migration!("m20261122_000033_members", up: [include_str!("up.sql")], down: include_str!("down.sql"));
