//! Reading a tenant's log, and a record's.

super::sql_migration!("m20261121_000007_history", up: [include_str!("up.sql")], down: include_str!("down.sql"));
