//! The contract as it is committed, and how it becomes another.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::Path,
};

use serde_json::Value;

use super::{EventContract, SINCE, asyncapi, catalogue, compatibility::breaks, root};

/// What was promised so far, by file name.
#[derive(Debug, Clone, Default)]
pub struct Promised(BTreeMap<String, EventContract>);

/// The Rust types don't keep what was promised. `Display` says what, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused(pub Vec<String>);

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the contract of events is broken:")?;
        self.0.iter().try_for_each(|reason| writeln!(f, "  {reason}"))?;
        f.write_str(
            "Those who read events rely on every version that was ever published. In this order of preference:\n  \
             1. add a field: #[serde(default, skip_serializing_if = …)];\n  \
             2. add an event of another name;\n  \
             3. make it a new version: raise the event in `schema_version`, lift older data in `upcast`, leave the old fixture \
             and the old schema where they are;\n\
             then run `make docs`. DEV_GUIDE.md, \"A change of an event\", has an example.\n\
             What no release has yet may be changed: delete its files in domain/fixtures and guides/contracts/events, and have \
             both written again.",
        )
    }
}

impl Promised {
    /// Reads the schemas of a folder.
    ///
    /// # Errors
    /// A file can't be read, or is no schema of an event.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut promised = Self::default();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            promised
                .add(&name, &fs::read_to_string(&path)?)
                .map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        }
        Ok(promised)
    }

    /// Adds what a file holds.
    ///
    /// # Errors
    /// It is no schema of an event.
    pub fn add(&mut self, file_name: &str, text: &str) -> Result<(), String> {
        let named = file_name.strip_suffix(".json").and_then(|name| name.rsplit_once(".v"));
        let (event_type, version) = named.ok_or("is not named <event>.v<version>.json")?;
        let version = version.parse().map_err(|_| "has no version in its name")?;
        let schema = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let contract = EventContract { event_type: event_type.to_owned(), version, schema };
        self.0.insert(file_name.to_owned(), contract);
        Ok(())
    }

    /// The same without what is not to be kept.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&EventContract) -> bool) -> Self {
        self.0.retain(|_, event| keep(event));
        self
    }

    /// Every version of every event, by name and version.
    pub fn contracts(&self) -> impl Iterator<Item = &EventContract> {
        self.0.values()
    }

    /// What has to be promised from now on: what was, and what the types add to it.
    ///
    /// # Errors
    /// The types don't keep what was promised.
    pub fn keeping(&self, derived: Vec<EventContract>, since: &str) -> Result<Self, Refused> {
        let mut reasons = Vec::new();
        let today: BTreeMap<_, _> = derived.iter().map(|event| (event.event_type.clone(), event.version)).collect();
        for event in self.contracts() {
            let name = &event.event_type;
            match today.get(name) {
                None => reasons.push(format!("{name}: there is no such event any more, or it has another name")),
                Some(version) if event.version > *version => {
                    reasons.push(format!(
                        "{name}: version {} was promised, and it is written as {version}",
                        event.version
                    ));
                }
                Some(_) => {}
            }
        }
        let mut kept = self.clone();
        for mut event in derived {
            let file_name = event.file_name();
            let before = self.0.get(&file_name);
            let broken = before.map(|before| breaks(&before.schema, &event.schema)).unwrap_or_default();
            reasons.extend(broken.iter().map(|broken| format!("{}: {broken}", event.event_type)));
            let known_since = before.and_then(|before| before.schema[SINCE].as_str());
            event.schema[SINCE] = known_since.unwrap_or(since).into();
            if let Some(example) = example(&event) {
                event.schema["examples"] = vec![example].into();
            }
            kept.0.insert(file_name, event);
        }
        if reasons.is_empty() { Ok(kept) } else { Err(Refused(reasons)) }
    }

    /// What `released` promised and this does not keep, a reason each. Versions that are written no longer are compared with what
    /// is promised of them.
    pub fn broken_since(&self, released: &Self) -> Vec<String> {
        let told = |event: &EventContract| match self.0.get(&event.file_name()) {
            None => vec![format!("{} was released: restore it", event.file_name())],
            Some(kept) => {
                let broken = breaks(&event.schema, &kept.schema);
                broken.iter().map(|broken| format!("{}: {broken}", event.file_name())).collect()
            }
        };
        released.contracts().flat_map(told).collect()
    }

    /// All files of the contract, by path below its folder, and their text.
    ///
    /// # Panics
    /// A value can't be written as JSON, which does not happen.
    pub fn files(&self) -> BTreeMap<String, String> {
        let text = |value: &Value| serde_json::to_string_pretty(value).expect("JSON") + "\n";
        let schemas = self.0.iter().map(|(name, event)| (format!("events/{name}"), text(&event.schema)));
        let mut files: BTreeMap<_, _> = schemas.collect();
        files.insert("asyncapi.json".to_owned(), text(&asyncapi::document(self)));
        files.insert("catalogue.md".to_owned(), catalogue::page(self));
        files
    }

    /// The newest version of each event, by aggregate in the order of `derived`.
    pub(super) fn newest(&self) -> Vec<&EventContract> {
        let order: Vec<_> = super::derived().iter().map(|event| event.event_type.clone()).collect();
        let mut newest: BTreeMap<&str, &EventContract> = BTreeMap::new();
        for event in self.contracts() {
            let known = newest.entry(&event.event_type).or_insert(event);
            if known.version < event.version {
                *known = event;
            }
        }
        order.iter().filter_map(|name| newest.get(name.as_str()).copied()).collect()
    }

    /// The versions of an event, the oldest first.
    pub(super) fn versions(&self, event_type: &str) -> Vec<&EventContract> {
        let mut versions: Vec<_> = self.contracts().filter(|event| event.event_type == event_type).collect();
        versions.sort_by_key(|event| event.version);
        versions
    }

    /// The names of aggregates, in the order in which their events are declared.
    pub(super) fn aggregates(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        self.newest().into_iter().map(EventContract::aggregate).filter(|name| seen.insert(*name)).collect()
    }
}

/// The data of the event's fixture.
fn example(event: &EventContract) -> Option<Value> {
    let path = root().join("domain/fixtures").join(event.aggregate()).join(event.file_name());
    let fixture: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    fixture.get("data").cloned()
}
