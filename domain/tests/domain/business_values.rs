//! Value objects of business: what they accept, as what, and why not.

use fairlead_domain::{
    kernel::Invalid,
    values::{Currency, DomainName, LifecycleStage, Money, Percent, Title, Website},
};
use proptest::{prop_assert_eq, proptest};
use serde_json::json;

use crate::strategies::text;

fn title(text: &str) -> Result<String, Invalid> {
    Title::new(text).map(|title| title.as_str().to_owned())
}

fn domain(text: &str) -> Result<String, Invalid> {
    DomainName::new(text).map(|name| name.as_str().to_owned())
}

fn website(text: &str) -> Result<String, Invalid> {
    Website::new(text).map(|website| website.as_str().to_owned())
}

#[test]
fn a_title_is_a_line_of_up_to_200_characters() {
    let (longest, too_long) = ("ü".repeat(200), "ü".repeat(201));
    assert_eq!(title("  Lima & Filhos "), Ok("Lima & Filhos".to_owned()));
    assert_eq!(title(&longest), Ok(longest));
    for text in ["", " ", "a\nb", "a\0", &too_long] {
        assert_eq!(title(text).unwrap_err().code, "name.invalid", "{text:?}");
    }
    assert_eq!(Title::new("ÉCLAIR").unwrap().normalized(), "éclair");
}

#[test]
fn a_domain_is_the_name_of_a_host() {
    let long = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61));
    assert_eq!(long.len(), 253);
    let accepted = [
        ("Example.COM", "example.com"),
        (" sub.example.co.uk ", "sub.example.co.uk"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("例え.jp", "xn--r8jz45g.jp"),
        ("3com.example", "3com.example"),
        ("a-b.example", "a-b.example"),
        (&long, &long),
    ];
    for (text, kept) in accepted {
        assert_eq!(domain(text).as_deref(), Ok(kept), "{text:?}");
    }
    let (long_label, too_long) = (format!("{}.example", "a".repeat(64)), format!("a{long}"));
    let refused = [
        "",
        "localhost",
        "example",
        "127.0.0.1",
        "[::1]",
        "::1",
        "0x7f.1",
        "example.com.",
        ".example.com",
        "a..example",
        "-a.example",
        "a-.example",
        "a_b.example",
        "a b.example",
        "https://example.com",
        "example.com/path",
        "example.com:80",
        "ana@example.com",
        "ex%61mple.com",
        "xn--a.example",
        "a\0.example",
        &long_label,
        &too_long,
    ];
    for text in refused {
        assert_eq!(domain(text).unwrap_err().code, "domain.invalid", "{text:?}");
    }
}

#[test]
fn a_website_is_an_address_of_a_named_host() {
    let accepted = [
        ("https://example.com", "https://example.com/"),
        (" HTTP://Example.com/A?b=c#d ", "http://example.com/A?b=c#d"),
        ("https://bücher.example:8080/ü", "https://xn--bcher-kva.example:8080/%C3%BC"),
    ];
    for (text, kept) in accepted {
        assert_eq!(website(text).as_deref(), Ok(kept), "{text:?}");
    }
    let (long, longer) =
        (format!("https://example.com/{}", "a".repeat(480)), format!("https://example.com/{}", "ü".repeat(100)));
    assert_eq!(website(&long).as_deref(), Ok(&*long));
    let too_long = format!("{long}a");
    let refused = [
        "",
        "example.com",
        "ftp://example.com",
        "javascript:alert(1)",
        "https://localhost",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://ana:secret@example.com",
        "https://ana@example.com",
        "https://",
        "mailto:ana@example.com",
        &too_long,
        &longer,
    ];
    for text in refused {
        assert_eq!(website(text).unwrap_err().code, "website.invalid", "{text:?}");
    }
}

#[test]
fn a_currency_is_an_active_code() {
    for (text, code, digits) in [("EUR", "EUR", 2), (" jpy ", "JPY", 0), ("kwd", "KWD", 3), ("UYW", "UYW", 4)] {
        let currency = Currency::new(text).unwrap();
        assert_eq!((currency.code(), currency.digits()), (code, digits));
        assert_eq!(format!("{currency:?}"), code);
    }
    for text in ["", "EU", "EURO", "DEM", "XXX", "XAU", "€", "€€€", "E\0R"] {
        assert_eq!(Currency::new(text).unwrap_err().code, "currency.unknown", "{text:?}");
    }
    let all: Vec<_> = Currency::all().collect();
    assert!(all.is_sorted() && all.len() > 150);
    assert!(all.iter().all(|currency| Currency::new(currency.code()) == Ok(*currency)));
    // One that was taken out of use since stays readable.
    let old: Currency = serde_json::from_value(json!("DEM")).unwrap();
    assert_eq!((old.code(), old.digits()), ("DEM", 2));
    for broken in [json!("dem"), json!("EURO"), json!(1)] {
        assert!(serde_json::from_value::<Currency>(broken).is_err());
    }
}

#[test]
fn money_is_an_amount_in_minor_units() {
    let euro = Currency::new("EUR").unwrap();
    let money = Money::new(12_500, euro).unwrap();
    assert_eq!((money.minor(), money.currency()), (12_500, euro));
    let written = json!({ "amount": 12500, "currency": "EUR" });
    assert_eq!(serde_json::to_value(money).unwrap(), written);
    assert_eq!(serde_json::from_value::<Money>(written).unwrap(), money);
    for (minor, currency, read) in [
        (12_500, "EUR", "125.00 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (1_500, "JPY", "1500 JPY"),
        (1_500, "KWD", "1.500 KWD"),
        (0, "CLF", "0.0000 CLF"),
    ] {
        assert_eq!(Money::new(minor, Currency::new(currency).unwrap()).unwrap().to_string(), read);
    }
    let most = 1_000_000_000_000_000;
    for amount in [most, -most, 0, -1] {
        assert_eq!(Money::new(amount, euro).unwrap().minor(), amount);
    }
    for amount in [most + 1, -most - 1, i64::MAX, i64::MIN] {
        assert_eq!(Money::new(amount, euro).unwrap_err().code, "money.out_of_range");
    }
}

#[test]
fn a_percentage_is_a_whole_number() {
    for number in [0, 1, 99, 100] {
        assert_eq!(i64::from(Percent::new(number).unwrap().get()), number);
    }
    for number in [-1, 101, 356, i64::MAX, i64::MIN] {
        assert_eq!(Percent::new(number).unwrap_err().code, "percent.invalid");
    }
}

#[test]
fn a_lifecycle_stage_is_written_by_its_name() {
    for stage in LifecycleStage::ALL {
        assert_eq!(serde_json::to_value(stage).unwrap(), stage.name());
    }
    assert!(LifecycleStage::ALL.is_sorted());
}

proptest! {
    #[test]
    fn any_of_them_is_refused_or_settled(text in text()) {
        for new in [title, domain, website] {
            if let Ok(kept) = new(&text) {
                prop_assert_eq!(new(&kept), Ok(kept.clone()));
            }
        }
    }

    #[test]
    fn any_host_is_refused_or_settled(text in "[a-zA-Z0-9ü.-]{1,12}\\.[a-zé]{2,5}") {
        for (new, text) in [(domain as fn(&str) -> _, text.clone()), (website, format!("https://{text}/{text}"))] {
            if let Ok(kept) = new(&text) {
                prop_assert_eq!(new(&kept), Ok(kept.clone()));
            }
        }
    }
}
