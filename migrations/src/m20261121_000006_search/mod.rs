//! Search over contacts, by words and by parts.

super::sql_migration!("m20261121_000006_search", up: [include_str!("up.sql")], down: include_str!("down.sql"));
