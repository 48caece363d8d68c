//! What belongs together: migrations, tables, fixtures.

use std::fs;

use fairlead_application::registry::AGGREGATES;

use crate::{files, root, shown};

#[test]
fn every_migration_has_a_way_back() {
    let folder = root().join("migrations/src");
    let list = fs::read_to_string(folder.join("lib.rs")).unwrap();
    let migrations = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let migrations: Vec<_> = migrations.collect();
    assert!(!migrations.is_empty(), "this test looks in the wrong folder");
    for migration in migrations {
        let name = migration.file_name().unwrap().to_string_lossy().into_owned();
        for way in ["up.sql", "down.sql"] {
            let text = fs::read_to_string(migration.join(way)).unwrap_or_default();
            assert!(!text.trim().is_empty(), "{}/{way} is missing: every migration can be undone", shown(&migration));
        }
        assert!(
            list.contains(&format!("{name}::Migration")),
            "{name} is not in Migrator::migrations: add it at the end"
        );
    }
}

#[test]
fn every_aggregate_has_fixtures_and_every_fixture_an_aggregate() {
    let fixtures = root().join("domain/fixtures");
    for aggregate in AGGREGATES {
        let folder = fixtures.join(aggregate.name);
        let count = if folder.is_dir() { files(&folder, ".json").len() } else { 0 };
        let how = "run the tests once with FAIRLEAD_TEST_WRITE_FIXTURES=1, and commit what they write";
        assert!(count > 0, "{} has no fixtures: {how}", shown(&folder));
        let home = root().join("domain/src").join(aggregate.context);
        assert!(home.is_dir(), "{} has no folder {}: name its context after it", aggregate.name, shown(&home));
    }
    for entry in fs::read_dir(&fixtures).unwrap() {
        let folder = entry.unwrap().path();
        let known = AGGREGATES.iter().any(|aggregate| folder.ends_with(aggregate.name));
        assert!(known, "{}: stored events decode forever; add the aggregate to for_each_aggregate!", shown(&folder));
    }
}

/// The catalog test asks the database; this one tells at once, and where.
#[test]
fn every_table_with_a_tenant_calls_for_its_policies() {
    let scripts = files(&root().join("migrations/src"), ".sql");
    let all: String = scripts.iter().map(|(_, text)| text.as_str()).collect();
    let mut count = 0;
    for (path, text) in scripts.iter().filter(|(path, _)| !path.ends_with("down.sql")) {
        for (at, _) in text.match_indices("create table ") {
            let rest = &text[at + "create table ".len()..];
            let (name, columns) = rest.split_once('(').unwrap();
            let (name, columns) =
                (name.trim().trim_start_matches("if not exists "), columns.split(");").next().unwrap());
            // A partition is under the policies of its table, and a table made in a function under what that calls.
            if !columns.contains("tenant_id") || name.contains(['%', ' ', '\'']) {
                continue;
            }
            let protected = all.contains(&format!("engine.protect('{name}')"));
            assert!(protected, "{}: {name} has a tenant; call engine.protect('{name}')", shown(path));
            count += 1;
        }
    }
    assert!(count >= 10, "this test finds {count} tables only");
}

/// The names that stand before `after` where a line begins with `before`.
fn named(text: &str, before: &str, after: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(before)?.split_once(after));
    lines.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_aggregate_is_registered() {
    let list = fs::read_to_string(root().join("domain/src/lib.rs")).unwrap();
    let mut count = 0;
    for (path, text) in files(&root().join("domain/src"), ".rs") {
        for name in named(&text, "impl Aggregate for ", " {") {
            let registered = list.contains(&format!("::{name},"));
            assert!(registered, "{}: {name} is not in for_each_aggregate! of domain/src/lib.rs: add it", shown(&path));
            count += 1;
        }
    }
    assert_eq!(count, AGGREGATES.len());
}

#[test]
fn every_policy_is_at_work() {
    let program = fs::read_to_string(root().join("bins/fairlead/src/serve.rs")).unwrap();
    let policies = files(&root().join("application/src"), ".rs").into_iter();
    let policies: Vec<_> = policies.flat_map(|(_, text)| named(&text, "impl Policy for ", " {")).collect();
    assert!(!policies.is_empty(), "this test looks in the wrong folder");
    for policy in policies {
        let known = program.contains(&format!("{policy}::"));
        assert!(known, "{policy} is not in `policies` of bins/fairlead/src/serve.rs: add it, or no worker runs it");
    }
}

/// Whoever adds a command or a refusal tests it; that all of it holds in every state is for review.
#[test]
fn every_command_and_every_refusal_is_tested() {
    let shared: String = files(&root().join("domain/tests"), ".rs").into_iter().map(|(_, text)| text).collect();
    for aggregate in AGGREGATES {
        let home = root().join("domain/src").join(aggregate.context);
        let own = |path: &std::path::Path| {
            let place = shown(path);
            let file = format!("/{}.rs", aggregate.name);
            place.ends_with(&file) || place.contains(&format!("/{}/", aggregate.name))
        };
        let sources: String =
            files(&home, ".rs").into_iter().filter(|(path, _)| own(path)).map(|(_, text)| text).collect();
        // Those of one aggregate may be several files: user.rs, user_sign_in.rs.
        let folder = files(&root().join("domain/tests/domain"), ".rs").into_iter();
        let of_it = |path: &std::path::Path| {
            path.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with(aggregate.name))
        };
        let tests: String = folder.filter(|(path, _)| of_it(path)).map(|(_, text)| text).collect();
        assert!(
            !tests.is_empty(),
            "domain/tests/domain/{}.rs is missing: given, when, then for every command",
            aggregate.name
        );
        let code = format!("=> \"{}.", aggregate.name);
        let codes: Vec<_> =
            sources.match_indices(&code).filter_map(|(at, _)| sources[at + 4..].split('"').next()).collect();
        assert!(codes.len() >= 2, "{}: its refusals are not found", aggregate.name);
        for code in codes {
            assert!(
                tests.contains(&format!("\"{code}\"")),
                "domain/tests/domain/{}.rs sees nothing refused with {code}",
                aggregate.name
            );
        }
        let kind = sources.split("Command {\n").next().and_then(|before| before.rsplit(' ').next()).unwrap();
        let commands = sources.split("Command {\n").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
        let variants = commands
            .lines()
            .filter_map(|line| line.strip_prefix("    "))
            .filter(|line| line.starts_with(char::is_uppercase));
        for variant in variants {
            let name: String = variant.chars().take_while(|c| c.is_alphanumeric()).collect();
            // By its own name, or by that of its enumeration too where several share it.
            let whole = format!("{kind}Command::{name}");
            let given = tests.split(|c: char| !c.is_alphanumeric()).any(|word| word == name) || shared.contains(&whole);
            assert!(given, "domain/tests/domain/{}.rs gives no command {name}", aggregate.name);
        }
    }
}
