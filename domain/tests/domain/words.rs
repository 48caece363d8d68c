//! Values of records that tell something: what they accept, as what, and why not.

use fairlead_domain::{
    kernel::Invalid,
    values::{FileName, FileUrl, MediaType, Prose, RecordRef, RecordType, Sha256, Subject},
};
use serde_json::json;
use uuid::Uuid;

fn code<T>(value: Result<T, Invalid>) -> Option<&'static str> {
    value.err().map(|invalid| invalid.code)
}

#[test]
fn a_subject_is_one_line() {
    assert_eq!(Subject::new("  Call Ana ").unwrap().as_str(), "Call Ana");
    assert!(Subject::new(&"é".repeat(200)).is_ok());
    for text in ["", " ", "a\nb", &"é".repeat(201)] {
        assert_eq!(code(Subject::new(text)), Some("subject.invalid"), "{text:?}");
    }
}

#[test]
fn prose_has_lines() {
    assert_eq!(Prose::new(" a\r\n\tb\n ").unwrap().as_str(), "a\r\n\tb");
    assert!(Prose::new(&"é".repeat(10_000)).is_ok());
    for text in ["", " \n", "a\u{0}b", "a\u{1b}b", &"é".repeat(10_001)] {
        assert_eq!(code(Prose::new(text)), Some("text.invalid"), "{text:?}");
    }
}

#[test]
fn a_file_stands_at_a_safe_address() {
    for url in [
        "https://files.example.com",
        "https://files.example.com:8443/a/b.pdf?c=d#e",
        "https://[2001:db8::1]/a",
        "https://x/%20",
    ] {
        assert_eq!(FileUrl::new(url).unwrap().as_str(), url);
    }
    let long = format!("https://x/{}", "a".repeat(2_000));
    for url in [
        "",
        "http://x/a",
        "HTTPS://x/a",
        "https://",
        "https:///a",
        "https://ana:secret@x/a",
        "https://x/a b",
        "https://x/\u{e9}",
        "https://x/<a>",
        "https://?a",
        "https://-x/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        &long,
    ] {
        assert_eq!(code(FileUrl::new(url)), Some("attachment.invalid_url"), "{url:?}");
    }
}

#[test]
fn a_file_has_a_name_a_type_and_a_digest() {
    assert_eq!(FileName::new(" Offer 1.pdf ").unwrap().as_str(), "Offer 1.pdf");
    for name in ["", "../a", "a\\b", "a\nb", &"a".repeat(201)] {
        assert_eq!(code(FileName::new(name)), Some("attachment.invalid_name"), "{name:?}");
    }
    assert_eq!(MediaType::new("Application/VND.ms-excel+x").unwrap().as_str(), "application/vnd.ms-excel+x");
    for kind in ["", "pdf", "a/", "/a", "a/b/c", "a/b; charset=c", "a /b", &format!("a/{}", "b".repeat(128))] {
        assert_eq!(code(MediaType::new(kind)), Some("attachment.invalid_media_type"), "{kind:?}");
    }
    assert_eq!(Sha256::new(&"0A".repeat(32)).unwrap().as_str(), "0a".repeat(32));
    for digest in ["", "0a", &"0g".repeat(32), &"0a".repeat(33)] {
        assert_eq!(code(Sha256::new(digest)), Some("attachment.invalid_sha256"), "{digest:?}");
    }
}

#[test]
fn words_are_not_shown_by_debug() {
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        Subject::new("Ana"),
        Prose::new("Ana"),
        FileName::new("Ana"),
        FileUrl::new("https://ana.example")
    );
    assert!(!shown.to_lowercase().contains("ana"), "{shown}");
}

#[test]
fn a_record_is_named_by_type_and_id() {
    let id = Uuid::from_u128(1);
    let contact = RecordRef::contact(id);
    assert_eq!(serde_json::to_value(contact).unwrap(), json!({ "type": "contact", "id": id }));
    assert_eq!(contact.person(), Some(id));
    assert_eq!(RecordRef { record_type: RecordType::Deal, id }.person(), None);
    assert!(serde_json::from_value::<RecordRef>(json!({ "type": "user", "id": id })).is_err());
}
