//! Custom fields as JSON.

use fairlead_application::{Recorded, envelope::rfc3339};
use fairlead_domain::{
    crm::{AttributeKind, CustomField, CustomFieldChange, CustomFieldProfile, FieldOption},
    values::{AttributeKey, AttributeValue, Description, Label, RecordType},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::values::{AttributeBody, AttributeOrNull};
use crate::{
    document::closed::{self, True},
    problem::{Check, Problem},
    request::{List, Member, Object},
};

/// Options in one request at most; a field has no more.
const MAX_OPTIONS: usize = 200;

/// A field that is to be defined.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "record_type": "contact",
    "key": "tier",
    "name": "Tier",
    "value_type": "select",
    "options": [{ "key": "gold", "name": "Gold" }, { "key": "silver", "name": "Silver" }],
    "default": "silver"
}))]
pub(super) struct NewCustomField {
    /// The records that have it.
    #[schema(value_type = closed::RecordType)]
    record_type: RecordType,
    /// Its name among their attributes, unique among the fields of these records: `[a-z][a-z0-9_]*`.
    #[schema(min_length = 1, max_length = 63)]
    key: String,
    /// What it is called.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it is for.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// What its values are.
    #[schema(value_type = closed::AttributeKind)]
    value_type: AttributeKind,
    /// To which records a `reference` refers.
    #[schema(value_type = Option<closed::RecordType>)]
    refers_to: Option<RecordType>,
    /// Whether each new record needs a value, which can then be changed but not removed.
    #[serde(default)]
    #[schema(required = false)]
    required: bool,
    /// Whether a value belongs to one living record at most. Not for `long_text`, `money`, `boolean`, `select`, `multi_select`.
    #[serde(default)]
    #[schema(required = false)]
    unique: bool,
    /// What new records get that come without a value.
    #[schema(value_type = Option<AttributeBody>)]
    default: Option<Value>,
    /// The options of a `select` or `multi_select`, in their order.
    #[serde(default)]
    #[schema(value_type = Vec<NewOption>, required = false, max_items = 200)]
    options: List<Object<NewOption>, MAX_OPTIONS>,
}

/// An option of a choice.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "key": "bronze", "name": "Bronze" }))]
pub(super) struct NewOption {
    /// As it stands in values: `[a-z][a-z0-9_]*`. Never changes.
    #[schema(min_length = 1, max_length = 63)]
    key: String,
    /// What it is called.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Which option is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "key": "gold" }))]
pub(super) struct OptionKey {
    /// The option's key.
    #[schema(min_length = 1, max_length = 63)]
    key: String,
}

/// An order of options.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "keys": ["silver", "gold"] }))]
pub(super) struct OptionOrder {
    /// The key of every option, once.
    #[schema(value_type = Vec<String>, max_items = 200)]
    keys: List<String, MAX_OPTIONS>,
}

/// A change of a custom field: what is missing stays, what is null is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Level", "required": false, "default": null }))]
pub(super) struct CustomFieldPatch {
    /// What it is called. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, nullable = false)]
    name: Member<String>,
    /// What it is for.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    description: Member<String>,
    /// Whether each new record needs a value. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<bool>, nullable = false)]
    required: Member<bool>,
    /// What new records get that come without a value.
    #[serde(default)]
    #[schema(value_type = AttributeOrNull, required = false)]
    default: Member<Value>,
}

/// A custom field.
#[derive(Serialize, ToSchema)]
#[schema(as = CustomField)]
pub(super) struct CustomFieldBody {
    id: Uuid,
    /// Grows with each change.
    #[schema(minimum = 1)]
    version: i64,
    #[schema(value_type = closed::RecordType)]
    record_type: RecordType,
    key: String,
    name: String,
    #[schema(required)]
    description: Option<String>,
    #[schema(value_type = closed::AttributeKind)]
    value_type: AttributeKind,
    #[schema(required, value_type = Option<closed::RecordType>)]
    refers_to: Option<RecordType>,
    required: bool,
    unique: bool,
    #[schema(required, value_type = Option<AttributeBody>)]
    default: Option<Value>,
    /// In their order, those retired among them.
    options: Vec<OptionBody>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// There, and true, when it is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    deleted: bool,
}

/// An option of a choice.
#[derive(Serialize, ToSchema)]
#[schema(as = FieldOption)]
pub(super) struct OptionBody {
    key: String,
    name: String,
    /// There, and true, when it is out of use.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    retired: bool,
}

impl From<Recorded<CustomField>> for CustomFieldBody {
    fn from(recorded: Recorded<CustomField>) -> Self {
        let CustomField { profile, deleted } = recorded.state;
        let options = profile.options.iter().map(|option| OptionBody {
            key: option.key.as_str().to_owned(),
            name: option.name.as_str().to_owned(),
            retired: option.retired,
        });
        Self {
            id: recorded.id,
            version: recorded.version,
            record_type: profile.record_type,
            key: profile.key.as_str().to_owned(),
            name: profile.name.as_str().to_owned(),
            description: profile.description.map(|description| description.as_str().to_owned()),
            value_type: profile.value_type,
            refers_to: profile.refers_to,
            required: profile.required,
            unique: profile.unique,
            default: profile.default.as_ref().map(AttributeValue::to_json),
            options: options.collect(),
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
            deleted,
        }
    }
}

impl TryFrom<NewCustomField> for CustomFieldProfile {
    type Error = Problem;

    fn try_from(body: NewCustomField) -> Result<Self, Problem> {
        let mut check = Check::default();
        let key = check.at("/key", AttributeKey::new(&body.key));
        let name = check.at("/name", Label::new(&body.name));
        let description = check.at("/description", body.description.map(|text| Description::new(&text)).transpose());
        let default = check.at("/default", body.default.map(AttributeValue::new).transpose());
        let options = body.options.0.into_iter().enumerate();
        let options = options.map(|(n, Object(option))| {
            let (key, name) = option.checked(&mut check, &format!("/options/{n}"))?;
            Some(FieldOption { key, name, retired: false })
        });
        // Through a list, so that a fault does not hide those after it.
        let options = options.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>();
        let profile = || {
            Some(Self {
                record_type: body.record_type,
                key: key?,
                name: name?,
                description: description?,
                value_type: body.value_type,
                refers_to: body.refers_to,
                required: body.required,
                unique: body.unique,
                default: default?,
                options: options?,
            })
        };
        let profile = profile();
        check.finish(profile)
    }
}

impl TryFrom<CustomFieldPatch> for CustomFieldChange {
    type Error = Problem;

    fn try_from(body: CustomFieldPatch) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = body.name.required(&mut check, "/name", |text| Label::new(&text));
        let description = body.description.optional(&mut check, "/description", |text| Description::new(&text));
        let required = body.required.required(&mut check, "/required", Ok);
        let default = body.default.optional(&mut check, "/default", AttributeValue::new);
        let change = || Some(Self { name: name?, description: description?, required: required?, default: default? });
        let change = change();
        check.finish(change)
    }
}

impl NewOption {
    fn checked(self, check: &mut Check, place: &str) -> Option<(AttributeKey, Label)> {
        let key = check.at(format!("{place}/key"), AttributeKey::new(&self.key));
        let name = check.at(format!("{place}/name"), Label::new(&self.name));
        key.zip(name)
    }

    /// Its key and its name.
    pub(super) fn read(self) -> Result<(AttributeKey, Label), Problem> {
        let mut check = Check::default();
        let option = self.checked(&mut check, "");
        check.finish(option)
    }
}

impl OptionKey {
    /// The key.
    pub(super) fn read(self) -> Result<AttributeKey, Problem> {
        let mut check = Check::default();
        let key = check.at("/key", AttributeKey::new(&self.key));
        check.finish(key)
    }
}

impl OptionOrder {
    /// The keys.
    pub(super) fn read(self) -> Result<Vec<AttributeKey>, Problem> {
        let mut check = Check::default();
        let keys = self.keys.0.iter().enumerate();
        let keys = keys.map(|(n, key)| check.at(format!("/keys/{n}"), AttributeKey::new(key)));
        let keys = keys.collect::<Vec<_>>().into_iter().collect();
        check.finish(keys)
    }
}
