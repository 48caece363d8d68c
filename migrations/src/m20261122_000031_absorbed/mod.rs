//! Timelines over what was merged: an index by which that is found.

super::sql_migration!("m20261122_000031_absorbed", up: [include_str!("up.sql")], down: include_str!("down.sql"));
