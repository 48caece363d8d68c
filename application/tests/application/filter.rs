//! The filter language against anything that may be typed.

use fairlead_application::list::{Filter, Listed, Literal, Operator, Sort};
use fairlead_domain::crm::Contact;
use proptest::{collection::vec, prelude::Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest, sample::select};

/// Text made of what filters are made of, so that a parser gets far into it.
fn nearly_a_filter() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        select(vec!["created:", "updated:", "name:", "email:", "phone:", "tag:", "owner:", "project:", "colour:"])
            .prop_map(str::to_owned),
        select(vec![" ", "  ", "\t", "\u{3000}", ":", "!", "~", "<", "<=", ">", ">=", "=", "\"", "\\", "\\\"", "\\\\"])
            .prop_map(str::to_owned),
        select(vec!["2026-01-01", "2026-02-30", "+262142-12-31", "2026-01-01T00:00:00+23:59", "-0001-01-01"])
            .prop_map(str::to_owned),
        select(vec!["00000000-0000-0000-0000-000000000001", "ana", "ÄİΣ", "\0", "王"]).prop_map(str::to_owned),
        "\\PC{0,3}",
    ];
    prop_oneof![vec(piece, 0..60).prop_map(|pieces| pieces.concat()), ".{0,60}"]
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_a_mistake_at_a_place_in_it(text in nearly_a_filter()) {
        match Filter::parse(&text, Contact::FIELDS) {
            Ok(filter) => prop_assert!(filter.0.len() <= 20),
            Err(error) => {
                let length = text.chars().count();
                prop_assert!((1..=length + 1).contains(&error.position), "{:?}: {}", text, error);
                prop_assert!(error.code.starts_with("filter."));
                prop_assert!(!error.detail.is_empty());
            }
        }
    }

    #[test]
    fn what_was_read_before_a_mistake_is_a_filter(text in nearly_a_filter()) {
        // The first mistake is the first: what stands before its term has none.
        if let Err(error) = Filter::parse(&text, Contact::FIELDS) {
            let before: String = text.chars().take(error.position - 1).collect();
            let terms = before.rfind(char::is_whitespace).map_or("", |end| &before[..end]);
            // A blank within quotes belongs to the term.
            if !before.contains('"') {
                prop_assert!(Filter::parse(terms, Contact::FIELDS).is_ok(), "{:?}", terms);
            }
        }
    }

    #[test]
    fn a_quoted_value_is_read_as_it_was_meant(value in "\\PC{1,200}") {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = Filter::parse(&format!("name:~\"{quoted}\""), Contact::FIELDS).unwrap();
        let [condition] = &filter.0[..] else { panic!("{filter:?}") };
        prop_assert_eq!((condition.field.name, condition.operator), ("name", Operator::Contains));
        prop_assert!(condition.value == Literal::Text(value.to_lowercase()));
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
        let sort = Sort::parse(text, Contact::FIELDS).unwrap();
        assert_eq!((sort.field.name, sort.descending), (name, descending));
    }
    for text in ["", "-", "--created", "+created", "email", "tag", "Created", "created "] {
        let invalid = Sort::parse(text, Contact::FIELDS).unwrap_err();
        assert_eq!(invalid.code, "sort.unknown_field", "{text}");
        assert!(invalid.detail.contains("created, updated, name"), "{}", invalid.detail);
    }
}

#[test]
fn a_value_has_200_characters_at_most_and_a_filter_20_terms() {
    let parse = |text: &str| Filter::parse(text, Contact::FIELDS).map_err(|error| error.code);
    assert!(parse(&format!("name:{}", "ü".repeat(200))).is_ok());
    assert_eq!(parse(&format!("name:{}", "ü".repeat(201))), Err("filter.invalid_value"));
    assert!(parse(&"tag:a ".repeat(20)).is_ok());
    assert_eq!(parse(&"tag:a ".repeat(21)), Err("filter.too_long"));
}
