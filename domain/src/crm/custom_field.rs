//! A field that an organization adds to its contacts, companies or deals: what the custom attribute of that key may hold.

mod error;
mod event;
mod kind;
mod profile;
mod schema;
#[cfg(feature = "testing")]
mod story;

use serde::{Deserialize, Serialize};

pub(super) use self::schema::{check_count, note_unique, referred, replaced, reserved};
pub use self::{
    error::CustomFieldError,
    event::CustomFieldEvent,
    kind::AttributeKind,
    profile::{CustomFieldChange, CustomFieldProfile, FieldOption},
    schema::{AttributeChange, Attributed, Schema},
};
use crate::{
    ids::CustomFieldId,
    kernel::{Aggregate, UniqueKey},
    values::{AttributeKey, Label},
};

/// How many options a field has at most, those counted that are retired.
const MAX_OPTIONS: usize = 200;

/// A custom field's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomField {
    /// What it is.
    #[serde(flatten)]
    pub profile: CustomFieldProfile,
    /// Softly deleted: values stay, and nobody looks after them any more. Its key is free for others.
    #[serde(default)]
    pub deleted: bool,
}

/// What can be asked of a custom field.
#[derive(Clone)]
pub enum CustomFieldCommand {
    /// Define it.
    Define(Box<CustomFieldProfile>),
    /// Change attributes; those not named stay.
    Change(Box<CustomFieldChange>),
    /// Add an option behind the others.
    AddOption {
        /// As it is stored in values.
        key: AttributeKey,
        /// What it is called.
        name: Label,
    },
    /// Call an option otherwise.
    RenameOption {
        /// Which one.
        key: AttributeKey,
        /// What it is called.
        name: Label,
    },
    /// Put the options in another order.
    ReorderOptions(Vec<AttributeKey>),
    /// Take an option out of use: values that have it keep it, and no other record gets it.
    RetireOption(AttributeKey),
    /// Take a retired option into use again.
    ReinstateOption(AttributeKey),
    /// Delete softly.
    Delete,
    /// Bring back what was deleted.
    Restore,
}

impl Aggregate for CustomField {
    const CONTEXT: &'static str = "crm";
    const TYPE: &'static str = "custom_field";
    const PLURAL: &'static str = "custom_fields";
    type Id = CustomFieldId;
    type Command = CustomFieldCommand;
    type Event = CustomFieldEvent;
    type Error = CustomFieldError;

    fn decide(state: Option<&Self>, command: CustomFieldCommand) -> Result<Vec<CustomFieldEvent>, CustomFieldError> {
        use CustomFieldCommand::{
            AddOption, Change, Define, Delete, ReinstateOption, RenameOption, ReorderOptions, Restore, RetireOption,
        };
        match (state, command) {
            (None, Define(profile)) => profile.checked().map(|profile| vec![CustomFieldEvent::Defined(profile)]),
            (None, _) => Err(CustomFieldError::NotFound),
            (Some(_), Define(_)) => Err(CustomFieldError::AlreadyExists),
            (Some(field), Delete) if field.deleted => Ok(vec![]),
            (Some(field), Restore) if field.deleted => Ok(vec![CustomFieldEvent::Restored {}]),
            (Some(field), _) if field.deleted => Err(CustomFieldError::Deleted),
            (Some(field), Change(change)) => field.profile.changes(*change),
            (Some(field), AddOption { key, name }) => field.profile.adds_option(key, name),
            (Some(field), RenameOption { key, name }) => field.profile.renames_option(key, name),
            (Some(field), ReorderOptions(keys)) => field.profile.reorders_options(keys),
            (Some(field), RetireOption(key)) => field.profile.retires_option(key),
            (Some(field), ReinstateOption(key)) => field.profile.reinstates_option(key),
            (Some(_), Delete) => Ok(vec![CustomFieldEvent::Deleted {}]),
            (Some(_), Restore) => Ok(vec![]),
        }
    }

    fn init(event: &CustomFieldEvent) -> Option<Self> {
        match event {
            CustomFieldEvent::Defined(profile) => Some(Self { profile: (**profile).clone(), deleted: false }),
            _ => None,
        }
    }

    fn apply(&mut self, event: &CustomFieldEvent) {
        let profile = &mut self.profile;
        match event.clone() {
            CustomFieldEvent::Defined(defined) => *profile = *defined,
            CustomFieldEvent::Renamed { name } => profile.name = name,
            CustomFieldEvent::Described { description } => profile.description = description,
            CustomFieldEvent::RequirementChanged { required } => profile.required = required,
            CustomFieldEvent::DefaultChanged { default } => profile.default = default,
            CustomFieldEvent::OptionAdded { key, name } => {
                profile.options.push(FieldOption { key, name, retired: false });
            }
            CustomFieldEvent::OptionRenamed { key, name } => profile.on_option(&key, |option| option.name = name),
            CustomFieldEvent::OptionsReordered { keys } => {
                profile.options.sort_by_key(|option| keys.iter().position(|key| *key == option.key));
            }
            CustomFieldEvent::OptionRetired { key } => profile.on_option(&key, |option| option.retired = true),
            CustomFieldEvent::OptionReinstated { key } => profile.on_option(&key, |option| option.retired = false),
            CustomFieldEvent::Deleted {} => self.deleted = true,
            CustomFieldEvent::Restored {} => self.deleted = false,
        }
    }

    fn keys(&self) -> Vec<UniqueKey> {
        let CustomFieldProfile { record_type, key, .. } = &self.profile;
        vec![UniqueKey::new("custom_field.key", format!("{record_type}.{}", key.as_str()))]
    }

    fn is_deleted(&self) -> bool {
        self.deleted
    }
}
