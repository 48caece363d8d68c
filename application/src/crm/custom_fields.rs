//! Custom fields: who may define them, and what commands and lists have to know of them.

use std::collections::BTreeSet;

use fairlead_domain::{
    crm::{AttributeKind, Attributed, Company, Contact, CustomField, CustomFieldProfile, Deal, Schema},
    values::{RecordRef, RecordType},
};

use super::{companies::CompaniesRead, contacts::ContactsRead, deals::DealsRead, facts::living};
use crate::{
    App, AppError, Context,
    access::{Authorized, Permission, Permits, Reveals, permissions},
    list::{Field, FieldKind},
};

permissions! {
    /// Read the definitions of custom fields.
    CustomFieldsRead = "custom_fields:read", Reveals<CustomField>;
    /// Define, change, delete and restore custom fields.
    CustomFieldsWrite = "custom_fields:write", Permits<CustomField>;
}

/// What the organization defined for the records that some commands are about. One round trip a second, and where attributes refer
/// to records one for each type of these.
///
/// # Errors
/// Those of reading.
pub(super) async fn schema<A: Attributed>(
    app: &App,
    cx: &Authorized<impl Permits<A>>,
    mut commands: Vec<A::Command>,
) -> Result<Schema, AppError> {
    let asking: Vec<_> = commands.iter_mut().filter_map(A::asks).map(|(records, _)| records).collect();
    if asking.is_empty() {
        return Ok(Schema::default());
    }
    let defined = defined(app, cx, A::RECORD_TYPE).await?;
    if defined.is_empty() {
        return Ok(Schema::default());
    }
    let referred = asking.into_iter().flatten().collect();
    Ok(Schema::new(defined, readable(app, cx, &referred).await?))
}

/// The command, told what the organization defined.
pub(super) fn told<A: Attributed>(mut command: A::Command, schema: &Schema) -> A::Command {
    if let Some((_, place)) = A::asks(&mut command) {
        *place = schema.clone();
    }
    command
}

/// The custom attributes by which lists of these records are filtered and sorted.
///
/// # Errors
/// Those of reading.
pub async fn attribute_fields<P>(app: &App, cx: &Authorized<P>, of: RecordType) -> Result<Vec<Field>, AppError> {
    let defined = defined(app, cx, of).await?;
    Ok(defined.iter().map(|field| attribute_field(field.key.as_str(), field.value_type)).collect())
}

fn attribute_field(key: &str, value_type: AttributeKind) -> Field {
    let (kind, sortable) = match value_type {
        AttributeKind::Text => (FieldKind::Text, true),
        AttributeKind::LongText => (FieldKind::Text, false),
        AttributeKind::Number | AttributeKind::Money => (FieldKind::Number, true),
        AttributeKind::Date => (FieldKind::Day, true),
        AttributeKind::Time => (FieldKind::Instant, true),
        AttributeKind::Boolean => (FieldKind::Flag, true),
        AttributeKind::Select | AttributeKind::Url | AttributeKind::Email | AttributeKind::Phone => {
            (FieldKind::Term, true)
        }
        AttributeKind::MultiSelect => (FieldKind::Labels, false),
        AttributeKind::Reference => (FieldKind::Id, false),
    };
    Field::of_attribute(key, kind, sortable)
}

async fn defined<P>(app: &App, cx: &Authorized<P>, of: RecordType) -> Result<Vec<CustomFieldProfile>, AppError> {
    let all = app.lately::<CustomField>(&cx.on_behalf()).await?;
    let profiles = all.iter().map(|field| &field.state.profile);
    Ok(profiles.filter(|profile| profile.record_type == of).cloned().collect())
}

/// Those of some records that live and that the caller may read.
async fn readable(app: &App, cx: &Context, all: &BTreeSet<RecordRef>) -> Result<BTreeSet<RecordRef>, AppError> {
    let mut readable = BTreeSet::new();
    readable.extend(of_type::<Contact, ContactsRead>(app, cx, all).await?);
    readable.extend(of_type::<Company, CompaniesRead>(app, cx, all).await?);
    readable.extend(of_type::<Deal, DealsRead>(app, cx, all).await?);
    Ok(readable)
}

async fn of_type<A: Attributed, P: Permission + Reveals<A>>(
    app: &App,
    cx: &Context,
    all: &BTreeSet<RecordRef>,
) -> Result<impl Iterator<Item = RecordRef>, AppError>
where
    A::Id: Ord,
{
    let ids = all.iter().filter(|record| record.record_type == A::RECORD_TYPE).map(|record| record.id.into()).collect();
    let living = living::<A, P>(app, cx, &ids).await?;
    Ok(living.into_iter().map(|id| RecordRef { record_type: A::RECORD_TYPE, id: id.into() }))
}
