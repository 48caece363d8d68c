//! An organization's life, for the conformance suite.

use chrono::DateTime;
use uuid::Uuid;

use super::{Organization, OrganizationCommand};
use crate::{
    kernel::{Invalid, testing::Story},
    values::{Description, Label},
};

impl Story for Organization {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<OrganizationCommand> {
        life().expect("valid values")
    }
}

fn life() -> Result<Vec<OrganizationCommand>, Invalid> {
    let user = |n| Uuid::from_u128(n).into();
    let at = DateTime::UNIX_EPOCH;
    Ok(vec![
        OrganizationCommand::Register { name: Label::new("Lima & Filhos")?, owner: user(1) },
        OrganizationCommand::Rename { name: Label::new("Lima e Filhos")? },
        OrganizationCommand::AddOwner(user(2)),
        OrganizationCommand::RemoveOwner(user(1)),
        OrganizationCommand::Suspend { reason: Some(Description::new("unpaid since May")?) },
        OrganizationCommand::Resume,
        OrganizationCommand::Close { at },
        OrganizationCommand::Reopen,
        OrganizationCommand::Close { at },
        OrganizationCommand::Purge,
    ])
}
