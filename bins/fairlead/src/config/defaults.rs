//! What holds where nothing is set.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use fairlead_http::Rate;

pub(super) fn http_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 8080).into()
}
pub(super) fn sequencing_limit_seconds() -> u32 {
    10
}
pub(super) fn handling_limit_seconds() -> u32 {
    60
}
pub(super) fn service_name() -> String {
    "fairlead".to_owned()
}
pub(super) fn trace_ratio() -> f64 {
    1.0
}
pub(super) fn erasure_journal() -> PathBuf {
    "erasures.jsonl".into()
}
pub(super) fn mail_directory() -> PathBuf {
    ".local/mail".into()
}
pub(super) fn issuer() -> String {
    "fairlead".to_owned()
}
pub(super) fn audience() -> String {
    "fairlead".to_owned()
}
pub(super) fn signing_key_days() -> u16 {
    90
}
pub(super) fn max_body_bytes() -> usize {
    1024 * 1024
}
pub(super) fn database_connections() -> usize {
    16
}
pub(super) fn rate_limit_per_organization() -> Rate {
    Rate { per_second: 20_000, burst: 20_000 }
}
pub(super) fn rate_limit_per_key() -> Rate {
    Rate { per_second: 10_000, burst: 10_000 }
}
pub(super) fn sign_in_tries() -> u32 {
    11
}
pub(super) fn backlog_per_organization() -> u64 {
    100_000
}
pub(super) fn event_streams() -> usize {
    10_000
}
pub(super) fn event_streams_per_organization() -> usize {
    1_000
}
pub(super) fn partitions() -> u8 {
    4
}
pub(super) fn rotting_seconds() -> u32 {
    60
}
pub(super) fn idempotency_days() -> u16 {
    7
}
pub(super) fn closed_organization_days() -> u16 {
    30
}
pub(super) fn audit_days() -> u16 {
    365
}
pub(super) fn shutdown_seconds() -> u16 {
    30
}
pub(super) fn log_filter() -> String {
    "info,sqlx=warn,actix_server=warn,sea_orm_migration=warn,actix_http=off,lapin=off".to_owned()
}
