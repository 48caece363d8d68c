//! The read model of pipelines.

super::sql_migration!("m20261121_000019_pipelines", up: [include_str!("up.sql")], down: include_str!("down.sql"));
