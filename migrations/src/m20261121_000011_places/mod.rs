//! Where each event stands in the global order.

super::sql_migration!("m20261121_000011_places", up: [include_str!("up.sql")], down: include_str!("down.sql"));
