//! What an organization adds to its records.

use fairlead_domain::{
    crm::{
        AttributeKind, CustomField, CustomFieldChange,
        CustomFieldCommand::{
            AddOption, Change, Define, Delete, ReinstateOption, RenameOption, ReorderOptions, Restore, RetireOption,
        },
        CustomFieldEvent::{
            DefaultChanged, Defined, Deleted, Described, OptionAdded, OptionReinstated, OptionRenamed, OptionRetired,
            OptionsReordered, Renamed, RequirementChanged, Restored,
        },
        CustomFieldProfile, FieldOption,
    },
    kernel::{Aggregate, ErrorKind, Patch, testing::given},
    values::{AttributeValue, Description, RecordType},
};
use serde_json::{Value, json};

use crate::samples::{key, label};

pub(crate) fn field(name: &str, value_type: AttributeKind) -> CustomFieldProfile {
    CustomFieldProfile::new(RecordType::Contact, key(name), label(name), value_type)
}

pub(crate) fn option(name: &str, retired: bool) -> FieldOption {
    FieldOption { key: key(name), name: label(name), retired }
}

pub(crate) fn tier() -> CustomFieldProfile {
    let options = vec![option("gold", false), option("silver", false)];
    CustomFieldProfile { options, ..field("tier", AttributeKind::Select) }
}

fn json(value: Value) -> AttributeValue {
    AttributeValue::new(value).unwrap()
}

fn defined() -> fairlead_domain::crm::CustomFieldEvent {
    Defined(Box::new(tier()))
}

#[test]
fn it_is_defined_once() {
    given::<CustomField>([]).when(Define(Box::new(tier()))).then([defined()]);
    let kind = given::<CustomField>([defined()]).when(Define(Box::new(tier()))).refused("custom_field.already_exists");
    assert_eq!(kind, ErrorKind::Conflict);
    let key = |field: CustomField| field.keys().remove(0).value;
    assert_eq!(key(given::<CustomField>([defined()]).state()), "contact.tier");
}

#[test]
fn what_makes_no_sense_is_not_defined() {
    let refused = |profile: CustomFieldProfile, code: &str| {
        assert_eq!(
            given::<CustomField>([]).when(Define(Box::new(profile))).refused(code),
            ErrorKind::Invalid,
            "{code}"
        );
    };
    for value_type in AttributeKind::ALL {
        let unique = CustomFieldProfile { unique: true, ..field("f", value_type) };
        let unique = CustomFieldProfile {
            refers_to: (value_type == AttributeKind::Reference).then_some(RecordType::Deal),
            ..unique
        };
        if value_type.can_be_unique() {
            given::<CustomField>([]).when(Define(Box::new(unique.clone()))).then([Defined(Box::new(unique))]);
        } else {
            refused(unique, "custom_field.not_unique");
        }
        let options = CustomFieldProfile { options: vec![option("a", false)], ..field("f", value_type) };
        if !value_type.is_choice() && value_type != AttributeKind::Reference {
            refused(options, "custom_field.no_choice");
        }
    }
    let number = || field("f", AttributeKind::Number);
    refused(CustomFieldProfile { refers_to: Some(RecordType::Deal), ..number() }, "custom_field.referred");
    refused(field("f", AttributeKind::Reference), "custom_field.referred");
    let given_one = |value| CustomFieldProfile { default: Some(json(value)), ..number() };
    refused(given_one(json!("seven")), "custom_field.invalid_default");
    refused(CustomFieldProfile { unique: true, ..given_one(json!(7)) }, "custom_field.unique_default");
    refused(CustomFieldProfile { default: Some(json(json!("lead"))), ..tier() }, "custom_field.invalid_default");
    let twice = vec![option("gold", false), option("gold", false)];
    let twice = CustomFieldProfile { options: twice, ..tier() };
    given::<CustomField>([]).when(Define(Box::new(twice))).refused("custom_field.option_exists");
    let many = (0..201).map(|n| option(&format!("o{n}"), false)).collect();
    refused(CustomFieldProfile { options: many, ..tier() }, "custom_field.too_many_options");
}

#[test]
fn each_attribute_changes_by_itself() {
    let change = |change: CustomFieldChange| given::<CustomField>([defined()]).when(Change(Box::new(change)));
    let everything = CustomFieldChange {
        name: Some(label("Level")),
        description: Patch::Set(Some(Description::new("How far").unwrap())),
        required: Some(true),
        default: Patch::Set(Some(json(json!("gold")))),
    };
    change(everything).then([
        Renamed { name: label("Level") },
        Described { description: Some(Description::new("How far").unwrap()) },
        RequirementChanged { required: true },
        DefaultChanged { default: Some(json(json!("gold"))) },
    ]);
    let same = CustomFieldChange { name: Some(label("tier")), required: Some(false), ..Default::default() };
    change(same).then_nothing();
    change(CustomFieldChange { default: Patch::Set(None), ..Default::default() }).then_nothing();
    let lead = CustomFieldChange { default: Patch::Set(Some(json(json!("lead")))), ..Default::default() };
    change(lead).refused("custom_field.invalid_default");
}

#[test]
fn options_have_an_order_and_retire() {
    let field = || given::<CustomField>([defined()]);
    let add = |name: &str| AddOption { key: key(name), name: label(name) };
    field().when(add("bronze")).then([OptionAdded { key: key("bronze"), name: label("bronze") }]);
    field().when(add("gold")).then_nothing();
    let kind = field().when(AddOption { key: key("gold"), name: label("Other") }).refused("custom_field.option_exists");
    assert_eq!(kind, ErrorKind::Conflict);

    let rename = |name: &str| RenameOption { key: key(name), name: label("Best") };
    field().when(rename("gold")).then([OptionRenamed { key: key("gold"), name: label("Best") }]);
    field().when(RenameOption { key: key("gold"), name: label("gold") }).then_nothing();
    field().when(rename("lead")).refused("custom_field.unknown_option");

    let order = |names: &[&str]| ReorderOptions(names.iter().map(|name| key(name)).collect());
    let turned = field().when(order(&["silver", "gold"]));
    let turned = turned.then([OptionsReordered { keys: vec![key("silver"), key("gold")] }]).state();
    assert_eq!(turned.profile.options, [option("silver", false), option("gold", false)]);
    field().when(order(&["gold", "silver"])).then_nothing();
    for names in [&["gold"][..], &["gold", "gold"], &["gold", "silver", "lead"]] {
        field().when(order(names)).refused("custom_field.incomplete_order");
    }

    field().when(RetireOption(key("gold"))).then([OptionRetired { key: key("gold") }]);
    field().when(RetireOption(key("lead"))).refused("custom_field.unknown_option");
    field().when(ReinstateOption(key("gold"))).then_nothing();
    field().when(ReinstateOption(key("lead"))).refused("custom_field.unknown_option");
    let retired = || given::<CustomField>([defined(), OptionRetired { key: key("gold") }]);
    retired().when(RetireOption(key("gold"))).then_nothing();
    retired().when(ReinstateOption(key("gold"))).then([OptionReinstated { key: key("gold") }]);
    retired().when(add("gold")).refused("custom_field.option_exists");

    let by_default = CustomFieldProfile { default: Some(json(json!("gold"))), ..tier() };
    let by_default = given::<CustomField>([Defined(Box::new(by_default))]);
    assert_eq!(
        by_default.when(RetireOption(key("gold"))).refused("custom_field.option_is_default"),
        ErrorKind::Conflict
    );
    let number = Defined(Box::new(self::field("f", AttributeKind::Number)));
    given::<CustomField>([number]).when(add("gold")).refused("custom_field.no_choice");
    let full = (0..200).map(|n| option(&format!("o{n}"), false)).collect();
    let full = Defined(Box::new(CustomFieldProfile { options: full, ..tier() }));
    given::<CustomField>([full]).when(add("gold")).refused("custom_field.too_many_options");
}

#[test]
fn what_is_deleted_waits_to_be_restored() {
    given::<CustomField>([defined()]).when(Delete).then([Deleted {}]);
    given::<CustomField>([defined()]).when(Restore).then_nothing();
    let deleted = || given::<CustomField>([defined(), Deleted {}]);
    assert!(deleted().state().is_deleted());
    deleted().when(Delete).then_nothing();
    deleted().when(Restore).then([Restored {}]);
    let commands = [
        Change(Box::default()),
        AddOption { key: key("a"), name: label("a") },
        RenameOption { key: key("a"), name: label("a") },
        ReorderOptions(vec![]),
        RetireOption(key("gold")),
        ReinstateOption(key("gold")),
    ];
    for command in commands {
        assert_eq!(deleted().when(command.clone()).refused("custom_field.deleted"), ErrorKind::Conflict);
        assert_eq!(given::<CustomField>([]).when(command).refused("custom_field.not_found"), ErrorKind::NotFound);
    }
}
