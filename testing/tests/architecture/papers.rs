//! What the papers refer to is there.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{root, shown};

/// Every page: at the root, in the guides, and beside what it explains.
fn pages() -> Vec<(std::path::PathBuf, String)> {
    let pages = crate::files(&root(), ".md");
    let pages: Vec<_> = pages.into_iter().filter(|(path, _)| !shown(path).contains("node_modules")).collect();
    assert!(pages.iter().any(|(path, _)| path.ends_with("DEV_GUIDE.md")), "nothing is searched");
    pages
}

/// As a heading is named in an address.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn headings(text: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let lines = text.lines().filter(move |line| {
        in_code ^= line.starts_with("```");
        !in_code && line.starts_with('#')
    });
    lines.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for (path, text) in pages() {
        let folder = path.parent().unwrap();
        for target in text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split(')').next()) {
            if target.contains("://") || target.starts_with("mailto:") || target.contains(' ') {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let page = if file.is_empty() { path.clone() } else { folder.join(file) };
            assert!(page.exists(), "{}: there is no {target}", shown(&path));
            if !heading.is_empty() && page.extension().is_some_and(|extension| extension == "md") {
                let headings = headings(&fs::read_to_string(&page).unwrap());
                assert!(headings.contains(heading), "{}: {} has no heading #{heading}", shown(&path), shown(&page));
            }
            count += 1;
        }
    }
    assert!(count >= 100, "this test finds {count} links only");
}

/// A checklist whose files are gone leads astray.
#[test]
fn every_file_that_the_checklists_name_is_there() {
    let text = fs::read_to_string(root().join("DEV_GUIDE.md")).unwrap();
    let named = text.split('`').skip(1).step_by(2).filter(|name| {
        name.contains('/')
            && !name.contains(['<', ' ', '*', '{', '…', ':', '@', '$', '='])
            && Path::new(name).is_relative()
    });
    let mut count = 0;
    for name in named {
        assert!(root().join(name).exists(), "DEV_GUIDE.md names {name}, which is not there");
        count += 1;
    }
    assert!(count >= 10, "this test finds {count} files only");
}
