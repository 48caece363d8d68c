//! What contacts are besides their names: several addresses, stages, companies; and who may be the same person.

super::sql_migration!("m20261121_000025_contact_records", up: [include_str!("up.sql")], down: include_str!("down.sql"));
