//! Rights, and what identity adds to the value objects.

use std::net::IpAddr;

use fairlead_domain::values::{Description, ExternalSubject, Grant, Label, Origin, Over, Permission, Provider};
use serde_json::json;

fn permission(text: &str) -> Permission {
    Permission::new(text).unwrap()
}

#[test]
fn a_permission_has_a_resource_and_an_action_or_stars() {
    let longest = format!("{0}:{0}", "a".repeat(64));
    for text in ["contacts:read", "a:b", "contacts:*", "*:read", "*:*", "api_keys:rotate_2", &longest] {
        assert_eq!(permission(text).as_str(), text);
        assert_eq!(permission(text).to_string(), text);
    }
    let too_long = format!("{}:read", "a".repeat(65));
    for text in [
        "",
        ":",
        "contacts",
        "contacts:",
        ":read",
        "Contacts:read",
        "contacts:read:all",
        "contacts: read",
        " contacts:read",
        "contacts:r*",
        "**:read",
        "1a:read",
        "_a:read",
        "a-b:read",
        "é:read",
        "a\0:read",
        &too_long,
    ] {
        assert_eq!(Permission::new(text).unwrap_err().code, "permission.invalid", "{text:?}");
    }
}

#[test]
fn a_pattern_covers_what_it_names_and_no_more() {
    for (pattern, resource, action, covered) in [
        ("contacts:read", "contacts", "read", true),
        ("contacts:read", "contacts", "write", false),
        ("contacts:read", "projects", "read", false),
        ("contacts:*", "contacts", "write", true),
        ("contacts:*", "contacts_old", "write", false),
        ("*:read", "projects", "read", true),
        ("*:read", "projects", "write", false),
        ("*:*", "projects", "write", true),
    ] {
        assert_eq!(permission(pattern).covers(resource, action), covered, "{pattern} {resource}:{action}");
    }
    assert_eq!((permission("a:b").resource(), permission("a:b").action()), ("a", "b"));
}

#[test]
fn a_grant_is_written_with_what_it_is_over() {
    for (over, text) in [(Over::All, "all"), (Over::Projects, "projects"), (Over::Own, "own")] {
        let grant = Grant { permission: permission("contacts:*"), over };
        let json = json!({ "permission": "contacts:*", "over": text });
        assert_eq!(serde_json::to_value(&grant).unwrap(), json);
        assert_eq!(serde_json::from_value::<Grant>(json).unwrap(), grant);
    }
    assert!(Over::All < Over::Projects && Over::Projects < Over::Own);
}

#[test]
fn a_label_is_a_line_of_up_to_100_characters_and_the_same_in_any_case() {
    assert_eq!(Label::new("  Ventas 2026 ").unwrap().as_str(), "Ventas 2026");
    assert_eq!(Label::new("ÄRGER").unwrap().normalized(), "ärger");
    for text in ["", " ", "a\nb", "a\0", &"ü".repeat(101)] {
        assert_eq!(Label::new(text).unwrap_err().code, "name.invalid", "{text:?}");
    }
    assert_eq!(Description::new(&"ü".repeat(500)).unwrap().as_str().chars().count(), 500);
    for text in ["", "a\nb", &"ü".repeat(501)] {
        assert_eq!(Description::new(text).unwrap_err().code, "description.invalid", "{text:?}");
    }
}

#[test]
fn a_provider_has_a_short_name_and_calls_people_as_it_likes() {
    for text in ["google", "keycloak-2", "my_idp", &"a".repeat(40)] {
        assert_eq!(Provider::new(text).unwrap().as_str(), text);
    }
    for text in ["", "Google", "a b", "2a", "a|b", "é", &"a".repeat(41)] {
        assert_eq!(Provider::new(text).unwrap_err().code, "provider.invalid", "{text:?}");
    }
    assert_eq!(ExternalSubject::new("auth0|5f7c8e").unwrap().as_str(), "auth0|5f7c8e");
    for text in ["", "a\0", &"a".repeat(256)] {
        assert_eq!(ExternalSubject::new(text).unwrap_err().code, "subject.invalid", "{text:?}");
    }
}

#[test]
fn an_origin_keeps_what_is_of_use_and_shows_nothing() {
    let address: IpAddr = "2001:db8::1".parse().unwrap();
    let origin = Origin::new(Some(address), Some(&format!(" \u{1b}[31mCurl\0{}", "x".repeat(400))));
    assert_eq!(origin.user_agent().map(|text| (&text[..8], text.chars().count())), Some(("[31mCurl", 300)));
    assert_eq!(format!("{origin:?}"), "Origin(…)");
    let json = serde_json::to_value(&origin).unwrap();
    assert_eq!(json["address"], "2001:db8::1");
    assert_eq!(serde_json::from_value::<Origin>(json).unwrap(), origin);
    let unknown = Origin::new(None, Some(" \n "));
    assert_eq!(serde_json::to_value(&unknown).unwrap(), json!({}));
    assert_eq!(unknown.user_agent(), None);
}
