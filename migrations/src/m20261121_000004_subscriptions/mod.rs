//! Subscriptions in partitions: leases, checkpoints with what is done ahead, parked streams, rebuilt read models.

super::sql_migration!(
    "m20261121_000004_subscriptions",
    up: [include_str!("up.sql"), include_str!("rebuild.sql")],
    down: include_str!("down.sql")
);
