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

/// What is wrong with the routes of a source, and how many there are.
fn mistakes(text: &str) -> (Vec<String>, usize) {
    let (mut mistakes, mut count) = (Vec::new(), 0);
    for method in ["get", "put", "post", "patch", "delete"] {
        for (at, _) in text.match_indices(&format!("\n#[{method}(\"")) {
            let (before, after) = (&text[..at], &text[at + 1..]);
            let route = after.lines().next().unwrap();
            count += 1;
            let documented = before.rfind("#[utoipa::path(").filter(|begin| !before[*begin..].contains("async fn "));
            let Some(documented) = documented else {
                mistakes.push(format!("{route} has no #[utoipa::path(…)]"));
                continue;
            };
            let promised = between(&before[documented..], "Auth::<", ">::SCOPE");
            let demanded = between(after.split(" {\n").next().unwrap(), "Auth<", ">");
            if promised != demanded {
                mistakes.push(format!("{route}: the document says {promised:?}, the arguments demand {demanded:?}"));
            }
        }
    }
    (mistakes, count)
}

#[test]
fn every_route_is_documented_and_demands_the_permission_that_it_documents() {
    let mut all = 0;
    for (path, text) in files(&root().join("infrastructure/http/src"), ".rs") {
        let (mistakes, count) = mistakes(&text);
        let place = shown(&path);
        assert!(mistakes.is_empty() || place == BESIDE, "{place}: {mistakes:?}");
        all += count;
    }
    assert!(all >= 60, "this test finds {all} routes only");
}

#[test]
fn a_route_that_demands_something_else_is_found() {
    let route = |promised: &str, demanded: &str| {
        format!(
            "#[utoipa::path(security((\"bearer\" = [Auth::<{promised}>::SCOPE])))]\n#[get(\"/x\")]\nasync fn x(cx: Auth<{demanded}>) {{\n}}\n"
        )
    };
    assert_eq!(mistakes(&route("Read", "Read")), (vec![], 1));
    assert_eq!(mistakes(&(route("Read", "Read") + &route("Read", "Write"))).0.len(), 1);
    let undocumented = route("Read", "Read") + "\n#[post(\"/y\")]\nasync fn y() {\n}\n";
    assert_eq!(mistakes(&undocumented).0, ["#[post(\"/y\")] has no #[utoipa::path(…)]"]);
}
