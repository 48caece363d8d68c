//! What is to be written: new files from templates, and lines in files that list what there is.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{edit::Edit, names::Names};

/// Templates, and where their text goes.
const FILES: &[(&str, &str)] = &[
    (include_str!("../templates/domain.rs"), "domain/src/@context/specimen.rs"),
    (include_str!("../templates/story.rs"), "domain/src/@context/specimen/story.rs"),
    (include_str!("../templates/domain_test.rs"), "domain/tests/domain/specimen.rs"),
    (include_str!("../templates/application.rs"), "application/src/@context/specimens.rs"),
    (include_str!("../templates/up.sql"), "migrations/src/@migration/up.sql"),
    (include_str!("../templates/down.sql"), "migrations/src/@migration/down.sql"),
    (include_str!("../templates/migration.rs"), "migrations/src/@migration/mod.rs"),
    (include_str!("../templates/postgres.rs"), "infrastructure/postgres/src/@context/specimens.rs"),
    (include_str!("../templates/http.rs"), "infrastructure/http/src/@context/specimens.rs"),
    (include_str!("../templates/http_test.rs"), "infrastructure/http/tests/api/specimens.rs"),
];

/// The story's events as they are stored: action and data.
const FIXTURES: &[(&str, &str)] = &[
    (
        "created",
        r#"{
    "description": "As it began",
    "name": "First",
    "owner_id": "00000000-0000-0000-0000-000000000001",
    "project_id": "00000000-0000-0000-0000-000000000002"
  }"#,
    ),
    ("renamed", "{\n    \"name\": \"Second\"\n  }"),
    ("described", "{\n    \"description\": null\n  }"),
    ("owner_changed", "{\n    \"owner_id\": \"00000000-0000-0000-0000-000000000003\"\n  }"),
    ("project_changed", "{\n    \"project_id\": null\n  }"),
    ("deleted", "{}"),
    ("restored", "{}"),
];

/// Files by path below the root, with the text that they are to have.
pub(crate) struct Plan {
    root: PathBuf,
    files: BTreeMap<String, String>,
}

impl Plan {
    /// Works out everything, and writes nothing.
    pub(crate) fn new(root: &Path, names: &Names, date: &str) -> Result<Self, String> {
        let mut plan = Self { root: root.to_owned(), files: BTreeMap::new() };
        let home = format!("domain/src/{}", names.context);
        if !root.join(&home).join("mod.rs").is_file() {
            return Err(format!(
                "{home}: there is no such context; DEV_GUIDE.md, \"A context\", says how one is begun"
            ));
        }
        let lists = plan.text("migrations/src/lib.rs")?;
        let numbers =
            lists.lines().filter_map(|line| line.strip_prefix("mod m")?.split('_').nth(1)?.parse::<u32>().ok());
        let number = numbers.max().unwrap_or(0) + 1;
        let migration = format!("m{date}_{number:06}_{}", names.plural);
        let filled = |text: &str| names.fill(&text.replace("@migration", &migration));
        for (template, path) in FILES {
            plan.add(filled(path), filled(template))?;
        }
        for (action, data) in FIXTURES {
            let event = format!("{}.{action}", names.name);
            let text = format!("{{\n  \"data\": {data},\n  \"schema_version\": 1,\n  \"type\": \"{event}\"\n}}\n");
            plan.add(format!("domain/fixtures/{}/{event}.v1.json", names.name), text)?;
        }
        plan.list(names, &migration)?;
        Ok(plan)
    }

    /// The lines in files that list what there is.
    fn list(&mut self, names: &Names, migration: &str) -> Result<(), String> {
        let filled = |text: &str| names.fill(text);
        let of_context = |layer: &str| format!("{layer}/src/{}/mod.rs", names.context);
        let id = filled("id! {\n    /// @A @noun.\n    SpecimenId\n}\n");
        self.edit("domain/src/ids.rs", |edit| edit.before("\nimpl OrganizationId {", &id))?;
        let domain = filled(
            "pub use specimen::{Specimen, SpecimenChange, SpecimenCommand, SpecimenError, SpecimenEvent, SpecimenProfile};\n",
        );
        self.edit(&of_context("domain"), |edit| Ok(edit.module(&names.name)?.end(&domain)))?;
        let aggregate = filled("            $crate::@context::Specimen,\n");
        self.edit("domain/src/lib.rs", |edit| edit.before_last("        );\n    };\n}", &aggregate))?;
        self.edit("domain/tests/domain/main.rs", |edit| edit.module(&names.name))?;
        let permissions = filled("pub use specimens::{SpecimensRead, SpecimensWrite};\n");
        self.edit(&of_context("application"), |edit| Ok(edit.module(&names.plural)?.end(&permissions)))?;
        let boxed = format!("            Box::new({migration}::Migration),\n");
        self.edit("migrations/src/lib.rs", |edit| {
            edit.before("mod prepare;", &format!("mod {migration};\n"))?.before_last("        ]\n    }", &boxed)
        })?;
        let list = filled("specimens::SpecimenList, ");
        self.edit(&of_context("infrastructure/postgres"), |edit| {
            edit.module(&names.plural)?.after("declare_read_models! {\n    states: [", &list)
        })?;
        let routes = filled("\n        .configure(specimens::routes)");
        self.edit(&of_context("infrastructure/http"), |edit| edit.module(&names.plural)?.before_last(";\n}", &routes))?;
        let tag = filled("        (name = \"specimens\", description = \"@Nouns.\"),\n");
        self.edit("infrastructure/http/src/document/mod.rs", |edit| edit.before("        (name = \"events\",", &tag))?;
        self.edit("infrastructure/http/tests/api/main.rs", |edit| edit.module(&names.plural))?;
        let listed = filled(".with::<fairlead_domain::@context::Specimen>(Listing(store.clone()))");
        self.edit("infrastructure/http/tests/api/memory.rs", |edit| edit.after("AllLists::default()", &listed))
    }

    fn text(&self, path: &str) -> Result<String, String> {
        fs::read_to_string(self.root.join(path)).map_err(|error| format!("{path}: {error}"))
    }

    fn add(&mut self, path: String, text: String) -> Result<(), String> {
        if self.root.join(&path).exists() {
            return Err(format!("{path} is there already"));
        }
        self.files.insert(path, text);
        Ok(())
    }

    fn edit(&mut self, path: &str, change: impl FnOnce(Edit) -> Result<Edit, String>) -> Result<(), String> {
        let edited = change(Edit::new(path, self.text(path)?))?;
        self.files.insert(path.to_owned(), edited.text());
        Ok(())
    }

    /// Writes it; answers what was written.
    pub(crate) fn write(self) -> Result<Vec<String>, String> {
        for (path, text) in &self.files {
            let place = self.root.join(path);
            let folder = place.parent().unwrap_or(&self.root);
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&place, text))
                .map_err(|error| format!("{path}: {error}"))?;
        }
        Ok(self.files.into_keys().collect())
    }
}
