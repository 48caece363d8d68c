//! The layers, held against what `cargo metadata` and the sources say. Each failure says what to do.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use fairlead_application::registry::AGGREGATES;

/// What the workspace is built from, on this machine's platform: of others' dependencies not even the manifests need
/// have been downloaded.
static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let version = Command::new(cargo).arg("-vV").output().expect("cargo");
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo -vV names the host");
    let options = ["--filter-platform", host].map(str::to_owned);
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).other_options(options).exec().unwrap()
});

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

// Crates

fn members() -> Vec<&'static Package> {
    METADATA.workspace_packages()
}

fn member(name: &str) -> &'static Package {
    members().into_iter().find(|package| package.name == name).expect("a crate of the workspace")
}

/// The workspace's folder in which a crate lies: `infrastructure`, `bins`, or the crate's own.
fn layer(package: &Package) -> &str {
    let folder = package.manifest_path.strip_prefix(&METADATA.workspace_root).unwrap();
    folder.components().next().unwrap().as_str()
}

fn direct(package: &PackageId, kinds: &[DependencyKind]) -> BTreeSet<&'static PackageId> {
    let nodes = &METADATA.resolve.as_ref().unwrap().nodes;
    let node = nodes.iter().find(|node| node.id == *package).unwrap();
    let wanted = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kinds.contains(&kind.kind)));
    wanted.map(|dep| &dep.pkg).collect()
}

/// Everything a crate is built from, by name, each with the crate that brings it in.
fn built_from(package: &Package) -> BTreeMap<&'static str, &'static str> {
    let name = |id: &PackageId| METADATA.packages.iter().find(|package| package.id == *id).unwrap().name.as_str();
    let (mut found, mut open) = (BTreeMap::new(), vec![package.id.clone()]);
    while let Some(id) = open.pop() {
        for dependency in direct(&id, &[DependencyKind::Normal]) {
            if found.insert(name(dependency), name(&id)).is_none() {
                open.push(dependency.clone());
            }
        }
    }
    found
}

fn is_built_from_none_of(crate_name: &str, banned: &[&str], instead: &str) {
    let found = built_from(member(crate_name));
    for name in banned {
        let by = found.get(name);
        assert!(by.is_none(), "{crate_name} is built from {name}, which {} brings in: {instead}", by.unwrap());
    }
}

#[test]
fn the_domain_is_pure() {
    let banned = ["tokio", "sea-orm", "sqlx", "tokio-postgres", "actix-web", "lapin", "reqwest", "async-trait"];
    is_built_from_none_of("fairlead-domain", &banned, "take the fact as a part of the command, from the application");
}

#[test]
fn the_application_knows_no_adapter() {
    let banned = ["sea-orm", "sqlx", "tokio-postgres", "actix-web", "lapin", "reqwest", "utoipa"];
    is_built_from_none_of(
        "fairlead-application",
        &banned,
        "declare a port in application, and implement it in infrastructure",
    );
}

#[test]
fn typed_events_are_lighter_still() {
    let banned =
        ["fairlead-application", "tokio", "lapin", "sea-orm", "sqlx", "tokio-postgres", "actix-web", "reqwest"];
    is_built_from_none_of(
        "fairlead-events",
        &banned,
        "whoever reads an event, from wherever, carries what it is built from",
    );
}

#[test]
fn the_consumer_kit_is_light() {
    let banned = ["fairlead-application", "sea-orm", "sqlx", "actix-web", "reqwest", "utoipa"];
    is_built_from_none_of("fairlead-consumer", &banned, "services of others carry what it is built from");
}

#[test]
fn a_search_of_dependencies_finds_what_is_there() {
    let application = built_from(member("fairlead-application"));
    assert_eq!(application.get("fairlead-domain"), Some(&"fairlead-application"));
    assert!(application.contains_key("email_address"), "what the domain brings in");
    assert!(built_from(member("fairlead-postgres")).contains_key("tokio-postgres"));
}

#[test]
fn dependencies_point_one_way() {
    for package in members() {
        let below: &[&str] = match layer(package) {
            "domain" | "migrations" => &[],
            "application" | "events" => &["domain"],
            // Other services are built with it: it brings nothing of Fairlead but the events' types.
            "consumer" => &["domain", "events"],
            // Sending mail is consuming events.
            "infrastructure" if package.name == "fairlead-mail" => &["domain", "application", "consumer"],
            "infrastructure" => &["domain", "application"],
            "testing" => &["domain", "application", "infrastructure", "migrations"],
            "bins" => &["domain", "events", "application", "consumer", "infrastructure", "migrations", "testing"],
            other => {
                panic!("{other}/ is no known layer: give it its place in this test and in the guides")
            }
        };
        let members = members();
        for id in direct(&package.id, &[DependencyKind::Normal, DependencyKind::Build]) {
            let Some(dependency) = members.iter().find(|member| member.id == *id) else { continue };
            assert!(
                below.contains(&layer(dependency)),
                "{} depends on {}: {}/ may know {below:?} alone; move what both need down, or wire them in bins/",
                package.name,
                dependency.name,
                layer(package),
            );
        }
    }
}

#[test]
fn nothing_depends_on_a_program() {
    let programs: Vec<_> = members().into_iter().filter(|package| layer(package) == "bins").collect();
    assert!(!programs.is_empty(), "this test looks in the wrong folder");
    let kinds = [DependencyKind::Normal, DependencyKind::Build, DependencyKind::Development];
    for package in members() {
        let dependencies = direct(&package.id, &kinds);
        for program in &programs {
            let (user, used) = (&package.name, &program.name);
            assert!(!dependencies.contains(&program.id), "{user} depends on {used}: move what it needs into a library");
        }
    }
}

#[test]
fn there_is_one_implementation_of_tls() {
    for banned in ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"] {
        let found = METADATA.packages.iter().any(|package| package.name == banned);
        assert!(!found, "{banned} is built: run `cargo tree -i {banned}`, and choose rustls with ring there");
    }
}

// Sources

/// Files with one of these endings under a folder, with their text, without what is built or hidden.
fn files(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(files(&path, ending));
        } else if path.is_file() && name.ends_with(ending) {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// Every Rust file of the workspace.
fn sources() -> Vec<(PathBuf, String)> {
    let sources: Vec<_> = members()
        .iter()
        .flat_map(|package| files(package.manifest_path.parent().unwrap().as_std_path(), ".rs"))
        .collect();
    assert!(sources.iter().any(|(path, _)| path.ends_with("testing/tests/architecture.rs")), "nothing is searched");
    sources
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Tables of data, which may be long.
const LONG: &[&str] = &[];

#[test]
fn a_file_is_one_idea() {
    for (path, text) in sources() {
        let (name, lines) = (shown(&path), text.lines().count());
        let fits = lines <= 400 || LONG.contains(&name.as_str());
        assert!(fits, "{name} has {lines} lines, 400 are allowed: split it by idea, or list a table of data in LONG");
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

// What belongs together

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
