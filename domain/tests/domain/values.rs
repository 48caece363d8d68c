//! Value objects: what they accept, as what, and why not.

use std::fmt::Debug;

use fairlead_domain::{
    kernel::Invalid,
    values::{
        Address, AddressParts, AttributeKey, AttributeValue, Description, Email, ExternalSubject, Label, PersonName,
        PhoneNumber, Provider, Tag,
    },
};
use proptest::{option, prelude::any, prop_assert, prop_assert_eq, proptest};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    samples::{email, value},
    strategies::{attribute_value, text},
};

/// Each text is accepted, as the text beside it.
fn accepts<const N: usize>(new: fn(&str) -> Result<String, Invalid>, table: [(&str, &str); N]) {
    for (text, kept) in table {
        assert_eq!(new(text).as_deref(), Ok(kept), "{text:?}");
    }
}

/// Each text is refused with this code.
fn refuses<const N: usize>(new: fn(&str) -> Result<String, Invalid>, code: &str, table: [&str; N]) {
    for text in table {
        assert_eq!(new(text).map_err(|invalid| invalid.code), Err(code), "{text:?}");
    }
}

macro_rules! kept {
    ($value:ty) => {
        |text| <$value>::new(text).map(|value| value.as_str().to_owned())
    };
}

#[test]
fn a_name_is_a_line_of_up_to_200_characters() {
    let (longest, too_long) = ("ü".repeat(200), "ü".repeat(201));
    accepts(
        kept!(PersonName),
        [
            ("Ana", "Ana"),
            ("  Ana Lima\t\n", "Ana Lima"),
            ("Nuño Ó Súilleabháin", "Nuño Ó Súilleabháin"),
            ("王小明", "王小明"),
            ("X", "X"),
            (&longest, &longest),
        ],
    );
    refuses(
        kept!(PersonName),
        "name.invalid",
        ["", " ", "\u{a0}\t", "Ana\nLima", "Ana\0", "\u{7f}", "A\u{85}B", &too_long],
    );
}

#[test]
fn an_email_is_a_mailbox_with_a_domain() {
    let longest_local = format!("{}@example.com", "a".repeat(64));
    let too_long = format!("{}@{}.com", "a".repeat(64), "b.".repeat(100));
    accepts(
        kept!(Email),
        [
            ("ana@example.com", "ana@example.com"),
            (" Ana.Lima+crm@Example.CO.UK ", "Ana.Lima+crm@Example.CO.UK"),
            ("o'neill@example.ie", "o'neill@example.ie"),
            ("ana@bücher.example", "ana@bücher.example"),
            (&longest_local, &longest_local),
        ],
    );
    refuses(
        kept!(Email),
        "email.invalid",
        [
            "",
            "ana",
            "@example.com",
            "ana@",
            "ana@localhost",
            "ana@@example.com",
            "ana lima@example.com",
            "Ana <ana@example.com>",
            "<ana@example.com>",
            "ana@[127.0.0.1]",
            "ana@example.com,bo@example.com",
            "ana@example.com\nbcc: bo@example.com",
            "ana@exa\0mple.com",
            &too_long,
        ],
    );
}

#[test]
fn emails_are_the_same_to_people_whatever_their_case() {
    assert_eq!(email("Ana.LIMA@Example.COM").normalized(), "ana.lima@example.com");
    assert_eq!(email("ÄRGER@example.com").normalized(), email("ärger@example.com").normalized());
    assert_ne!(email("ana.lima@example.com").normalized(), email("analima@example.com").normalized());
}

#[test]
fn a_phone_number_is_international() {
    accepts(
        kept!(PhoneNumber),
        [
            ("+351211234567", "+351211234567"),
            ("+351 21 123-45.67", "+351211234567"),
            (" +1 (212) 555-0100 ", "+12125550100"),
            ("+1234567", "+1234567"),
            ("+123456789012345", "+123456789012345"),
        ],
    );
    refuses(
        kept!(PhoneNumber),
        "phone.invalid",
        [
            "",
            "+",
            "211234567",
            "00351211234567",
            "+0351211234567",
            "+123456",
            "+1234567890123456",
            "+35121x123456",
            "+351+211234567",
            "+351/211234567",
            "+٣٥١٢١١٢٣٤",
            "+351\t211234567",
            "+1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 . . . . . .",
        ],
    );
}

#[test]
fn a_label_is_lower_case_without_blanks() {
    let (longest, too_long) = ("é".repeat(50), "é".repeat(51));
    accepts(
        kept!(Tag),
        [
            ("vip", "vip"),
            (" VIP ", "vip"),
            ("2026/q1_a-b.c", "2026/q1_a-b.c"),
            ("ÉTÉ", "été"),
            ("客户", "客户"),
            (&longest, &longest),
        ],
    );
    refuses(
        kept!(Tag),
        "tag.invalid",
        ["", " ", "two words", "-a", "_a", ".a", "/a", "a:b", "a,b", "a\tb", "a\0", &too_long],
    );
}

#[test]
fn an_attribute_s_name_is_an_identifier() {
    let (longest, too_long) = ("a".repeat(63), "a".repeat(64));
    accepts(kept!(AttributeKey), [("a", "a"), ("budget_2026", "budget_2026"), ("a__", "a__"), (&longest, &longest)]);
    refuses(
        kept!(AttributeKey),
        "attribute.invalid_key",
        ["", " a", "a ", "A", "1a", "_a", "a-b", "a.b", "é", "a\0", &too_long],
    );
}

#[test]
fn an_attribute_is_a_scalar_or_what_a_field_takes() {
    for json in [
        json!(""),
        json!("two\nlines\r\n\tindented"),
        json!("ü".repeat(1_000)),
        json!(0),
        json!(-1.5),
        json!(999_999_999_999_999_i64),
        json!(-999_999_999_999_999_i64),
        json!(1e-300),
        json!(true),
        json!(false),
        json!(["gold", "silver"]),
        json!({ "amount": 12500, "currency": "EUR" }),
        json!({ "type": "deal", "id": "0192b1c8-6a3e-7000-8000-000000000011" }),
    ] {
        assert_eq!(value(json.clone()).to_json(), json);
    }
    for json in [
        json!(null),
        json!([]),
        json!({ "erased": true }),
        json!("ü".repeat(5_001)),
        json!(["Gold"]),
        json!([1]),
        json!((0..51).map(|n| format!("o{n}")).collect::<Vec<_>>()),
        json!({ "amount": 1.5, "currency": "EUR" }),
        json!({ "amount": 1, "currency": "XYZ" }),
        json!({ "amount": 1, "currency": "EUR", "more": 1 }),
        json!({ "type": "pipeline", "id": "0192b1c8-6a3e-7000-8000-000000000011" }),
        json!({ "type": "deal", "id": "one" }),
        json!("a\0"),
        json!("\u{1b}[31m"),
        json!(1_000_000_000_000_000_i64),
        json!(-1_000_000_000_000_000_i64),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
    ] {
        let refused = AttributeValue::new(json.clone()).map_err(|invalid| invalid.code);
        assert_eq!(refused, Err("attribute.invalid_value"), "{json}");
    }
}

fn parts<const N: usize>(parts: [Option<&str>; N]) -> AddressParts {
    let mut parts = parts.into_iter().map(|part| part.map(str::to_owned));
    let mut next = || parts.next().flatten();
    AddressParts { street: next(), city: next(), region: next(), postal_code: next(), country: next() }
}

fn list(parts: AddressParts) -> [Option<String>; 5] {
    [parts.street, parts.city, parts.region, parts.postal_code, parts.country]
}

#[test]
fn an_address_has_trimmed_parts_and_a_country_of_two_letters() {
    let address =
        Address::new(parts([Some(" Rua Augusta 1, 2.º "), Some("Lisboa"), None, Some("1100-048"), Some(" pt ")]));
    let kept = list(address.unwrap().parts());
    let expected = parts([Some("Rua Augusta 1, 2.º"), Some("Lisboa"), None, Some("1100-048"), Some("PT")]);
    assert_eq!(kept, list(expected));
    for n in 0..5 {
        let mut only = [None; 5];
        only[n] = Some("FR");
        assert_eq!(list(Address::new(parts(only)).unwrap().parts()), only.map(|part| part.map(str::to_owned)));
    }
}

#[test]
fn an_address_is_refused_for_any_part() {
    let too_long = "x".repeat(201);
    for n in 0..4 {
        for text in ["", "  ", "two\nlines", "\0", &too_long] {
            let mut given = [Some("PT"); 5];
            given[n] = Some(text);
            assert_eq!(Address::new(parts(given)).unwrap_err().code, "address.invalid", "{n} {text:?}");
        }
    }
    for country in ["", "P", "PRT", "P1", "é", "ée", "ß"] {
        let refused = Address::new(parts([None, Some("Lisboa"), None, None, Some(country)])).unwrap_err();
        assert_eq!(refused.code, "country.invalid", "{country}");
    }
    assert_eq!(Address::new(AddressParts::default()).unwrap_err().code, "address.invalid");
}

#[test]
fn what_was_written_under_older_rules_stays_readable() {
    assert_eq!(serde_json::from_value::<PersonName>(json!("")).unwrap().as_str(), "");
    assert_eq!(serde_json::from_value::<Tag>(json!("Two Words")).unwrap().as_str(), "Two Words");
    assert!(serde_json::from_value::<Address>(json!({})).is_ok());
}

/// A value is accepted again as it is kept, holds no control character, and comes back from JSON as it was.
#[track_caller]
fn is_settled<T: PartialEq + Debug + Serialize + DeserializeOwned>(value: &T, kept: &str, again: Result<T, Invalid>) {
    assert_eq!(again.as_ref(), Ok(value), "{kept:?} is not accepted again");
    assert!(!kept.chars().any(char::is_control), "{kept:?}");
    assert_eq!(kept.trim(), kept);
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), Value::from(kept));
}

macro_rules! settles {
    ($($test:ident: $value:ty),+) => {
        proptest! {$(
            #[test]
            fn $test(text in text()) {
                if let Ok(value) = <$value>::new(&text) {
                    is_settled(&value, value.as_str(), <$value>::new(value.as_str()));
                }
            }
        )+}
    };
}

settles! {
    any_name_is_refused_or_settled: PersonName,
    any_email_is_refused_or_settled: Email,
    any_phone_number_is_refused_or_settled: PhoneNumber,
    any_label_is_refused_or_settled: Tag,
    any_attribute_key_is_refused_or_settled: AttributeKey,
    any_label_of_a_thing_is_refused_or_settled: Label,
    any_description_is_refused_or_settled: Description,
    any_provider_is_refused_or_settled: Provider,
    any_external_subject_is_refused_or_settled: ExternalSubject
}

proptest! {
    #[test]
    fn normalizing_an_email_twice_is_normalizing_it_once(text in text()) {
        if let Ok(email) = Email::new(&text) {
            let normalized = email.normalized();
            prop_assert_eq!(normalized.to_lowercase(), normalized);
        }
    }

    #[test]
    fn any_address_is_refused_or_settled(
        street in option::of(text()),
        city in option::of(text()),
        region in option::of(text()),
        postal_code in option::of(text()),
        country in option::of("[a-zA-Z ]{1,3}|\\PC{2}"),
    ) {
        if let Ok(address) = Address::new(AddressParts { street, city, region, postal_code, country }) {
            prop_assert_eq!(Address::new(address.parts()), Ok(address.clone()));
            let kept = list(address.parts());
            prop_assert!(kept.iter().any(Option::is_some));
            prop_assert!(kept.iter().flatten().all(|part| !part.chars().any(char::is_control) && !part.is_empty()));
            let json = serde_json::to_string(&address).unwrap();
            prop_assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), address);
        }
    }

    #[test]
    fn any_text_as_an_attribute_is_refused_or_kept_as_it_is(text in any::<String>()) {
        if let Ok(value) = AttributeValue::new(text.clone().into()) {
            prop_assert_eq!(value.to_json(), Value::String(text));
        }
    }

    #[test]
    fn any_attribute_is_settled(value in attribute_value()) {
        prop_assert_eq!(AttributeValue::new(value.to_json()), Ok(value.clone()));
        let json = serde_json::to_string(&value).unwrap();
        let read: AttributeValue = serde_json::from_str(&json).unwrap();
        prop_assert!(read == value, "{} came back as {}", json, read.to_json());
    }
}
