//! The read model of contacts.

super::sql_migration!("m20261121_000002_contacts", up: [include_str!("up.sql")], down: include_str!("down.sql"));
