//! @A @noun's life, for the conformance suite.

use uuid::Uuid;

use super::{Specimen, SpecimenChange, SpecimenCommand, SpecimenProfile};
use crate::{
    kernel::{Invalid, Patch, testing::Story},
    values::{Description, Label},
};

impl Story for Specimen {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<SpecimenCommand> {
        life().expect("valid values")
    }

    fn deletion() -> Option<SpecimenCommand> {
        Some(SpecimenCommand::Delete)
    }

    fn restoration() -> Option<SpecimenCommand> {
        Some(SpecimenCommand::Restore)
    }
}

fn life() -> Result<Vec<SpecimenCommand>, Invalid> {
    let profile = SpecimenProfile {
        name: Label::new("First")?,
        description: Some(Description::new("As it began")?),
        owner_id: Some(Uuid::from_u128(1).into()),
        project_id: Some(Uuid::from_u128(2).into()),
    };
    let change = SpecimenChange {
        name: Some(Label::new("Second")?),
        description: Patch::Set(None),
        owner_id: Patch::Set(Some(Uuid::from_u128(3).into())),
        project_id: Patch::Set(None),
    };
    Ok(vec![
        SpecimenCommand::Create(profile),
        SpecimenCommand::Change(change),
        SpecimenCommand::Delete,
        SpecimenCommand::Restore,
    ])
}
