//! The inbox of consumers whose effects are in Fairlead's own database. The tables are the consumer kit's, from its text.

super::sql_migration!(
    "m20261121_000005_inbox",
    up: [
        "set local search_path = engine, pg_temp",
        include_str!("../../../consumer/sql/inbox.sql"),
        "set local search_path to default",
        include_str!("up.sql")
    ],
    down: include_str!("down.sql")
);
