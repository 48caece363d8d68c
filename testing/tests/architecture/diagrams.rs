//! The pages of records, held against what the code decides.

use std::fs;

use fairlead_testing::diagrams::{diagrams, drawn_into};

use crate::root;

#[test]
fn every_page_shows_what_the_code_decides() {
    let folder = root().join("guides/domain");
    let mut pages: Vec<_> = fs::read_dir(&folder).unwrap().map(|page| page.unwrap().path()).collect();
    pages.retain(|page| !page.ends_with("README.md"));
    for (aggregate, diagram) in diagrams() {
        let path = folder.join(format!("{aggregate}.md"));
        let Ok(page) = fs::read_to_string(&path) else { continue };
        pages.retain(|page| *page != path);
        let shown = drawn_into(&page, &diagram).as_ref() == Some(&page);
        assert!(shown, "guides/domain/{aggregate}.md: run `make docs`, and commit it");
    }
    assert!(pages.is_empty(), "pages without an aggregate: {pages:?}");
}
