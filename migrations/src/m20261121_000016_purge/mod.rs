//! The end of an organization: everything that is its own is deleted, but for its places in the global order.

super::sql_migration!("m20261121_000016_purge", up: [include_str!("up.sql")], down: include_str!("down.sql"));
