//! The filter language: what it reads, where it finds mistakes, and that both forms mean the same.

use fairlead_application::list::{Field, FieldKind, Filter, Listed, Literal, Operator, Place, Sort, Test};
use fairlead_domain::crm::Contact;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

/// A field of every kind.
static FIELDS: &[Field] = &[
    Field::sorted("created", FieldKind::Instant),
    Field::sorted("name", FieldKind::Text),
    Field::filtered("email", FieldKind::Term),
    Field::filtered("tag", FieldKind::Labels),
    Field::filtered("owner", FieldKind::Id),
    Field::filtered("member", FieldKind::Ids),
    Field::filtered("done", FieldKind::Flag),
    Field::filtered("status", FieldKind::Choice(&["open", "won"])),
    Field::sorted("value", FieldKind::Integer),
    Field::sorted("attributes.size", FieldKind::Number),
    Field::sorted("due", FieldKind::Day),
];

fn read(text: &str) -> Filter {
    Filter::parse(text, FIELDS).unwrap()
}

/// Both forms give the same tree, and reading what is printed gives it again.
fn means(text: &str, json: Value) {
    let filter = read(text);
    assert_eq!(Filter::from_json(&json, FIELDS).as_ref(), Ok(&filter), "{text} and {json}");
    assert_eq!(read(&filter.to_string()), filter, "{filter}");
    assert_eq!(Filter::from_json(&filter.to_json(), FIELDS), Ok(filter));
}

fn is(field: &str, op: &str, value: impl Into<Value>) -> Value {
    json!({ "field": field, "op": op, "value": value.into() })
}

#[test]
fn every_kind_knows_its_operators_in_both_forms() {
    let id = "00000000-0000-0000-0000-000000000001";
    for (text, json) in [
        ("name:Ana", json!({ "field": "name", "value": "ana" })),
        ("name:!bo", is("name", "!=", "bo")),
        (r#"name:~"Ana \"L\"""#, is("name", "contains", "ana \"l\"")),
        ("name:^an", is("name", "starts_with", "AN")),
        ("name:$ma", is("name", "ends_with", "ma")),
        (r#"name:"null""#, is("name", "=", "null")),
        (r#"name:"^an""#, is("name", "=", "^an")),
        ("email:^ana@", is("email", "starts_with", "ana@")),
        ("email:[a@b.c,\"x y\"]", is("email", "in", vec!["a@b.c", "x y"])),
        ("email:null", is("email", "is_null", true)),
        ("email:!null", is("email", "is_null", false)),
        ("tag:VIP", is("tag", "=", "vip")),
        ("tag:[ a , b ]", is("tag", "in", vec!["a", "b"])),
        (&format!("owner:!{id}"), is("owner", "!=", id)),
        (&format!("member:{id}"), is("member", "=", id)),
        ("done:true", is("done", "=", true)),
        ("status:[open,won]", is("status", "in", vec!["open", "won"])),
        ("value:>=-5", is("value", ">=", -5)),
        ("value:10..20", is("value", "between", vec![10, 20])),
        ("attributes.size:<38.5", is("attributes.size", "<", 38.5)),
        ("due:2026-02-01", is("due", "=", "2026-02-01")),
        ("due:2026-02-01..2026-02-28", is("due", "between", vec!["2026-02-01", "2026-02-28"])),
        ("created:>2026-01-01", is("created", ">", "2026-01-01T00:00:00Z")),
        ("created:<=2026-01-01T01:00:00.1234567+01:00", is("created", "<=", "2026-01-01T00:00:00.123456Z")),
    ] {
        means(text, json);
    }
    let day = "2026-01-01T00:00:00Z".parse().unwrap();
    let Filter::Is(condition) = read("created:>2026-01-01") else { panic!("one condition") };
    assert_eq!(condition.test, Test::Compare(Operator::Greater, Literal::Instant(day)));
}

#[test]
fn groups_mean_the_same_however_they_are_written() {
    let (a, b, c) = (is("tag", "=", "a"), is("tag", "=", "b"), is("tag", "=", "c"));
    for (text, json) in [
        ("", json!({})),
        ("  ", json!({ "all": [{}, {}] })),
        ("tag:a tag:b", json!({ "all": [a, b] })),
        ("tag:a and tag:b", json!({ "all": [a, { "all": [b] }] })),
        ("tag:a or tag:b tag:c", json!({ "any": [a, { "all": [b, c] }] })),
        ("(tag:a or tag:b) tag:c", json!({ "all": [{ "any": [a, b] }, c] })),
        ("tag:a or (tag:b or tag:c)", json!({ "any": [a, b, c] })),
        ("not tag:a", json!({ "not": a })),
        (
            "not (tag:a tag:b) or not not tag:c",
            json!({ "any": [{ "not": { "all": [a, b] } }, { "not": { "not": c } }] }),
        ),
    ] {
        means(text, json);
    }
    assert_eq!(Filter::from_json(&json!({ "any": [is("tag", "=", "a"), {}] }), FIELDS), Ok(Filter::Everything));
    let demanded = |text: &str| read(text).demanded().count();
    assert_eq!(
        [demanded("tag:a"), demanded("tag:a (tag:b or tag:c) not tag:d name:x"), demanded("tag:a or tag:b")],
        [1, 2, 0]
    );
}

#[test]
fn a_mistake_is_named_with_its_place() {
    for (text, position, code) in [
        ("colour:red", 1, "filter.unknown_field"),
        ("name:x  password:~y", 9, "filter.unknown_field"),
        ("name", 5, "filter.syntax"),
        ("name:", 6, "filter.invalid_value"),
        ("name:~", 7, "filter.invalid_value"),
        ("name:<x", 6, "filter.unknown_operator"),
        ("tag:~x", 5, "filter.unknown_operator"),
        ("done:[true]", 6, "filter.unknown_operator"),
        ("created:2026-01-01", 9, "filter.unknown_operator"),
        ("created:>2026-02-30", 10, "filter.invalid_value"),
        ("created:>+262142-12-31", 10, "filter.invalid_value"),
        ("owner:me", 7, "filter.invalid_value"),
        ("status:lost", 8, "filter.invalid_value"),
        ("value:1.5", 7, "filter.invalid_value"),
        ("value:1..x", 7, "filter.invalid_value"),
        ("attributes.size:NaN", 17, "filter.invalid_value"),
        ("name:\"x", 8, "filter.syntax"),
        (r#"name:"x\y""#, 9, "filter.syntax"),
        ("name:\"x\"y", 9, "filter.syntax"),
        ("tag:[a", 7, "filter.syntax"),
        ("tag:[]", 6, "filter.invalid_value"),
        ("(tag:a", 7, "filter.syntax"),
        ("tag:a)", 6, "filter.syntax"),
        ("tag:a or", 9, "filter.unknown_field"),
        ("not", 4, "filter.unknown_field"),
        ("()", 2, "filter.unknown_field"),
    ] {
        let error = Filter::parse(text, FIELDS).unwrap_err();
        assert_eq!((error.place, error.code), (Place::Character(position), code), "{text}: {}", error.detail);
    }
    let a = is("tag", "=", "a");
    for (json, pointer, code) in [
        (json!([]), "", "filter.syntax"),
        (json!({ "all": [] }), "/all", "filter.syntax"),
        (json!({ "all": [a], "any": [a] }), "", "filter.syntax"),
        (json!({ "all": [a, { "not": {} }] }), "/all/1/not", "filter.syntax"),
        (json!({ "any": [a, { "field": "x", "value": 1 }] }), "/any/1/field", "filter.unknown_field"),
        (json!({ "field": "tag" }), "/value", "filter.syntax"),
        (json!({ "field": "tag", "value": "a", "a/b": 1 }), "/a~1b", "filter.syntax"),
        (is("tag", "like", "a"), "/op", "filter.unknown_operator"),
        (is("created", "in", vec!["2026-01-01"]), "/op", "filter.unknown_operator"),
        (is("value", "=", "5"), "/value", "filter.invalid_value"),
        (is("value", "=", 1.5), "/value", "filter.invalid_value"),
        (is("value", "between", vec![1]), "/value", "filter.invalid_value"),
        (is("tag", "in", vec![json!("a"), json!(1)]), "/value/1", "filter.invalid_value"),
        (is("tag", "is_null", "true"), "/value", "filter.invalid_value"),
        (is("name", "=", "a\u{0}"), "/value", "filter.invalid_value"),
    ] {
        let error = Filter::from_json(&json, FIELDS).unwrap_err();
        assert_eq!((error.place, error.code), (Place::Pointer(pointer.to_owned()), code), "{json}: {}", error.detail);
    }
}

#[test]
fn what_is_endless_is_refused() {
    let code = |text: &str| Filter::parse(text, FIELDS).map(drop).map_err(|error| error.code);
    let json_code = |json: &Value| Filter::from_json(json, FIELDS).map(drop).map_err(|error| error.code);
    assert_eq!(code(&format!("name:{}", "ü".repeat(200))), Ok(()));
    assert_eq!(code(&format!("name:{}", "ü".repeat(201))), Err("filter.invalid_value"));
    assert_eq!(code(&"tag:a ".repeat(50)), Ok(()));
    assert_eq!(code(&"tag:a ".repeat(51)), Err("filter.too_long"));
    assert_eq!(code(&format!("tag:[a{}]", ",a".repeat(100))), Err("filter.too_long"));
    assert_eq!(code(&format!("{}tag:a", "not ".repeat(8))), Ok(()));
    assert_eq!(code(&format!("{}tag:a", "not ".repeat(9))), Err("filter.too_deep"));
    assert_eq!(code(&format!("{}tag:a{}", "(".repeat(32), ")".repeat(32))), Ok(()));
    assert_eq!(code(&"(".repeat(100_000)), Err("filter.too_deep"));
    let nested = |depth: usize| (0..depth).fold(is("tag", "=", "a"), |inner, _| json!({ "not": inner }));
    assert_eq!((json_code(&nested(8)), json_code(&nested(9))), (Ok(()), Err("filter.too_deep")));
    assert_eq!(json_code(&nested(100)), Err("filter.too_deep"));
}

/// Text made of what filters are made of, so that a parser gets far into it.
fn nearly_a_filter() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        select(FIELDS).prop_map(|field| format!("{}:", field.name)),
        select(vec!["colour:", " ", "  ", "\t", "\u{3000}", ":", "!", "~", "^", "$", "<", "<=", ">", "="])
            .prop_map(str::to_owned),
        select(vec!["\"", "\\", "\\\"", "(", ")", "[", "]", ",", "..", " or ", " and ", "not ", "null", "!null"])
            .prop_map(str::to_owned),
        select(vec!["2026-01-01", "2026-02-30", "+262142-12-31", "2026-01-01T00:00:00+23:59", "-0001-01-01"])
            .prop_map(str::to_owned),
        select(vec!["00000000-0000-0000-0000-000000000001", "ana", "ÄİΣ", "\0", "王", "true", "open", "-7", "1e300"])
            .prop_map(str::to_owned),
        "\\PC{0,3}",
    ];
    prop_oneof![vec(piece, 0..60).prop_map(|pieces| pieces.concat()), ".{0,60}"]
}

/// A value of each JSON type, that a field of some kind may take.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "\\PC{1,20}".prop_map(Value::from),
        select(vec!["open", "null", "2026-01-01", "00000000-0000-0000-0000-000000000001", "a..b", "İ", "\""])
            .prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ]
}

fn nearly_json() -> impl Strategy<Value = Value> {
    let names = select(FIELDS).prop_map(|field| field.name.to_string());
    let ops = vec!["=", "!=", "<", "<=", ">", ">=", "contains", "starts_with", "ends_with", "in", "between", "is_null"];
    let values = prop_oneof![value(), vec(value(), 1..4).prop_map(Value::from)];
    let condition =
        (names, select(ops), values).prop_map(|(field, op, value)| json!({ "field": field, "op": op, "value": value }));
    condition.prop_recursive(5, 20, 4, |inner| {
        let group = vec(inner.clone(), 1..4);
        prop_oneof![
            group.clone().prop_map(|all| json!({ "all": all })),
            group.prop_map(|any| json!({ "any": any })),
            inner.prop_map(|not| json!({ "not": not })),
        ]
    })
}

/// Leaves out what can't be read, so that what is left can.
fn readable(json: Value) -> Value {
    let readable_ones = |group: &Value| -> Vec<Value> {
        let members = group.as_array().into_iter().flatten().cloned().map(readable);
        members.filter(|member| Filter::from_json(member, FIELDS).is_ok()).collect()
    };
    let one = |key: &str| readable_ones(&json[key]);
    match json.as_object().and_then(|object| object.keys().next()).map(String::as_str) {
        Some("all") if !one("all").is_empty() => json!({ "all": one("all") }),
        Some("any") if !one("any").is_empty() => json!({ "any": one("any") }),
        Some("not") => json!({ "not": readable(json["not"].clone()) }),
        _ => json,
    }
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_a_mistake_at_a_place_in_it(text in nearly_a_filter()) {
        match Filter::parse(&text, FIELDS) {
            Ok(filter) => {
                prop_assert_eq!(Filter::parse(&filter.to_string(), FIELDS), Ok(filter.clone()), "{}", filter);
                prop_assert_eq!(Filter::from_json(&filter.to_json(), FIELDS), Ok(filter.clone()), "{}", filter);
            }
            Err(error) => {
                let Place::Character(position) = error.place else { panic!("{error:?}") };
                prop_assert!((1..=text.chars().count() + 1).contains(&position), "{:?}: {:?}", text, error);
                prop_assert!(error.code.starts_with("filter.") && !error.detail.is_empty());
            }
        }
    }

    #[test]
    fn what_parses_prints_and_parses_back(json in nearly_json()) {
        if let Ok(filter) = Filter::from_json(&readable(json), FIELDS) {
            prop_assert_eq!(Filter::parse(&filter.to_string(), FIELDS), Ok(filter.clone()), "{}", filter);
            prop_assert_eq!(Filter::from_json(&filter.to_json(), FIELDS), Ok(filter.clone()), "{}", filter);
        }
    }

    #[test]
    fn a_place_of_json_is_in_it(json in nearly_json()) {
        if let Err(error) = Filter::from_json(&json, FIELDS) {
            let Place::Pointer(pointer) = error.place else { panic!("{error:?}") };
            prop_assert!(json.pointer(&pointer).is_some(), "{} in {}", pointer, json);
        }
    }

    #[test]
    fn a_quoted_value_is_read_as_it_was_meant(value in "\\PC{1,100}") {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let Filter::Is(condition) = read(&format!("name:~\"{quoted}\"")) else { panic!("{value}") };
        prop_assert_eq!(&condition.field.name, "name");
        prop_assert_eq!(condition.test, Test::Compare(Operator::Contains, Literal::Text(value.to_lowercase())));
    }

    #[test]
    fn any_text_is_an_order_or_refused(text in ".{0,20}|-{0,2}(created|updated|name|email|tag)") {
        match Sort::parse(&text, Contact::FIELDS) {
            Ok(sort) => {
                prop_assert!(sort.field.sortable);
                prop_assert_eq!(sort.to_text(), text);
            }
            Err(invalid) => prop_assert_eq!(invalid.code, "sort.unknown_field"),
        }
    }
}

#[test]
fn an_order_is_a_sortable_field_with_or_without_a_minus() {
    for (text, name, descending) in
        [("created", "created", false), ("-created", "created", true), ("-name", "name", true)]
    {
        let sort = Sort::parse(text, FIELDS).unwrap();
        assert_eq!((&*sort.field.name, sort.descending), (name, descending));
    }
    for text in ["", "-", "--created", "+created", "email", "tag", "Created", "created "] {
        let invalid = Sort::parse(text, FIELDS).unwrap_err();
        assert_eq!(invalid.code, "sort.unknown_field", "{text}");
        assert!(invalid.detail.contains("created, name"), "{}", invalid.detail);
    }
}
