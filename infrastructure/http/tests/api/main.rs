//! The API from outside, over real connections, with stores in memory.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod abroad;
mod activities;
mod activity_batch;
mod audit;
mod batch;
mod commands;
mod comments;
mod companies;
mod company_batch;
mod conditions;
mod contact_lists;
mod contacts;
mod contracts;
mod custom_fields;
mod deal_batch;
mod deals;
mod desk;
mod document;
mod due;
mod events;
mod everything;
mod export;
mod headers;
mod health;
mod hostile;
mod house;
mod identity;
mod limits;
mod lists;
mod live;
mod logs;
mod memory;
mod open_deals;
mod operator;
mod pipelines;
mod plans;
mod reach;
mod search;
mod service;
mod settings;
mod tokens;
