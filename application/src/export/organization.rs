//! All that an organization has, line by line, in bounded memory.

use std::collections::BTreeMap;

use fairlead_domain::{
    for_each_aggregate,
    identity::{Membership, Organization, User},
    ids::OrganizationId,
    kernel::{Aggregate, Personal},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AnyStream, Exports, FORMAT, record};
use crate::{
    App, AppError, Context, Recorded,
    access::{Authorized, Extent, Permission, System},
    envelope::{Place, rfc3339},
    history::{LogQuery, Wanted},
    identity::OrganizationsExport,
    ports::StoredStream,
};

/// Records, or events, read at once.
const PAGE: u16 = 200;
/// In whose name the directory is read.
const ACTOR: &str = "export";

/// An organization's data on its way out: lines of JSON, each ended by a newline.
///
/// The first line tells of the export, up to which position of the log; then come all records as they are when they are read, and
/// the events up to that position. The last line counts both: an export without it was cut off.
pub struct Export {
    exports: Exports,
    cx: Authorized<System>,
    until: Place,
    stage: Stage,
    records: u64,
    events: u64,
}

/// What comes next.
enum Stage {
    Beginning,
    Records(Option<Uuid>),
    Events(i64),
    Ended,
}

impl Exports {
    /// Begins to take everything out that the caller's organization has. Possible also while it is closed.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] where the permission is not held over everything; [`AppError::Unavailable`],
    /// [`AppError::Internal`].
    pub async fn organization(&self, cx: &Authorized<OrganizationsExport>) -> Result<Export, AppError> {
        if cx.reach().extent(Organization::BELONGS) != Extent::Everything {
            return Err(AppError::Forbidden { permission: OrganizationsExport::NAME });
        }
        let mut cx = cx.on_behalf();
        cx.context.read_after = None;
        let until = self.0.records.end(&cx).await?;
        Ok(Export { exports: self.clone(), cx, until, stage: Stage::Beginning, records: 0, events: 0 })
    }
}

impl Export {
    /// The next lines; `None` at the end.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`]: the export can't go on.
    pub async fn next(&mut self) -> Result<Option<String>, AppError> {
        let mut lines = String::new();
        // A stretch of the log may hold nothing that is wanted.
        while lines.is_empty() {
            self.stage = match self.stage {
                Stage::Beginning => {
                    push(&mut lines, &self.beginning());
                    Stage::Records(None)
                }
                Stage::Records(after) => self.some_records(after, &mut lines).await?,
                Stage::Events(after) => self.some_events(after, &mut lines).await?,
                Stage::Ended => return Ok(None),
            };
        }
        Ok(Some(lines))
    }

    fn beginning(&self) -> Value {
        json!({
            "kind": "export",
            "format": FORMAT,
            "organization": Uuid::from(self.cx.tenant()),
            "at": rfc3339(self.exports.0.app.clock.now()),
            "position": self.until.position,
            "incarnation": self.until.incarnation,
        })
    }

    async fn some_records(&mut self, after: Option<Uuid>, lines: &mut String) -> Result<Stage, AppError> {
        let app = &self.exports.0.app;
        let page = self.exports.0.records.records(&self.cx, after, PAGE).await?;
        let people = people(app, &page).await?;
        for AnyStream { stream, deleted } in &page {
            let state = state_of(app, &self.cx, stream).await?;
            let recorded = Recorded::new(self.cx.tenant(), stream, state);
            let mut line = record(&stream.aggregate, &recorded);
            line["kind"] = json!("record");
            line["deleted"] = json!(deleted);
            if let Some(person) = people.get(&stream.id) {
                line["person"] = person.clone();
            }
            push(lines, &line);
        }
        self.records += page.len() as u64;
        let last = page.last().filter(|_| page.len() == usize::from(PAGE));
        Ok(last.map_or(Stage::Events(0), |last| Stage::Records(Some(last.stream.id))))
    }

    async fn some_events(&mut self, after: i64, lines: &mut String) -> Result<Stage, AppError> {
        let query = LogQuery { after, until: Some(self.until.position), limit: PAGE, wanted: Wanted::everything() };
        let page = self.exports.0.history.log(&self.cx, &query).await?;
        for event in &page.events {
            push(lines, &json!({ "kind": "event", "event": event.cloud_event() }));
        }
        self.events += page.events.len() as u64;
        if page.more {
            return Ok(Stage::Events(page.reached));
        }
        push(lines, &json!({ "kind": "end", "records": self.records, "events": self.events }));
        Ok(Stage::Ended)
    }
}

fn push(lines: &mut String, line: &Value) {
    lines.push_str(&line.to_string());
    lines.push('\n');
}

/// Who the members among some streams are, whose names and addresses stand in the directory.
async fn people(app: &App, page: &[AnyStream]) -> Result<BTreeMap<Uuid, Value>, AppError> {
    let members = page.iter().filter(|any| any.stream.aggregate == Membership::TYPE);
    let ids: Vec<_> = members.map(|any| any.stream.id).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let directory = Context::system(OrganizationId::DIRECTORY, ACTOR);
    let users = app.read_all::<User>(&directory, &ids).await?;
    let person = |user: Recorded<User>| {
        let name = user.state.name.as_ref().and_then(Personal::known);
        (user.id, json!({ "name": name, "email": user.state.email.known() }))
    };
    Ok(users.into_iter().map(person).collect())
}

macro_rules! states {
    ($($aggregate:ty),+ $(,)?) => {
        /// A stream's state in today's shape; as it is stored, where this program does not know the aggregate.
        async fn state_of(app: &App, cx: &Context, stream: &StoredStream) -> Result<Value, AppError> {
            match stream.aggregate.as_str() {
                $(<$aggregate>::TYPE => {
                    let recorded = app.recorded::<$aggregate>(cx, stream).await?;
                    serde_json::to_value(&recorded.state).map_err(AppError::internal)
                })+
                _ => serde_json::from_str(stream.state.get()).map_err(AppError::internal),
            }
        }
    };
}
for_each_aggregate!(states);
