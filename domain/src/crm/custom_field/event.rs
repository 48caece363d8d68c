//! What happens to a custom field.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CustomFieldProfile;
use crate::values::{AttributeKey, AttributeValue, Description, Label};

/// What happened to a custom field. Names are public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "the fields are named as in the profile, where they are explained")]
pub enum CustomFieldEvent {
    /// The field was defined.
    #[serde(rename = "custom_field.defined")]
    Defined(Box<CustomFieldProfile>),
    /// The name changed.
    #[serde(rename = "custom_field.renamed")]
    Renamed { name: Label },
    /// The description changed, or was removed.
    #[serde(rename = "custom_field.described")]
    Described { description: Option<Description> },
    /// Records need a value from now on, or need none any more.
    #[serde(rename = "custom_field.requirement_changed")]
    RequirementChanged { required: bool },
    /// New records get another value by themselves, or none.
    #[serde(rename = "custom_field.default_changed")]
    DefaultChanged { default: Option<AttributeValue> },
    /// An option was added behind the others.
    #[serde(rename = "custom_field.option_added")]
    OptionAdded { key: AttributeKey, name: Label },
    /// An option is called otherwise.
    #[serde(rename = "custom_field.option_renamed")]
    OptionRenamed { key: AttributeKey, name: Label },
    /// The options stand in another order; these are all.
    #[serde(rename = "custom_field.options_reordered")]
    OptionsReordered { keys: Vec<AttributeKey> },
    /// An option was taken out of use. Values that have it keep it.
    #[serde(rename = "custom_field.option_retired")]
    OptionRetired { key: AttributeKey },
    /// A retired option was taken into use again.
    #[serde(rename = "custom_field.option_reinstated")]
    OptionReinstated { key: AttributeKey },
    /// The field was deleted softly. Values stay.
    #[serde(rename = "custom_field.deleted")]
    Deleted {},
    /// The field was brought back.
    #[serde(rename = "custom_field.restored")]
    Restored {},
}
