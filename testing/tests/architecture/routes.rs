//! Every route stands in the document, and demands what the document says.

use std::collections::BTreeSet;

use crate::{files, root, shown};

/// The names between `before` and `after`, wherever they stand.
fn between<'t>(text: &'t str, before: &str, after: &str) -> BTreeSet<&'t str> {
    let rest = text.match_indices(before).map(|(at, _)| &text[at + before.len()..]);
    rest.filter_map(|rest| rest.split_once(after).map(|(name, _)| name)).collect()
}

/// Routes of the operations port, which has no document.
const BESIDE: &str = "infrastructure/http/src/operations.rs";

#[test]
fn every_route_is_documented_and_demands_the_permission_that_it_documents() {
    let mut count = 0;
    let methods = ["get", "put", "post", "patch", "delete"];
    for (path, text) in files(&root().join("infrastructure/http/src"), ".rs") {
        let routes = methods
            .iter()
            .flat_map(|method| text.match_indices(&format!("\n#[{method}(\"")).map(|(at, _)| at).collect::<Vec<_>>());
        for at in routes.filter(|_| shown(&path) != BESIDE) {
            let (before, after) = (&text[..at], &text[at + 1..]);
            let route = after.lines().next().unwrap();
            let documented = before.rfind("#[utoipa::path(").filter(|begin| !before[*begin..].contains("\nasync fn"));
            assert!(documented.is_some(), "{}: {route} has no #[utoipa::path(…)]", shown(&path));
            let promised = between(&before[documented.unwrap()..], "Auth::<", ">::SCOPE");
            let demanded = between(after.split(" {\n").next().unwrap(), "Auth<", ">");
            let place = shown(&path);
            assert_eq!(
                promised, demanded,
                "{place}: {route}: what the document says and what the argument `Auth<…>` demands"
            );
            count += 1;
        }
    }
    assert!(count >= 60, "this test finds {count} routes only");
}
