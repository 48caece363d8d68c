//! What steps are decided on and have changed, until it is stored as a whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fairlead_domain::kernel::{Aggregate, UniqueKey};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    AppError,
    batch::Keys,
    consistency::ConsistencyToken,
    ports::{StoredStream, StreamAppend, SubjectKey},
    recorded::decode_state,
    step::Step,
};

/// What steps are decided on, and what they have changed so far.
pub(crate) struct Work {
    pub(crate) present: HashMap<Uuid, StoredStream>,
    pub(crate) changes: BTreeMap<Uuid, Change>,
    /// Of a batch, whose steps are to go as they would one by one; otherwise the store alone looks after keys.
    pub(crate) keys: Option<Keys>,
}

impl Work {
    pub(crate) fn new(present: impl IntoIterator<Item = StoredStream>, keys: Option<Keys>) -> Self {
        let present = present.into_iter().map(|stream| (stream.id, stream)).collect();
        Self { present, changes: BTreeMap::new(), keys }
    }

    /// The last write of the streams that were looked at.
    pub(crate) fn seen(&self) -> Option<ConsistencyToken> {
        self.present.values().map(|stream| stream.token).max_by_key(|token| (token.incarnation, token.xid))
    }

    /// Which stream a step is about.
    pub(crate) fn target(&self, step: &Step) -> Uuid {
        let holder = step.holder.as_ref().zip(self.keys.as_ref()).and_then(|(key, keys)| keys.holder(key));
        holder.unwrap_or(step.id)
    }

    pub(crate) fn into_appends(self) -> Vec<StreamAppend> {
        self.changes.into_values().map(Change::into_append).collect()
    }
}

/// What the steps have changed in one stream so far.
pub(crate) struct Change {
    pub(crate) append: StreamAppend,
    keys_before: Vec<UniqueKey>,
    pub(crate) keys_after: Vec<UniqueKey>,
    pub(crate) referred_before: BTreeSet<Uuid>,
    pub(crate) referred_after: BTreeSet<Uuid>,
    pub(crate) referrals: BTreeMap<Uuid, bool>,
}

impl Change {
    pub(crate) fn new(step: &Step, id: Uuid, version: i64, key: SubjectKey, keys_before: Vec<UniqueKey>) -> Self {
        Self {
            append: StreamAppend {
                id,
                aggregate: step.aggregate,
                expected: version,
                state_version: step.state_version,
                state: RawValue::NULL.to_owned(),
                deleted: false,
                erases: false,
                key,
                released: Vec::new(),
                claimed: Vec::new(),
                unreferred: Vec::new(),
                referred: Vec::new(),
                events: Vec::new(),
                secrets: Vec::new(),
            },
            keys_before,
            keys_after: Vec::new(),
            referred_before: BTreeSet::new(),
            referred_after: BTreeSet::new(),
            referrals: BTreeMap::new(),
        }
    }

    fn into_append(mut self) -> StreamAppend {
        let (before, after) = (&self.keys_before, &self.keys_after);
        self.append.released = before.iter().filter(|key| !after.contains(key)).cloned().collect();
        let (named, names) = (&self.referred_before, &self.referred_after);
        let told =
            |as_referred| self.referrals.iter().filter(move |(_, refers)| **refers == as_referred).map(|(id, _)| id);
        self.append.unreferred = named.difference(names).chain(told(false)).copied().collect();
        self.append.referred = names.difference(named).chain(told(true)).copied().collect();
        self.append.claimed = after.iter().filter(|key| !before.contains(key)).cloned().collect();
        self.append
    }
}

/// A step's turn: what commands may look at besides the state of their own stream.
pub struct Turn<'a> {
    id: Uuid,
    changes: &'a BTreeMap<Uuid, Change>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(id: Uuid, changes: &'a BTreeMap<Uuid, Change>) -> Self {
        Self { id, changes }
    }

    /// The stream.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The state in which the steps before this one leave another stream; `None` when they don't change it.
    ///
    /// # Errors
    /// [`AppError::Internal`]
    pub fn changed<A: Aggregate>(&self, id: A::Id) -> Result<Option<A>, AppError> {
        let change = self.changes.get(&id.into()).filter(|change| change.append.aggregate == A::TYPE);
        change.map(|change| decode_state(&change.append.state)).transpose().map_err(AppError::internal)
    }
}
