//! The conformance suite notices what is wrong with an aggregate, and says what to do.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use fairlead_application::{memory::MemoryStore, ports::IdGenerator, ports::System};
use fairlead_domain::kernel::{Aggregate, DomainError, ErrorKind, Personal, testing::Story};
use fairlead_testing::conformance::Conformance;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// What is wrong.
const NOTHING: u8 = 0;
const REFUSED: u8 = 1;
const IDLE: u8 = 2;
const FORGETFUL: u8 = 3;
const MISNAMED: u8 = 4;
const CLOSED_FOREVER: u8 = 5;
const BELONGING: u8 = 6;
const UNDELETED: u8 = 7;
const CONFUSED: u8 = 8;
const INDISCREET: u8 = 9;

/// An aggregate with one fault at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Lamp<const FAULT: u8> {
    lit: bool,
    broken: bool,
    /// Not stored.
    #[serde(skip)]
    switched: u32,
}

#[derive(Clone)]
enum LampCommand {
    Hang,
    Light,
    Break,
    Mend,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum LampEvent {
    #[serde(rename = "lamp.hung")]
    Hung {},
    #[serde(rename = "lamp.lit")]
    Lit {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Personal<String>>,
    },
    #[serde(rename = "light.lit")]
    Misnamed {},
    #[serde(rename = "lamp.shone")]
    Shone,
    #[serde(rename = "lamp.broken")]
    Broken {},
    #[serde(rename = "lamp.mended")]
    Mended {},
}

#[derive(Debug, thiserror::Error)]
#[error("there is no such lamp, or it is in the way")]
struct LampError(ErrorKind, &'static str);

impl DomainError for LampError {
    fn kind(&self) -> ErrorKind {
        self.0
    }

    fn code(&self) -> &'static str {
        self.1
    }
}

impl<const FAULT: u8> Aggregate for Lamp<FAULT> {
    const CONTEXT: &'static str = "test";
    const TYPE: &'static str = "lamp";
    const PLURAL: &'static str = "lamps";
    const BELONGS: bool = FAULT == BELONGING;
    type Id = Uuid;
    type Command = LampCommand;
    type Event = LampEvent;
    type Error = LampError;

    fn decide(state: Option<&Self>, command: LampCommand) -> Result<Vec<LampEvent>, LampError> {
        let lit = match FAULT {
            IDLE => vec![],
            MISNAMED => vec![LampEvent::Misnamed {}],
            CLOSED_FOREVER => vec![LampEvent::Shone],
            INDISCREET => vec![LampEvent::Lit { by: Some(String::from("Ana").into()) }],
            _ => vec![LampEvent::Lit { by: None }],
        };
        match (state, command) {
            (None, LampCommand::Hang) => Ok(vec![LampEvent::Hung {}]),
            (None, _) if FAULT == CONFUSED => Err(LampError(ErrorKind::Conflict, "lamp.in_the_way")),
            (None, _) => Err(LampError(ErrorKind::NotFound, "lamp.not_found")),
            (Some(_), LampCommand::Light) if FAULT != REFUSED => Ok(lit),
            (Some(_), LampCommand::Break) => Ok(vec![LampEvent::Broken {}]),
            (Some(_), LampCommand::Mend) => Ok(vec![LampEvent::Mended {}]),
            (Some(_), _) => Err(LampError(ErrorKind::Conflict, "lamp.in_the_way")),
        }
    }

    fn init(event: &LampEvent) -> Option<Self> {
        matches!(event, LampEvent::Hung {}).then_some(Self { lit: false, broken: false, switched: 0 })
    }

    fn apply(&mut self, event: &LampEvent) {
        self.switched += u32::from(FAULT == FORGETFUL);
        match event {
            LampEvent::Hung {} => {}
            LampEvent::Lit { .. } | LampEvent::Misnamed {} | LampEvent::Shone => self.lit = true,
            LampEvent::Broken {} => self.broken = true,
            LampEvent::Mended {} => self.broken = false,
        }
    }

    fn is_deleted(&self) -> bool {
        self.broken && FAULT != UNDELETED
    }
}

impl<const FAULT: u8> Story for Lamp<FAULT> {
    fn story() -> Vec<LampCommand> {
        vec![LampCommand::Hang, LampCommand::Light, LampCommand::Break, LampCommand::Mend]
    }

    fn deletion() -> Option<LampCommand> {
        Some(LampCommand::Break)
    }

    fn restoration() -> Option<LampCommand> {
        Some(LampCommand::Mend)
    }
}

/// A project's fixtures and schemas, of lamps alone.
struct Project(PathBuf);

impl Project {
    fn new() -> Self {
        let root = std::env::temp_dir().join(format!("fairlead_test_{}", System.next().simple()));
        let project = Self(root);
        let lit = |data: Value| json!({ "type": "lamp.lit", "schema_version": 1, "data": data });
        let plain = |name: &str| json!({ "type": name, "schema_version": 1, "data": {} });
        for fixture in [plain("lamp.hung"), lit(json!({})), plain("lamp.broken"), plain("lamp.mended")] {
            let name = format!("domain/fixtures/lamp/{}.v1.json", fixture["type"].as_str().unwrap());
            project.write(&name, &fixture);
            let schema = format!("guides/contracts/events/{}.v1.json", fixture["type"].as_str().unwrap());
            project.write(&schema, &json!({ "type": "object" }));
        }
        project
    }

    fn write(&self, path: &str, value: &Value) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    }

    /// What the suite says of a lamp with a fault; `None` when it finds none.
    async fn told<const FAULT: u8>(&self) -> Option<String> {
        let suite = Conformance::below(self.0.clone(), Arc::new(MemoryStore::default()));
        let told = tokio::spawn(async move { suite.check::<Lamp<FAULT>>().await }).await.err()?.into_panic();
        Some(told.downcast::<String>().map_or_else(|_| "a text".to_owned(), |told| *told))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        drop(fs::remove_dir_all::<&Path>(&self.0));
    }
}

#[track_caller]
fn says(told: Option<String>, expected: &str) {
    let told = told.unwrap_or_else(|| panic!("nothing is found wrong, instead of: {expected}"));
    assert!(told.contains(expected), "{told}\nis not: {expected}");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_what_to_do() {
    let project = Project::new();
    assert_eq!(project.told::<NOTHING>().await, None);
    says(project.told::<REFUSED>().await, "lamp: command 1 is refused; let each command of the story follow");
    says(project.told::<IDLE>().await, "lamp: command 1 of the story changes nothing; leave it out");
    says(
        project.told::<FORGETFUL>().await,
        "lamp: the stored events fold to another state than the stored one: apply()",
    );
    says(project.told::<MISNAMED>().await, "light.lit: call it lamp.<what happened>");
    says(project.told::<CLOSED_FOREVER>().await, "lamp.shone: its data are no object; give its variant braces");
    says(project.told::<BELONGING>().await, "lamp: BELONGS says whether belongs() answers something");
    says(project.told::<UNDELETED>().await, "lamp: after deletion() of its story is_deleted() answers true");
    says(project.told::<CONFUSED>().await, "with the code lamp.not_found");
    says(project.told::<INDISCREET>().await, "its events hold Personal<…>: add an event `erased`");
}

#[tokio::test]
async fn what_is_missing_is_told_with_how_it_is_made() {
    let project = Project::new();
    let schema = project.0.join("guides/contracts/events/lamp.lit.v1.json");
    let text = fs::read(&schema).unwrap();
    fs::remove_file(&schema).unwrap();
    says(project.told::<NOTHING>().await, "lamp.lit version 1 has no schema: run `make docs`, and commit it");
    let other = json!({ "type": "object", "required": ["by"] });
    project.write("guides/contracts/events/lamp.lit.v1.json", &other);
    says(project.told::<NOTHING>().await, "lamp.lit: its schema promises another shape");
    fs::write(&schema, text).unwrap();
    let changed = json!({ "type": "lamp.lit", "schema_version": 1, "data": { "by": null } });
    project.write("domain/fixtures/lamp/lamp.lit.v1.json", &changed);
    says(project.told::<NOTHING>().await, "the shape changed; keep it, or make it a new version");
    let fixture = project.0.join("domain/fixtures/lamp/lamp.lit.v1.json");
    fs::remove_file(fixture).unwrap();
    says(
        project.told::<NOTHING>().await,
        "FAIRLEAD_TEST_WRITE_FIXTURES=1 make test ARGS='--test engine conforms' writes it",
    );
    project.write(
        "domain/fixtures/lamp/lamp.lit.v1.json",
        &json!({ "type": "lamp.lit", "schema_version": 1, "data": [] }),
    );
    says(project.told::<NOTHING>().await, "old events decode forever; give what they lack #[serde(default)]");
    project.write(
        "domain/fixtures/lamp/lamp.lit.v1.json",
        &json!({ "type": "lamp.lit", "schema_version": 1, "data": {} }),
    );
    let unused = json!({ "type": "lamp.shone", "schema_version": 1, "data": null });
    project.write("domain/fixtures/lamp/lamp.shone.v1.json", &unused);
    says(project.told::<NOTHING>().await, "the story does not touch this event; add a command to it");
}
