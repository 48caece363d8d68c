//! The contract between an aggregate and the engine that stores it.

use std::fmt::{self, Debug};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Belonging, DomainError, Reference, Referral};

/// A consistency boundary: one stream of events and the state they fold to.
///
/// `decide` says what happens, `init` and `apply` say what that does to the state. All three are pure.
pub trait Aggregate: Sized + Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The bounded context, first part of the routing key: `crm`.
    const CONTEXT: &'static str;
    /// The aggregate's name, first part of its events' names: `contact`.
    const TYPE: &'static str;
    /// The name of many: in paths (`/v1/contacts`), and before the colon in permissions (`contacts:read`).
    const PLURAL: &'static str;
    /// The shape of the stored state. Raise it, and states stored under an older number are folded anew from events.
    const STATE_VERSION: i16 = 1;
    /// Whether records belong to somebody or to a project, so that rights can be granted over own ones or those of projects;
    /// otherwise they belong to the organization as a whole.
    const BELONGS: bool = false;

    /// The typed identifier of a stream.
    type Id: Copy + Into<Uuid> + From<Uuid> + Send + Sync;
    /// What can be asked for. Time, fresh ids and outside facts arrive in here.
    type Command: Clone + Send + Sync + 'static;
    /// What can happen, serialized as `{"type": "contact.created", "data": {…}}`. Of registered aggregates
    /// it says its schema, which is public contract.
    type Event: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// Why a command is refused.
    type Error: DomainError;

    /// Decides which events a command yields. No event means "already so", and is no error.
    ///
    /// # Errors
    /// The business refuses the command in this state.
    fn decide(state: Option<&Self>, command: Self::Command) -> Result<Vec<Self::Event>, Self::Error>;

    /// The state after a stream's first event, or `None` when this event can't come first.
    fn init(event: &Self::Event) -> Option<Self>;

    /// Changes the state as a later event says. Written without a wildcard arm, so that a new event fails to compile
    /// until it is handled.
    fn apply(&mut self, event: &Self::Event);

    /// The version in which an event of this type is written today.
    fn schema_version(_event_type: &str) -> i16 {
        1
    }

    /// Lifts the data of an event stored in an older schema version to today's.
    fn upcast(_event_type: &str, _schema_version: i16, data: Value) -> Value {
        data
    }

    /// To whom the record belongs; `None` when the aggregate does not say [`BELONGS`](Self::BELONGS). What is named here stands
    /// in the state's JSON as the members `owner_id` and `project_id`, by which the store finds it.
    fn belongs(&self) -> Option<Belonging> {
        None
    }

    /// What this state reserves in its tenant. Not asked of a deleted state, which reserves nothing.
    fn keys(&self) -> Vec<UniqueKey> {
        Vec::new()
    }

    /// The records that this state names, so that whoever has to do something about them finds it. Asked of a deleted state too,
    /// which may be restored; not of one that was merged or erased, from which nothing comes back.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// What an event tells of references that are too many for a state to hold. Only of an aggregate that is never merged nor
    /// erased, and of records that no state of it refers to.
    fn referrals(_event: &Self::Event) -> Vec<Referral> {
        Vec::new()
    }

    /// Whether the state is softly deleted: its keys are released until a restoration claims them again.
    fn is_deleted(&self) -> bool {
        false
    }

    /// The record that took this one in, and stands in its place from then on. Such a state counts as deleted, for good.
    fn successor(&self) -> Option<Self::Id> {
        None
    }

    /// Whether the person to whom the stream belongs was erased: the key under which the personal data in events is
    /// sealed is destroyed together with the event that makes it so. There is no way back.
    fn is_erased(&self) -> bool {
        false
    }

    /// The command that erases the person to whom the stream belongs, if it belongs to one.
    fn erasure() -> Option<Self::Command> {
        None
    }
}

/// A value that one living stream at most may hold within a tenant. `Debug` hides the value, which may be personal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UniqueKey {
    /// What must be unique, named as `aggregate.field`: `contact.email`. A refusal has the code `contact.email_taken`.
    pub scope: &'static str,
    /// The value, normalized so that equals are equal byte by byte.
    pub value: String,
}

impl UniqueKey {
    /// Reserves `value` within `scope`.
    pub fn new(scope: &'static str, value: impl Into<String>) -> Self {
        Self { scope, value: value.into() }
    }
}

impl fmt::Debug for UniqueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UniqueKey").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// Why an event can't be read by this program.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It was written by a newer program. Readers are deployed before writers.
    #[error("written in a version after {known}")]
    Newer {
        /// The newest version known here.
        known: i16,
    },
    /// Its data don't have the shape of their version.
    #[error(transparent)]
    Shape(serde_json::Error),
}

/// Reads an event that was written in this schema version, lifted to today's shape.
///
/// # Errors
/// [`Unreadable`]
pub fn read_event<A: Aggregate>(event_type: &str, written: i16, data: Value) -> Result<A::Event, Unreadable> {
    let known = A::schema_version(event_type);
    if written > known {
        return Err(Unreadable::Newer { known });
    }
    let data = if written < known { A::upcast(event_type, written, data) } else { data };
    serde_json::from_value(json!({ "type": event_type, "data": data })).map_err(Unreadable::Shape)
}

/// Folds events in order onto a state. `None` when the first event can't begin a stream, or when there is none.
pub fn fold<'e, A: Aggregate>(state: Option<A>, events: impl IntoIterator<Item = &'e A::Event>) -> Option<A> {
    events.into_iter().fold(state, |state, event| match state {
        Some(mut state) => {
            state.apply(event);
            Some(state)
        }
        None => A::init(event),
    })
}
