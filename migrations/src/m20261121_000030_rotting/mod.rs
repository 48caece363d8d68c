//! Deals that rot: a column and an index by which they are found.

super::sql_migration!("m20261121_000030_rotting", up: [include_str!("up.sql")], down: include_str!("down.sql"));
