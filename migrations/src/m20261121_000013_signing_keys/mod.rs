//! The keys with which tokens are signed.

super::sql_migration!("m20261121_000013_signing_keys", up: [include_str!("up.sql")], down: include_str!("down.sql"));
