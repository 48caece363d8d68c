//! The read model of contact lists.

super::sql_migration!("m20261121_000027_contact_lists", up: [include_str!("up.sql")], down: include_str!("down.sql"));
