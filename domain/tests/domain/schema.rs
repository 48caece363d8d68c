//! Custom attributes are as the fields of the organization say.

use std::collections::BTreeSet;

use fairlead_domain::{
    crm::{
        AttributeKind, Company, CompanyCommand, CompanyEvent, Contact, ContactChange, ContactCommand, ContactEvent,
        ContactProfile, CustomFieldProfile, Deal, DealChange, DealCommand, DealEvent, Schema,
    },
    kernel::{Aggregate, ErrorKind, Personal, Reference, testing::given},
    values::{AttributeValue, RecordRef, RecordType},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    company,
    custom_field::{field, option, tier},
    deal,
    samples::{self, key, name},
};

fn attribute(value: Value) -> AttributeValue {
    AttributeValue::new(value).unwrap()
}

/// Sets an attribute of a contact that has `had` under the same key, as some field says.
fn set(
    field: &CustomFieldProfile,
    had: Option<Value>,
    wanted: Value,
) -> Result<Option<AttributeValue>, (ErrorKind, String)> {
    let record = RecordRef { record_type: RecordType::Company, id: Uuid::from_u128(7) };
    let schema = Schema::new([field.clone()], BTreeSet::from([record]));
    let mut profile = ContactProfile::named(name("Ana"));
    profile.attributes.extend(had.map(|had| (field.key.clone(), attribute(had).into())));
    let contact = Contact::init(&ContactEvent::Created(Box::new(profile))).unwrap();
    let wanted = (!wanted.is_null()).then(|| attribute(wanted));
    let change = ContactChange { attributes: [(field.key.clone(), wanted)].into(), schema, ..Default::default() };
    match Contact::decide(Some(&contact), ContactCommand::Change(Box::new(change))) {
        Ok(events) => Ok(events.into_iter().find_map(|event| match event {
            ContactEvent::AttributeSet { value: Personal::Known(value), .. } => Some(value),
            _ => None,
        })),
        Err(error) => {
            use fairlead_domain::kernel::DomainError as _;
            Err((error.kind(), error.code().to_owned()))
        }
    }
}

#[test]
fn each_type_takes_its_values_and_writes_them_in_one_form() {
    let reference =
        || CustomFieldProfile { refers_to: Some(RecordType::Company), ..field("f", AttributeKind::Reference) };
    let many = || CustomFieldProfile { value_type: AttributeKind::MultiSelect, ..tier() };
    let company = json!({ "type": "company", "id": Uuid::from_u128(7) });
    let plain = |value_type| field("f", value_type);
    for (field, given, kept) in [
        (plain(AttributeKind::Text), json!("  a line "), json!("a line")),
        (plain(AttributeKind::LongText), json!("two\nlines"), json!("two\nlines")),
        (plain(AttributeKind::Number), json!(1.5), json!(1.5)),
        (
            plain(AttributeKind::Money),
            json!({ "amount": -5, "currency": "eur" }),
            json!({ "amount": -5, "currency": "EUR" }),
        ),
        (plain(AttributeKind::Date), json!("2026-02-28"), json!("2026-02-28")),
        (plain(AttributeKind::Time), json!("2026-02-28T12:00:00+01:00"), json!("2026-02-28T11:00:00.000000Z")),
        (plain(AttributeKind::Boolean), json!(false), json!(false)),
        (tier(), json!("gold"), json!("gold")),
        (many(), json!(["silver", "gold", "gold"]), json!(["gold", "silver"])),
        (plain(AttributeKind::Url), json!("https://Example.com"), json!("https://example.com/")),
        (plain(AttributeKind::Email), json!("ana@example.com"), json!("ana@example.com")),
        (plain(AttributeKind::Phone), json!("+351 21 123 4567"), json!("+351211234567")),
        (reference(), company.clone(), company),
    ] {
        assert_eq!(set(&field, None, given.clone()), Ok(Some(attribute(kept))), "{given}");
    }
    for (field, given, code) in [
        (plain(AttributeKind::Text), json!("two\nlines"), "attribute.invalid_value"),
        (plain(AttributeKind::Text), json!("x".repeat(256)), "attribute.invalid_value"),
        (plain(AttributeKind::Text), json!(1), "attribute.invalid_value"),
        (plain(AttributeKind::LongText), json!(" \n"), "attribute.invalid_value"),
        (plain(AttributeKind::Number), json!("1"), "attribute.invalid_value"),
        (plain(AttributeKind::Money), json!(12), "attribute.invalid_value"),
        (plain(AttributeKind::Date), json!("2026-02-30"), "attribute.invalid_value"),
        (plain(AttributeKind::Date), json!("+12026-02-03"), "attribute.invalid_value"),
        (plain(AttributeKind::Time), json!("2026-02-28"), "attribute.invalid_value"),
        (plain(AttributeKind::Boolean), json!("true"), "attribute.invalid_value"),
        (tier(), json!("lead"), "attribute.unknown_option"),
        (tier(), json!(["gold"]), "attribute.invalid_value"),
        (many(), json!(["gold", "lead"]), "attribute.unknown_option"),
        (plain(AttributeKind::Url), json!("example"), "website.invalid"),
        (plain(AttributeKind::Email), json!("ana"), "email.invalid"),
        (plain(AttributeKind::Phone), json!("12"), "phone.invalid"),
        (reference(), json!({ "type": "company", "id": Uuid::from_u128(8) }), "attribute.unknown_record"),
        (reference(), json!({ "type": "deal", "id": Uuid::from_u128(7) }), "attribute.invalid_value"),
    ] {
        assert_eq!(set(&field, None, given.clone()), Err((ErrorKind::Invalid, code.to_owned())), "{given}");
    }
}

#[test]
fn who_has_a_retired_option_keeps_it_and_nobody_else_gets_it() {
    let options = vec![option("gold", true), option("silver", false)];
    let field = CustomFieldProfile { options, ..tier() };
    assert_eq!(set(&field, Some(json!("gold")), json!("gold")), Ok(None));
    assert!(set(&field, Some(json!("silver")), json!("gold")).is_err());
    let many = CustomFieldProfile { value_type: AttributeKind::MultiSelect, ..field };
    let both = json!(["gold", "silver"]);
    assert_eq!(set(&many, Some(json!(["gold"])), both.clone()), Ok(Some(attribute(both.clone()))));
    assert!(set(&many, Some(json!(["silver"])), both).is_err());
}

#[test]
fn what_refers_to_a_record_that_went_stays() {
    let field = CustomFieldProfile { refers_to: Some(RecordType::Company), ..field("f", AttributeKind::Reference) };
    let gone = json!({ "type": "company", "id": Uuid::from_u128(9) });
    assert_eq!(set(&field, Some(gone.clone()), gone), Ok(None));
}

#[test]
fn without_a_field_an_attribute_is_a_text_a_number_or_a_flag() {
    let other = field("other", AttributeKind::Text);
    let free = |value: Value| {
        let change = ContactChange {
            attributes: [(key("free"), Some(attribute(value)))].into(),
            schema: Schema::new([other.clone()], BTreeSet::new()),
            ..Default::default()
        };
        given::<Contact>([ContactEvent::Created(Box::new(ContactProfile::named(name("Ana"))))])
            .when(ContactCommand::Change(Box::new(change)))
    };
    for value in [json!("x".repeat(1000)), json!(1), json!(true)] {
        free(value.clone()).then([ContactEvent::AttributeSet {
            key: key("free"),
            value: attribute(value).into(),
            unique: false,
        }]);
    }
    for value in [json!("x".repeat(1001)), json!(["a"]), json!({ "amount": 1, "currency": "EUR" })] {
        free(value).refused("attribute.invalid_value");
    }
}

#[test]
fn what_is_required_is_there_from_the_start_and_is_not_removed() {
    let required = CustomFieldProfile { required: true, ..tier() };
    let ana = || Box::new(ContactProfile::named(name("Ana")));
    let create = |field: &CustomFieldProfile| {
        let schema = Schema::new([field.clone()], BTreeSet::new());
        given::<Contact>([]).when(ContactCommand::Create(ana(), schema))
    };
    create(&required).refused("attribute.required");
    let by_default = CustomFieldProfile { default: Some(attribute(json!("gold"))), ..required.clone() };
    let schema = Schema::new([by_default], BTreeSet::new());
    let created = Contact::decide(None, ContactCommand::Create(ana(), schema)).unwrap();
    let contact = Contact::init(&created[0]).unwrap();
    assert_eq!(contact.profile.attributes[&key("tier")], attribute(json!("gold")).into());
    assert_eq!(
        set(&required, Some(json!("gold")), Value::Null),
        Err((ErrorKind::Invalid, "attribute.required".to_owned()))
    );
    assert_eq!(set(&tier(), Some(json!("gold")), Value::Null), Ok(None));
    // Records of before have none, and can be changed all the same.
    assert_eq!(set(&required, None, Value::Null), Ok(None));
}

#[test]
fn a_unique_value_is_reserved_and_let_go() {
    let field = CustomFieldProfile { unique: true, ..field("badge", AttributeKind::Text) };
    let schema = Schema::new([field], BTreeSet::new());
    let mut lima = company::profile();
    lima.attributes.insert(key("badge"), attribute(json!("A7")));
    let creation = CompanyCommand::Create(Box::new(lima), fairlead_domain::crm::Ancestry::Sound, schema.clone());
    let state = Company::init(&Company::decide(None, creation).unwrap()[0]).unwrap();
    let reserved =
        |state: &Company| state.keys().into_iter().find(|key| key.scope == "company.attribute").map(|key| key.value);
    assert_eq!(reserved(&state), Some(r#"badge="a7""#.to_owned()));
    let removed = CompanyEvent::AttributeRemoved { key: key("badge") };
    let mut after = state.clone();
    after.apply(&removed);
    assert_eq!((reserved(&after), after.profile.unique_attributes.len()), (None, 0));
    // What was set before the field was unique is reserved once it is set again.
    let mut before = state;
    before.profile.unique_attributes.clear();
    let again = fairlead_domain::crm::CompanyChange {
        attributes: [(key("badge"), Some(attribute(json!("A7"))))].into(),
        schema,
        ..Default::default()
    };
    let events = Company::decide(Some(&before), CompanyCommand::Change(Box::new(again))).unwrap();
    let set = CompanyEvent::AttributeSet { key: key("badge"), value: attribute(json!("A7")), unique: true };
    assert_eq!(events, [set]);
}

#[test]
fn deals_are_looked_after_as_well() {
    use fairlead_domain::crm::{Attributed, Deal, DealCommand};
    let record = RecordRef { record_type: RecordType::Contact, id: Uuid::from_u128(3) };
    let value = AttributeValue::Record(record);
    let change = DealChange { attributes: [(key("partner"), Some(value))].into(), ..Default::default() };
    let mut command = DealCommand::Change(Box::new(change));
    assert_eq!(Deal::asks(&mut command).map(|(records, _)| records), Some(vec![record]));
    assert!(Deal::asks(&mut DealCommand::Delete).is_none());
    assert!(Deal::asks(&mut DealCommand::Change(Box::default())).is_none());
}

#[test]
fn a_record_that_was_taken_in_is_replaced() {
    let [first, second, third] = [1, 2, 3].map(|n| RecordRef::contact(Uuid::from_u128(n)));
    let set = |name: &str, record, unique| CompanyEvent::AttributeSet {
        key: key(name),
        value: AttributeValue::Record(record),
        unique,
    };
    let replace = |by: RecordRef| CompanyCommand::ReplaceRecord { record: first, by: by.id };
    let company = || given::<Company>([company::created(), set("a", first, true), set("b", second, true)]);
    assert_eq!(company().state().references(), [first, second].map(Reference::from));
    // The value may be reserved by another record, which named the winner before.
    let after = company().when(replace(third)).then([set("a", third, false)]);
    assert_eq!(after.state().keys().iter().filter(|key| key.scope == "company.attribute").count(), 1);
    company().when(replace(first)).then_nothing();
    let deleted = given::<Company>([company::created(), set("a", first, false), CompanyEvent::Deleted {}]);
    deleted.when(replace(third)).then([set("a", third, false)]);
    let merged = CompanyEvent::Merged { into: samples::id(9) };
    given::<Company>([company::created(), set("a", first, false), merged]).when(replace(third)).then_nothing();
    // A company of the same id is another record.
    let other = CompanyCommand::ReplaceRecord { record: RecordRef::company(first.id), by: third.id };
    company().when(other).then_nothing();

    let value = |record| AttributeValue::Record(record);
    let known = |record| ContactEvent::AttributeSet { key: key("a"), value: value(record).into(), unique: false };
    let contact = given::<Contact>([samples::created(), known(first)]);
    assert_eq!(contact.state().references(), [first.into()]);
    let contact = given::<Contact>([samples::created(), known(first)]);
    contact.when(ContactCommand::ReplaceRecord { record: first, by: third.id }).then([known(third)]);
    let named = |record| DealEvent::AttributeSet { key: key("a"), value: value(record), unique: false };
    let deal = given::<Deal>([deal::opened(), named(first)]);
    deal.when(DealCommand::ReplaceRecord { record: first, by: third.id }).then([named(third)]);
}
