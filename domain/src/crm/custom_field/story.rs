//! A custom field's life, for the conformance suite.

use super::{AttributeKind, CustomField, CustomFieldChange, CustomFieldCommand, CustomFieldProfile, FieldOption};
use crate::{
    kernel::{Invalid, Patch, testing::Story},
    values::{AttributeKey, AttributeValue, Description, Label, RecordType},
};

impl Story for CustomField {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<CustomFieldCommand> {
        life().expect("valid values")
    }

    fn deletion() -> Option<CustomFieldCommand> {
        Some(CustomFieldCommand::Delete)
    }

    fn restoration() -> Option<CustomFieldCommand> {
        Some(CustomFieldCommand::Restore)
    }
}

fn life() -> Result<Vec<CustomFieldCommand>, Invalid> {
    let option = |key, name| {
        Ok::<_, Invalid>(FieldOption { key: AttributeKey::new(key)?, name: Label::new(name)?, retired: false })
    };
    let [gold, silver] = [AttributeKey::new("gold")?, AttributeKey::new("silver")?];
    let profile = CustomFieldProfile {
        description: Some(Description::new("How much they sail with us")?),
        required: true,
        default: Some(AttributeValue::Text("silver".to_owned())),
        options: vec![option("gold", "Gold")?, option("silver", "Silver")?],
        ..CustomFieldProfile::new(
            RecordType::Contact,
            AttributeKey::new("tier")?,
            Label::new("Tier")?,
            AttributeKind::Select,
        )
    };
    let change = CustomFieldChange {
        name: Some(Label::new("Level")?),
        description: Patch::Set(None),
        required: Some(false),
        default: Patch::Set(None),
    };
    Ok(vec![
        CustomFieldCommand::Define(Box::new(profile)),
        CustomFieldCommand::Change(Box::new(change)),
        CustomFieldCommand::AddOption { key: AttributeKey::new("bronze")?, name: Label::new("Brass")? },
        CustomFieldCommand::RenameOption { key: AttributeKey::new("bronze")?, name: Label::new("Bronze")? },
        CustomFieldCommand::ReorderOptions(vec![AttributeKey::new("bronze")?, silver.clone(), gold]),
        CustomFieldCommand::RetireOption(silver.clone()),
        CustomFieldCommand::ReinstateOption(silver),
        CustomFieldCommand::Delete,
        CustomFieldCommand::Restore,
    ])
}
