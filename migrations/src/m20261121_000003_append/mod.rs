//! Append as sets, with conflicts named; and the keys under which personal data is sealed.

super::sql_migration!(
    "m20261121_000003_append",
    up: [include_str!("keys.sql"), include_str!("up.sql")],
    down: include_str!("down.sql")
);
