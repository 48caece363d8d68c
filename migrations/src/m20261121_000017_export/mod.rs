//! What is read when data is taken out: all streams of an organization, all sessions of a person.

super::sql_migration!("m20261121_000017_export", up: [include_str!("up.sql")], down: include_str!("down.sql"));
