//! Layers, as crates: what each may be built from.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::LazyLock,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

use crate::root;

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

pub(crate) fn members() -> Vec<&'static Package> {
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

/// The lints of the workspace hold in every crate: among them, that whatever is public is documented.
#[test]
fn every_crate_is_held_to_the_lints_of_the_workspace() {
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("missing_docs = \"warn\""), "public items are documented: CI denies the warning");
    for package in members() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}: add `[lints] workspace = true`", package.name);
    }
}
