//! A role's life, for the conformance suite.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Role, RoleChange, RoleCommand, RoleProfile};
use crate::{
    identity::{BuiltInRole, RoleRef},
    kernel::{Invalid, Patch, testing::Story},
    values::{Description, Grant, Label, Over, Permission},
};

impl Story for Role {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<RoleCommand> {
        life().expect("valid values")
    }

    fn deletion() -> Option<RoleCommand> {
        Some(RoleCommand::Delete)
    }

    fn restoration() -> Option<RoleCommand> {
        Some(RoleCommand::Restore)
    }
}

fn life() -> Result<Vec<RoleCommand>, Invalid> {
    let id = Uuid::from_u128(1).into();
    let grant = |permission, over| Ok::<_, Invalid>(Grant { permission: Permission::new(permission)?, over });
    let profile = RoleProfile {
        name: Label::new("Sales")?,
        description: Some(Description::new("Who sells")?),
        grants: BTreeSet::from([grant("contacts:*", Over::Own)?, grant("contacts:read", Over::Projects)?]),
        inherits: BTreeSet::from([BuiltInRole::Viewer.into()]),
    };
    let change = RoleChange {
        name: Some(Label::new("Sales, senior")?),
        description: Patch::Set(None),
        grants: Some(BTreeSet::from([grant("contacts:*", Over::All)?])),
        inherits: Some(BTreeSet::from([RoleRef::Custom(Uuid::from_u128(2).into())])),
    };
    Ok(vec![
        RoleCommand::Define { id, profile: Box::new(profile) },
        RoleCommand::Change { id, change: Box::new(change) },
        RoleCommand::Delete,
        RoleCommand::Restore,
    ])
}
