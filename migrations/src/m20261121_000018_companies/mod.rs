//! The read model of companies.

super::sql_migration!("m20261121_000018_companies", up: [include_str!("up.sql")], down: include_str!("down.sql"));
