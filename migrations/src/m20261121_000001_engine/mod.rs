//! The engine: streams, events, the global order and its readers.

super::sql_migration!(
    "m20261121_000001_engine",
    up: [include_str!("up.sql"), include_str!("commands.sql"), include_str!("order.sql")],
    down: include_str!("down.sql")
);
