//! A project's life, for the conformance suite.

use super::{Project, ProjectCommand};
use crate::{
    kernel::{Invalid, testing::Story},
    values::Label,
};

impl Story for Project {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<ProjectCommand> {
        life().expect("valid values")
    }

    fn deletion() -> Option<ProjectCommand> {
        Some(ProjectCommand::Archive)
    }

    fn restoration() -> Option<ProjectCommand> {
        Some(ProjectCommand::Restore)
    }
}

fn life() -> Result<Vec<ProjectCommand>, Invalid> {
    Ok(vec![
        ProjectCommand::Create { name: Label::new("Vendas")?, is_default: false },
        ProjectCommand::Rename { name: Label::new("Vendas 2026")? },
        ProjectCommand::Archive,
        ProjectCommand::Restore,
    ])
}
