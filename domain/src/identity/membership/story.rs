//! A membership's life, for the conformance suite.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use super::{Membership, MembershipCommand, MembershipProfile};
use crate::{
    identity::{BuiltInRole, RoleRef},
    kernel::testing::Story,
};

impl Story for Membership {
    fn story() -> Vec<MembershipCommand> {
        let at = DateTime::UNIX_EPOCH;
        let invite = MembershipCommand::Invite {
            profile: MembershipProfile { roles: BTreeSet::from([BuiltInRole::Viewer.into()]), projects: None },
            invited_by: Some(Uuid::from_u128(1).into()),
            expires_at: at + TimeDelta::days(7),
        };
        let limit = Some(BTreeSet::from([Uuid::from_u128(3).into()]));
        let roles = BTreeSet::from([BuiltInRole::Editor.into(), RoleRef::Custom(Uuid::from_u128(2).into())]);
        vec![
            invite,
            MembershipCommand::Accept { number: 1, at },
            MembershipCommand::ChangeRoles(roles.clone()),
            MembershipCommand::LimitToProjects(limit.clone()),
            MembershipCommand::Remove,
            MembershipCommand::Join(MembershipProfile { roles, projects: limit }),
        ]
    }
}
