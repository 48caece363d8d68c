//! The program as its users run it: processes, HTTP, the database and the broker, nothing in between.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod access;
mod audit;
mod backlog;
mod clients;
mod commands;
mod faults;
mod journey;
mod live;
mod logs;
mod mail;
mod operations;
mod operator;
mod organizations;
mod people;
mod policies;
mod privacy;
mod providers;
mod replay;
mod settings;
mod signing;
mod traces;

use fairlead_testing::installation as process;
