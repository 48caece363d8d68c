//! The read model of deals.

super::sql_migration!("m20261121_000020_deals", up: [include_str!("up.sql")], down: include_str!("down.sql"));
