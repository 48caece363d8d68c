//! How the sources are written.

use std::{collections::BTreeSet, fs};

use crate::{files, root, shown, sources};

#[test]
fn a_file_is_one_idea() {
    for (path, text) in sources() {
        let (name, lines) = (shown(&path), text.lines().count());
        assert!(lines <= 400, "{name} has {lines} lines, 400 are allowed: split it by idea");
    }
}

#[test]
fn no_lint_is_silenced_for_good() {
    for (path, text) in sources() {
        for attribute in [concat!("#[", "allow("), concat!("#![", "allow(")] {
            assert!(
                !text.contains(attribute),
                "{}: write #[expect(…, reason = …)], which ends by itself",
                shown(&path)
            );
        }
    }
}

#[test]
fn no_test_is_skipped() {
    for (path, text) in sources() {
        let ignored = text.contains(concat!("#[", "ignore"));
        assert!(!ignored, "{}: make the test pass or delete it", shown(&path));
    }
}

#[test]
fn every_file_of_the_domain_says_what_it_is() {
    for (path, text) in files(&root().join("domain/src"), ".rs") {
        // A file of a single value says it beside the type.
        let single_value = shown(&path).starts_with("domain/src/values/");
        let explained = text.starts_with("//! ") || (single_value && text.contains("/// "));
        assert!(explained, "{}: begin with a `//!` sentence that says what lives here", shown(&path));
    }
}

/// The modules that paths beginning with `prefix` name first: `crate::{ids::UserId, kernel::fold}` names two.
fn named_after(prefix: &str, source: &str) -> BTreeSet<String> {
    let identifier = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let code: String =
        source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join(" ");
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = code[at + prefix.len()..].trim_start();
        let Some(group) = rest.strip_prefix('{') else {
            named.insert(identifier(rest));
            continue;
        };
        let (mut depth, mut item) = (0, String::new());
        for character in group.chars() {
            match character {
                '}' if depth == 0 => break,
                ',' if depth == 0 => drop(named.insert(identifier(std::mem::take(&mut item).trim()))),
                _ => {
                    depth += i32::from(character == '{') - i32::from(character == '}');
                    item.push(character);
                }
            }
        }
        named.insert(identifier(item.trim()));
    }
    named.remove("");
    named
}

#[test]
fn paths_are_found_however_they_are_written() {
    let source = "
        use crate::{
            ids::{ContactId, UserId}, // crate::never
            kernel::Aggregate,
        };
        fn f() -> crate::sales::Deal { crate :: unseen }
        //! crate::nor_this
        use crate::values::{Tag};
    ";
    let names: Vec<_> = named_after("crate::", source).into_iter().collect();
    assert_eq!(names, ["ids", "kernel", "sales", "values"]);
}

#[test]
fn contexts_know_each_other_only_through_ids_and_events() {
    let domain = root().join("domain/src");
    let folders = fs::read_dir(&domain).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let folders: Vec<_> = folders.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(folders.iter().any(|folder| folder == "crm"), "this test looks in the wrong folder");
    for folder in &folders {
        let mut allowed = vec![folder.as_str()];
        allowed.extend_from_slice(match folder.as_str() {
            "kernel" => &["ids"],
            "values" => &["kernel"],
            _ => &["ids", "kernel", "values"],
        });
        for (path, text) in files(&domain.join(folder), ".rs") {
            for name in named_after("crate::", &text) {
                assert!(
                    allowed.contains(&name.as_str()),
                    "{} names crate::{name}: {folder} may know {allowed:?} alone; refer by an id, or react to an event",
                    shown(&path)
                );
            }
            for name in named_after("super::", &text) {
                let other = name != *folder && folders.contains(&name) && !allowed.contains(&name.as_str());
                assert!(!other, "{} names super::{name}: refer by an id, or react to an event", shown(&path));
            }
        }
    }
}

/// Clippy refuses them where it knows them by name; here nothing of the kind is so much as written.
#[test]
fn the_domain_has_neither_clock_nor_chance() {
    let banned = [
        "::now(",
        "SystemTime",
        "Instant::",
        "new_v4",
        "now_v7",
        "rand::",
        "random(",
        "getrandom",
        "async fn",
        "std::fs",
        "std::env",
    ];
    for (path, text) in files(&root().join("domain/src"), ".rs") {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let found = banned.iter().find(|banned| line.contains(**banned));
            let place = format!("{}:{}", shown(&path), number + 1);
            assert!(found.is_none(), "{place} has {}: let the command bring it", found.unwrap());
        }
    }
}
