//! What a custom field is, and what differs when it changes.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AttributeKind, CustomFieldError, CustomFieldEvent, MAX_OPTIONS};
use crate::{
    kernel::{Invalid, Patch},
    values::{AttributeKey, AttributeValue, Description, Label, RecordType},
};

/// What a custom field is. Which records have it, its key, its type and whether it is unique never change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CustomFieldProfile {
    /// The records that have it.
    pub record_type: RecordType,
    /// Its name among their custom attributes, unique among the living fields of these records.
    pub key: AttributeKey,
    /// What it is called.
    pub name: Label,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// What its values are.
    pub value_type: AttributeKind,
    /// To which records a reference refers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refers_to: Option<RecordType>,
    /// Whether each new record needs a value, which can then be changed but not removed. Records that had none stay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Whether a value belongs to one living record of an organization at most. Values of before the definition count once they
    /// are set anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// What new records get that come without a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<AttributeValue>,
    /// The options of a choice in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<FieldOption>,
}

/// An option of a choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldOption {
    /// As it stands in values. Never changes.
    pub key: AttributeKey,
    /// What it is called.
    pub name: Label,
    /// Out of use: values that have it keep it, and no other record gets it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
}

/// A change of attributes, in the sense of JSON merge patch (RFC 7396).
#[derive(Debug, Clone, Default)]
pub struct CustomFieldChange {
    /// A new name.
    pub name: Option<Label>,
    /// A new description.
    pub description: Patch<Description>,
    /// Whether records need a value.
    pub required: Option<bool>,
    /// What new records get.
    pub default: Patch<AttributeValue>,
}

impl CustomFieldProfile {
    /// A field of which only the necessary is said: optional, without default and options.
    pub fn new(record_type: RecordType, key: AttributeKey, name: Label, value_type: AttributeKind) -> Self {
        Self {
            record_type,
            key,
            name,
            description: None,
            value_type,
            refers_to: None,
            required: false,
            unique: false,
            default: None,
            options: Vec::new(),
        }
    }

    pub(super) fn checked(mut self: Box<Self>) -> Result<Box<Self>, CustomFieldError> {
        let keys: BTreeSet<_> = self.options.iter().map(|option| &option.key).collect();
        if self.unique && !self.value_type.can_be_unique() {
            Err(CustomFieldError::NotUnique)
        } else if self.refers_to.is_some() != (self.value_type == AttributeKind::Reference) {
            Err(CustomFieldError::Referred)
        } else if !self.options.is_empty() && !self.value_type.is_choice() {
            Err(CustomFieldError::NoChoice)
        } else if self.options.len() > MAX_OPTIONS {
            Err(CustomFieldError::TooManyOptions)
        } else if keys.len() < self.options.len() {
            Err(CustomFieldError::OptionExists)
        } else {
            self.default = self.default_of(self.default.clone())?;
            Ok(self)
        }
    }

    fn default_of(&self, default: Option<AttributeValue>) -> Result<Option<AttributeValue>, CustomFieldError> {
        if self.unique && default.is_some() {
            return Err(CustomFieldError::UniqueDefault);
        }
        default.map(|value| self.read(value, None)).transpose().map_err(CustomFieldError::Default)
    }

    /// One event for each thing that differs.
    pub(super) fn changes(&self, change: CustomFieldChange) -> Result<Vec<CustomFieldEvent>, CustomFieldError> {
        use CustomFieldEvent::{DefaultChanged, Described, Renamed, RequirementChanged};
        let mut events = Vec::new();
        events.extend(change.name.filter(|name| *name != self.name).map(|name| Renamed { name }));
        let description = change.description.differing(self.description.as_ref());
        events.extend(description.map(|description| Described { description }));
        let required = change.required.filter(|required| *required != self.required);
        events.extend(required.map(|required| RequirementChanged { required }));
        if let Patch::Set(default) = change.default {
            let default = self.default_of(default)?;
            events.extend((default != self.default).then_some(DefaultChanged { default }));
        }
        Ok(events)
    }

    pub(super) fn adds_option(
        &self,
        key: AttributeKey,
        name: Label,
    ) -> Result<Vec<CustomFieldEvent>, CustomFieldError> {
        if !self.value_type.is_choice() {
            return Err(CustomFieldError::NoChoice);
        }
        match self.option(&key) {
            Some(option) if option.name == name && !option.retired => Ok(vec![]),
            Some(_) => Err(CustomFieldError::OptionExists),
            None if self.options.len() == MAX_OPTIONS => Err(CustomFieldError::TooManyOptions),
            None => Ok(vec![CustomFieldEvent::OptionAdded { key, name }]),
        }
    }

    pub(super) fn renames_option(
        &self,
        key: AttributeKey,
        name: Label,
    ) -> Result<Vec<CustomFieldEvent>, CustomFieldError> {
        let option = self.option(&key).ok_or(CustomFieldError::UnknownOption)?;
        Ok(if option.name == name { vec![] } else { vec![CustomFieldEvent::OptionRenamed { key, name }] })
    }

    pub(super) fn reorders_options(&self, keys: Vec<AttributeKey>) -> Result<Vec<CustomFieldEvent>, CustomFieldError> {
        let present: Vec<_> = self.options.iter().map(|option| &option.key).collect();
        let named: BTreeSet<_> = keys.iter().collect();
        if named.len() != keys.len() || named != present.iter().copied().collect() {
            return Err(CustomFieldError::IncompleteOrder);
        }
        let is_so = keys.iter().eq(present);
        Ok(if is_so { vec![] } else { vec![CustomFieldEvent::OptionsReordered { keys }] })
    }

    pub(super) fn retires_option(&self, key: AttributeKey) -> Result<Vec<CustomFieldEvent>, CustomFieldError> {
        let option = self.option(&key).ok_or(CustomFieldError::UnknownOption)?;
        let is_default = self.default.as_ref().is_some_and(|default| match default {
            AttributeValue::Text(chosen) => chosen == key.as_str(),
            AttributeValue::Chosen(chosen) => chosen.contains(&key),
            _ => false,
        });
        match option.retired {
            true => Ok(vec![]),
            false if is_default => Err(CustomFieldError::OptionIsDefault),
            false => Ok(vec![CustomFieldEvent::OptionRetired { key }]),
        }
    }

    pub(super) fn reinstates_option(&self, key: AttributeKey) -> Result<Vec<CustomFieldEvent>, CustomFieldError> {
        let option = self.option(&key).ok_or(CustomFieldError::UnknownOption)?;
        Ok(if option.retired { vec![CustomFieldEvent::OptionReinstated { key }] } else { vec![] })
    }

    fn option(&self, key: &AttributeKey) -> Option<&FieldOption> {
        self.options.iter().find(|option| option.key == *key)
    }

    pub(super) fn on_option(&mut self, key: &AttributeKey, change: impl FnOnce(&mut FieldOption)) {
        if let Some(option) = self.options.iter_mut().find(|option| option.key == *key) {
            change(option);
        }
    }

    /// A value as the field keeps it. Options that the record has already may be retired ones.
    ///
    /// # Errors
    /// `attribute.invalid_value`, `attribute.unknown_option`, those of the value.
    pub(super) fn read(
        &self,
        value: AttributeValue,
        present: Option<&AttributeValue>,
    ) -> Result<AttributeValue, Invalid> {
        let value = self.value_type.read(value)?;
        let is_known = |key: &str| {
            let had = match present {
                Some(AttributeValue::Text(had)) => had == key,
                Some(AttributeValue::Chosen(had)) => had.iter().any(|had| had.as_str() == key),
                _ => false,
            };
            self.options.iter().any(|option| option.key.as_str() == key && (had || !option.retired))
        };
        let all_known = match &value {
            AttributeValue::Text(chosen) if self.value_type.is_choice() => is_known(chosen),
            AttributeValue::Chosen(chosen) => chosen.iter().all(|key| is_known(key.as_str())),
            AttributeValue::Record(record) => {
                let fits = self.refers_to == Some(record.record_type);
                let wanted = self.refers_to.map_or("record", RecordType::name);
                return if fits { Ok(value) } else { Err(invalid(format!("must be a {wanted}"))) };
            }
            _ => true,
        };
        if all_known {
            Ok(value)
        } else {
            let living: Vec<_> =
                self.options.iter().filter(|option| !option.retired).map(|option| option.key.as_str()).collect();
            Err(Invalid::new("attribute.unknown_option", format!("must be among {}", living.join(", "))))
        }
    }
}

fn invalid(detail: String) -> Invalid {
    Invalid::new("attribute.invalid_value", detail)
}
