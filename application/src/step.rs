//! One command on one stream, with its types erased, so that everything after `decide` is compiled once.

use std::{collections::BTreeSet, fmt};

use fairlead_domain::{
    ids::OrganizationId,
    kernel::{Aggregate, ErrorKind, Reference, Referral, UniqueKey, fold},
};
use secrecy::SecretSlice;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    AppError,
    access::{Authorized, Extent, Permits, Reach},
    consistency::ConsistencyToken,
    ports::{NewSecret, StoredEvent},
    recorded::{DecodeError, EncodedEvent, decode_state, encode_event, refold},
    work::Turn,
};

/// What the caller knows about the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It does not exist. Spares the loading.
    New,
    /// Nothing. When others write meanwhile, the command is decided again.
    Any,
    /// It is at this version; otherwise the command is refused as stale.
    Exactly(i64),
}

/// What a command did to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The stream.
    pub id: Uuid,
    /// Its version now: the same as before when it was so already.
    pub version: i64,
    /// Whether the command made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
}

/// What one of several commands was answered, as it is kept for those who ask again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StepAnswer {
    /// It is as demanded.
    Done(Receipt),
    /// It is refused, which did not hold up the others.
    Refused(Refusal),
}

impl StepAnswer {
    /// The receipt.
    ///
    /// # Errors
    /// [`AppError::Internal`] when there is none.
    pub(crate) fn done(self) -> Result<Receipt, AppError> {
        match self {
            Self::Done(receipt) => Ok(receipt),
            Self::Refused(refusal) => {
                Err(AppError::internal(format!("a single command is not kept as {}", refusal.code)))
            }
        }
    }
}

impl From<Receipt> for StepAnswer {
    fn from(receipt: Receipt) -> Self {
        Self::Done(receipt)
    }
}

/// A refusal without its cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Its class.
    pub kind: ErrorKind,
    /// Its stable code.
    pub code: String,
    /// The sentence for people.
    pub detail: String,
}

impl From<&AppError> for Refusal {
    fn from(error: &AppError) -> Self {
        Self { kind: error.kind(), code: error.code(), detail: error.to_string() }
    }
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// One for each step, in the order of the steps.
    pub receipts: Vec<Receipt>,
    /// Send it with a query to see the write there.
    pub token: Option<ConsistencyToken>,
    /// Whether this is the answer that an earlier request with the same idempotency key got.
    pub replayed: bool,
}

type Decide = Box<dyn Fn(&Turn<'_>, Option<&RawValue>) -> Result<Decision, AppError> + Send + Sync>;
type Hides = fn(&Reach, &RawValue) -> Result<bool, DecodeError>;
type Refold = fn(Vec<StoredEvent>) -> Result<Box<RawValue>, DecodeError>;

/// One command on one stream, or several that are one.
pub struct Step {
    pub(crate) tenant: OrganizationId,
    pub(crate) id: Uuid,
    /// Of a batch: it is about the stream that holds this key, and about `id` where none does.
    pub(crate) holder: Option<UniqueKey>,
    pub(crate) aggregate: &'static str,
    pub(crate) state_version: i16,
    pub(crate) expected: Expected,
    pub(crate) decide: Decide,
    /// Over which records the command may be issued.
    reach: Reach,
    hides: Hides,
    pub(crate) refold: Refold,
    pub(crate) secrets: Vec<NewSecret>,
}

/// What `decide` yields, ready to be stored.
pub(crate) struct Decision {
    pub(crate) events: Vec<EncodedEvent>,
    /// After the events; `None` when there are none.
    pub(crate) state: Option<Box<RawValue>>,
    pub(crate) deleted: bool,
    /// Whether the events erase the person to whom the stream belongs.
    pub(crate) erases: bool,
    pub(crate) keys_before: Vec<UniqueKey>,
    pub(crate) keys_after: Vec<UniqueKey>,
    /// The ids of the records that the state before and after refers to.
    pub(crate) referred_before: BTreeSet<Uuid>,
    pub(crate) referred_after: BTreeSet<Uuid>,
    /// What the events tell beyond that: of which records, and whether they are referred to, in order.
    pub(crate) referrals: Vec<(Uuid, bool)>,
}

impl Step {
    /// A command on the stream `id`, issued with a permission for its aggregate.
    pub fn new<A: Aggregate>(
        cx: &Authorized<impl Permits<A>>,
        id: A::Id,
        expected: Expected,
        command: A::Command,
    ) -> Self {
        Self::deciding::<A>(cx, id, expected, move |_, _| Ok(vec![command.clone()]))
    }

    /// Commands that are known only when it is their turn, from the state of the stream then. All of them take effect or none.
    pub(crate) fn deciding<A: Aggregate>(
        cx: &Authorized<impl Permits<A>>,
        id: A::Id,
        expected: Expected,
        commands: impl Fn(&Turn<'_>, Option<&A>) -> Result<Vec<A::Command>, AppError> + Send + Sync + 'static,
    ) -> Self {
        let reach = cx.reach().clone();
        Self {
            tenant: cx.tenant(),
            id: id.into(),
            holder: None,
            aggregate: A::TYPE,
            state_version: A::STATE_VERSION,
            expected,
            decide: Box::new({
                let reach = reach.clone();
                move |turn, state| {
                    let before = state.map(decode_state::<A>).transpose().map_err(AppError::internal)?;
                    let commands = commands(turn, before.as_ref())?;
                    decide(before, &reach, commands)
                }
            }),
            reach,
            hides: hides::<A>,
            refold: |events| encode_state(&refold::<A>(events)?),
            secrets: Vec::new(),
        }
    }

    /// Keeps a secret beside the stream, in the transaction of the events that the command yields; without events, nothing is
    /// kept. `None` forgets it.
    #[must_use]
    pub fn keeping(mut self, name: &'static str, value: Option<SecretSlice<u8>>) -> Self {
        self.secrets.push(NewSecret { name, value });
        self
    }
}

impl Step {
    /// Whether the record in this state is beyond what the caller reaches, and so looks as if it did not exist.
    ///
    /// # Errors
    /// [`AppError::Internal`]: the state can't be read.
    pub(crate) fn hides(&self, state: Option<&RawValue>) -> Result<bool, AppError> {
        state.map_or(Ok(false), |state| (self.hides)(&self.reach, state).map_err(AppError::internal))
    }

    /// What the command is answered where the record is hidden: what it would be answered without one. Where it would make
    /// one, there is no place for it.
    ///
    /// # Errors
    /// The aggregate's refusal, or [`AppError::OutOfReach`].
    pub(crate) fn without_record(&self, turn: &Turn<'_>) -> Result<Receipt, AppError> {
        match (self.decide)(turn, None)?.state {
            None => Ok(Receipt { id: turn.id(), version: 0, made: false }),
            Some(_) => Err(AppError::OutOfReach),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("aggregate", &self.aggregate)
            .field("id", &self.id)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

fn hides<A: Aggregate>(reach: &Reach, state: &RawValue) -> Result<bool, DecodeError> {
    Ok(match reach.extent(A::BELONGS) {
        Extent::Everything => false,
        Extent::Nothing => true,
        part @ Extent::Part { .. } => !part.covers(decode_state::<A>(state)?.belongs()),
    })
}

fn decide<A: Aggregate>(before: Option<A>, reach: &Reach, commands: Vec<A::Command>) -> Result<Decision, AppError> {
    let keys_before = before.as_ref().map(reserved).unwrap_or_default();
    let referred_before = before.as_ref().map(referred).unwrap_or_default();
    let erased_before = before.as_ref().is_some_and(A::is_erased);
    let (mut after, mut events) = (before, Vec::new());
    for command in commands {
        let further = A::decide(after.as_ref(), command)?;
        after = fold::<A>(after, &further);
        events.extend(further);
    }
    if events.is_empty() {
        let deleted = after.as_ref().is_some_and(A::is_deleted);
        return Ok(Decision {
            events: vec![],
            state: None,
            deleted,
            erases: false,
            keys_after: keys_before.clone(),
            keys_before,
            referred_after: referred_before.clone(),
            referred_before,
            referrals: Vec::new(),
        });
    }
    let after = after.ok_or(DecodeError::Headless { what: A::TYPE.to_owned() }).map_err(AppError::internal)?;
    if !reach.covers(after.belongs()) {
        return Err(AppError::OutOfReach);
    }
    Ok(Decision {
        events: events.iter().map(encode_event::<A>).collect::<Result<_, _>>().map_err(AppError::internal)?,
        state: Some(encode_state(&after).map_err(AppError::internal)?),
        deleted: after.is_deleted(),
        erases: after.is_erased() && !erased_before,
        keys_before,
        keys_after: reserved(&after),
        referred_before,
        referred_after: referred(&after),
        referrals: referrals::<A>(&events).map(|(reference, refers)| (reference.id, refers)).collect(),
    })
}

/// What a state reserves: nothing once it is deleted.
fn reserved<A: Aggregate>(state: &A) -> Vec<UniqueKey> {
    if state.is_deleted() { Vec::new() } else { state.keys() }
}

/// What a state refers to: nothing once nothing can bring it back.
pub(crate) fn references<A: Aggregate>(state: &A) -> BTreeSet<Reference> {
    let is_gone = state.successor().is_some() || state.is_erased();
    if is_gone { BTreeSet::new() } else { state.references().into_iter().collect() }
}

/// What events tell of references that the state does not hold.
pub(crate) fn referrals<A: Aggregate>(events: &[A::Event]) -> impl Iterator<Item = (Reference, bool)> {
    events.iter().flat_map(A::referrals).map(Referral::split)
}

fn referred<A: Aggregate>(state: &A) -> BTreeSet<Uuid> {
    references(state).into_iter().map(|reference| reference.id).collect()
}

fn encode_state<A: Aggregate>(state: &A) -> Result<Box<RawValue>, DecodeError> {
    serde_json::value::to_raw_value(state).map_err(|source| DecodeError::Shape { what: A::TYPE.to_owned(), source })
}
