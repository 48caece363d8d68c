//! A key's life, for the conformance suite.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use super::{ApiKey, ApiKeyCommand, ApiKeyProfile};
use crate::{
    kernel::{Invalid, testing::Story},
    values::{Label, Permission},
};

impl Story for ApiKey {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<ApiKeyCommand> {
        life().expect("valid values")
    }
}

fn life() -> Result<Vec<ApiKeyCommand>, Invalid> {
    let at = DateTime::UNIX_EPOCH;
    let profile = ApiKeyProfile {
        name: Label::new("Web shop")?,
        permissions: BTreeSet::from([Permission::new("contacts:*")?, Permission::new("*:read")?]),
        projects: Some(BTreeSet::from([Uuid::from_u128(3).into()])),
        expires_at: Some(at + TimeDelta::days(365)),
        issued_by: format!("user:{}", Uuid::from_u128(1)),
    };
    Ok(vec![
        ApiKeyCommand::Issue(Box::new(profile)),
        ApiKeyCommand::Rename { name: Label::new("Web shop, Porto")? },
        ApiKeyCommand::Rotate { at, overlap_until: Some(at + TimeDelta::days(1)) },
        ApiKeyCommand::Revoke,
    ])
}
