//! The custom fields of a type of record, and what they demand of its custom attributes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use uuid::Uuid;

use super::CustomFieldProfile;
use crate::{
    kernel::{Aggregate, Invalid, UniqueKey},
    values::{AttributeKey, AttributeValue, RecordRef, RecordType},
};

/// How many custom attributes a record may have.
const MAX_ATTRIBUTES: usize = 100;
/// How many characters a text has that no field looks after.
const MAX_FREE_TEXT: usize = 1_000;

/// The custom fields that an organization defined for a type of record, as was seen before a command. An attribute without a
/// field is free: a text, a number or a truth value.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    fields: Arc<BTreeMap<AttributeKey, CustomFieldProfile>>,
    records: Arc<BTreeSet<RecordRef>>,
}

/// An aggregate whose records have custom attributes.
pub trait Attributed: Aggregate {
    /// Which records they are.
    const RECORD_TYPE: RecordType;

    /// The records to which custom attributes are to refer, and the place for what they may be; `None` when a command is about
    /// something else.
    fn asks(command: &mut Self::Command) -> Option<(Vec<RecordRef>, &mut Schema)>;
}

/// The records to which attributes refer.
pub(in crate::crm) fn referred<'a>(values: impl Iterator<Item = &'a AttributeValue>) -> Vec<RecordRef> {
    values.filter_map(AttributeValue::record).collect()
}

/// What becomes of attributes that refer to a record which another one took in. None of them is unique from then on, since the
/// value may be that of somebody else.
pub(in crate::crm) fn replaced<'a>(
    attributes: impl Iterator<Item = (&'a AttributeKey, &'a AttributeValue)>,
    record: RecordRef,
    by: Uuid,
) -> Vec<AttributeChange> {
    let naming = attributes.filter(|(_, value)| value.record() == Some(record) && record.id != by);
    let value = AttributeValue::Record(RecordRef { id: by, ..record });
    naming.map(|(key, _)| AttributeChange { key: key.clone(), value: Some(value.clone()), unique: false }).collect()
}

/// What becomes of a custom attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeChange {
    /// Which one.
    pub key: AttributeKey,
    /// Its value; `None` to remove it.
    pub value: Option<AttributeValue>,
    /// Whether no other living record may have the value.
    pub unique: bool,
}

impl Schema {
    /// These fields; of the records that attributes refer to, those that live and that the caller may read.
    pub fn new(fields: impl IntoIterator<Item = CustomFieldProfile>, records: BTreeSet<RecordRef>) -> Self {
        let fields = fields.into_iter().map(|field| (field.key.clone(), field)).collect();
        Self { fields: Arc::new(fields), records: Arc::new(records) }
    }

    /// The attributes of a new record: those given, and the defaults of others.
    ///
    /// # Errors
    /// As [`changes`](Self::changes).
    pub fn begun(
        &self,
        given: impl IntoIterator<Item = (AttributeKey, AttributeValue)>,
    ) -> Result<Vec<AttributeChange>, Invalid> {
        let defaults = self.fields.values().filter_map(|field| Some((field.key.clone(), field.default.clone()?)));
        let mut wanted: BTreeMap<_, _> = defaults.collect();
        wanted.extend(given);
        if let Some(missing) = self.fields.values().find(|field| field.required && !wanted.contains_key(&field.key)) {
            return Err(required(&missing.key));
        }
        let wanted = wanted.into_iter().map(|(key, value)| (key, Some(value)));
        self.changes(|_| None, &BTreeSet::new(), wanted)
    }

    /// What differs from the attributes of a record, some of which were unique when they were set. `present` tells whether one is
    /// there, and what it holds unless that was erased.
    ///
    /// # Errors
    /// `attribute.required`, `attribute.invalid_value`, `attribute.unknown_option`,
    /// `attribute.unknown_record`, and those of addresses and numbers; the detail begins with the key.
    pub fn changes<'p>(
        &self,
        present: impl Fn(&AttributeKey) -> Option<Option<&'p AttributeValue>>,
        unique_attributes: &BTreeSet<AttributeKey>,
        wanted: impl IntoIterator<Item = (AttributeKey, Option<AttributeValue>)>,
    ) -> Result<Vec<AttributeChange>, Invalid> {
        let mut changes = Vec::new();
        for (key, value) in wanted {
            let (field, had) = (self.fields.get(&key), present(&key));
            let value = value.map(|value| self.read(field, value, had.flatten())).transpose();
            let value =
                value.map_err(|Invalid { code, detail }| Invalid::new(code, format!("{}: {detail}", key.as_str())))?;
            let unique = value.is_some() && field.is_some_and(|field| field.unique);
            match (had, &value) {
                (None, None) => continue,
                (Some(_), None) if field.is_some_and(|field| field.required) => return Err(required(&key)),
                (Some(Some(had)), Some(value)) if had == value && unique == unique_attributes.contains(&key) => {
                    continue;
                }
                _ => {}
            }
            changes.push(AttributeChange { key, value, unique });
        }
        Ok(changes)
    }

    /// Gives a new record its attributes, of which `attributes` holds those that were given.
    pub(in crate::crm) fn define(
        &self,
        attributes: &mut BTreeMap<AttributeKey, AttributeValue>,
        unique_attributes: &mut BTreeSet<AttributeKey>,
    ) -> Result<(), Invalid> {
        for AttributeChange { key, value, unique } in self.begun(std::mem::take(attributes))? {
            note_unique(unique_attributes, &key, unique);
            attributes.extend(value.map(|value| (key, value)));
        }
        check_count(attributes.len())
    }

    /// What differs from a record's attributes, which are not too many then.
    pub(in crate::crm) fn changed(
        &self,
        attributes: &BTreeMap<AttributeKey, AttributeValue>,
        unique_attributes: &BTreeSet<AttributeKey>,
        wanted: BTreeMap<AttributeKey, Option<AttributeValue>>,
    ) -> Result<Vec<AttributeChange>, Invalid> {
        let changes = self.changes(|key| attributes.get(key).map(Some), unique_attributes, wanted)?;
        let mut keys: BTreeSet<_> = attributes.keys().collect();
        for AttributeChange { key, value, .. } in &changes {
            if value.is_some() {
                keys.insert(key)
            } else {
                keys.remove(key)
            };
        }
        check_count(keys.len())?;
        Ok(changes)
    }

    fn read(
        &self,
        field: Option<&CustomFieldProfile>,
        value: AttributeValue,
        present: Option<&AttributeValue>,
    ) -> Result<AttributeValue, Invalid> {
        let Some(field) = field else { return free(value) };
        let value = field.read(value, present)?;
        match &value {
            AttributeValue::Record(record) if present != Some(&value) && !self.records.contains(record) => {
                Err(Invalid::new("attribute.unknown_record", format!("there is no such {}", record.record_type)))
            }
            _ => Ok(value),
        }
    }
}

/// Refuses more custom attributes than a record may have.
pub(in crate::crm) fn check_count(count: usize) -> Result<(), Invalid> {
    let detail = || format!("a record has {MAX_ATTRIBUTES} custom attributes at most");
    if count > MAX_ATTRIBUTES { Err(Invalid::new("attribute.too_many", detail())) } else { Ok(()) }
}

/// The keys that a record reserves by its unique attributes.
pub(in crate::crm) fn reserved<'a>(
    scope: &'static str,
    unique_attributes: &'a BTreeSet<AttributeKey>,
    value: impl Fn(&AttributeKey) -> Option<&'a AttributeValue>,
) -> impl Iterator<Item = UniqueKey> {
    unique_attributes.iter().filter_map(move |key| {
        // Two spellings of an address are one key.
        let value = value(key)?.to_json().to_string().to_lowercase();
        Some(UniqueKey::new(scope, format!("{}={value}", key.as_str())))
    })
}

/// Notes whether an attribute is unique.
pub(in crate::crm) fn note_unique(unique_attributes: &mut BTreeSet<AttributeKey>, key: &AttributeKey, unique: bool) {
    if unique {
        unique_attributes.insert(key.clone());
    } else {
        unique_attributes.remove(key);
    }
}

fn required(key: &AttributeKey) -> Invalid {
    Invalid::new("attribute.required", format!("{}: must have a value", key.as_str()))
}

fn free(value: AttributeValue) -> Result<AttributeValue, Invalid> {
    let detail = match &value {
        AttributeValue::Text(text) if text.chars().count() > MAX_FREE_TEXT => {
            "must not be longer than 1000 characters, unless a custom field is defined for it"
        }
        AttributeValue::Text(_) | AttributeValue::Number(_) | AttributeValue::Flag(_) => return Ok(value),
        AttributeValue::Chosen(_) | AttributeValue::Money(_) | AttributeValue::Record(_) => {
            "must be a text, a number, true or false, unless a custom field is defined for it"
        }
    };
    Err(Invalid::new("attribute.invalid_value", detail))
}
