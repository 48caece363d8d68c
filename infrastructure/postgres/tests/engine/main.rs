//! The engine against a real `PostgreSQL`, as the restricted roles.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

mod activities;
mod activities_list;
mod asked;
mod attributes;
mod audit;
mod audit_kept;
mod backlog;
mod batch;
mod board;
mod catalog;
mod companies;
mod contact_list_members;
mod contact_list_plans;
mod contact_list_rows;
mod contention;
mod deals;
mod export;
mod following;
mod foreign;
mod history;
mod lists;
mod migrations;
mod partitions;
mod pipelines;
mod plans;
mod policies;
mod privacy;
mod projection;
mod purge;
mod reach;
mod readmodels;
mod restore;
mod rotation;
mod rotting;
mod search;
mod sequencer;
mod signing;
mod standing;
mod store;
mod subscriptions;
mod told;
mod twins;
mod verify;
mod verify_notes;
