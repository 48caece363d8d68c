//! A session's life, for the conformance suite.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use super::{EndReason, Session, SessionCommand, SessionMethod, SessionStart};
use crate::{
    kernel::{Invalid, testing::Story},
    values::{Origin, Provider},
};

impl Story for Session {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<SessionCommand> {
        life().expect("valid values")
    }
}

fn life() -> Result<Vec<SessionCommand>, Invalid> {
    let at = DateTime::UNIX_EPOCH;
    let origin = |last| Origin::new(Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))), Some("Mozilla/5.0"));
    let start = SessionStart {
        user_id: Uuid::from_u128(1).into(),
        organization_id: Uuid::from_u128(2).into(),
        methods: BTreeSet::from([SessionMethod::Oidc, SessionMethod::Totp]),
        provider: Some(Provider::new("keycloak")?),
        origin: origin(1),
        at,
        expires_at: at + TimeDelta::days(30),
    };
    Ok(vec![
        SessionCommand::Start(Box::new(start)),
        SessionCommand::Refresh { generation: 1, origin: origin(2), at: at + TimeDelta::minutes(15) },
        SessionCommand::Switch(Uuid::from_u128(3).into()),
        SessionCommand::End(EndReason::LoggedOut),
    ])
}
