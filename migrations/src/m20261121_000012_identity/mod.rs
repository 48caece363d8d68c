//! Secrets beside streams, registers of streams, and who belongs where.

super::sql_migration!("m20261121_000012_identity", up: [include_str!("up.sql")], down: include_str!("down.sql"));
