//! HTTP: routes by context, extractors, problem details, `OpenAPI`.
//!
//! What is read from requests lives in `request`, what is answered in `answer` and `problem`, what happens around
//! every handler in `layer`. A resource is one file of routes in its context's folder, with its bodies beside it, and
//! a line in `document`.

mod answer;
mod contracts;
mod crm;
mod document;
mod events;
mod health;
mod identity;
mod layer;
mod live;
mod operations;
mod operator;
mod problem;
mod request;
mod resource;
mod search;
mod server;
mod well_known;

pub use document::openapi;
pub use layer::BadOrigin;
pub use live::{Live, LiveLimits, LiveReader};
pub use operations::{Operations, operations};
pub use request::{InvalidProxies, InvalidRate, Rate, TrustedProxies};
pub use server::{Parts, ServerError, Settings, server};
