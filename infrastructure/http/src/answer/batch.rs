//! Many commands in one request, each answered for itself.
//!
//! A route says what its operations mean; the rest is here.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, http::StatusCode};
use fairlead_application::{
    App, AppError, Expected, Step, StepAnswer,
    access::{Authorized, Permits},
    batch::{BatchError, Mode},
};
use fairlead_domain::kernel::{Aggregate, Invalid, UniqueKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use utoipa::{ToSchema, openapi};
use uuid::Uuid;

use super::REPLAYED;
use crate::{
    problem::{Fault, Problem, ProblemBody},
    request::{CONSISTENCY, List, Object, decode},
};

/// Operations in one request at most.
const MAX_OPERATIONS: usize = 1000;

/// A body of operations, each of which does one of `V`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(bound = "V: Deserialize<'de>")]
pub(crate) struct Batch<V> {
    #[serde(default)]
    atomic: bool,
    operations: List<Object<Operation<V>>, MAX_OPERATIONS>,
}

/// One operation, its data not read yet: a mistake in there concerns no other one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation<V> {
    /// What to do.
    pub(crate) op: V,
    id: Option<Uuid>,
    by: Option<Box<RawValue>>,
    if_match: Option<i64>,
    data: Option<Box<RawValue>>,
}

/// A command on a record.
pub(crate) struct Meant<A: Aggregate> {
    target: Target,
    expected: Expected,
    command: A::Command,
}

/// Which record is meant.
enum Target {
    /// One that is made.
    New,
    /// This one.
    Record(Uuid),
    /// The one that holds a key; one that is made when there is none.
    Holder(UniqueKey),
}

impl<V> Operation<V> {
    /// The operation makes a record of its data.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place in the operation.
    pub(crate) fn makes<A: Aggregate, T: DeserializeOwned>(
        self,
        command: impl FnOnce(T) -> Result<A::Command, Problem>,
    ) -> Result<Meant<A>, Problem> {
        let mut faults = Vec::new();
        let there = [("id", self.id.is_some()), ("by", self.by.is_some()), ("if_match", self.if_match.is_some())];
        for (name, _) in there.into_iter().filter(|(_, there)| *there) {
            faults.push(surplus(name, "is not for what does not exist yet"));
        }
        let command = read(self.data, "data", &mut faults, command);
        finish(faults, command.map(|command| Meant { target: Target::New, expected: Expected::New, command }))
    }

    /// The operation changes the record that holds a key, or makes one that holds it. `key` reads what stands in `by`.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place in the operation.
    pub(crate) fn upserts<A: Aggregate, B: DeserializeOwned, K, T: DeserializeOwned, D>(
        self,
        key: impl FnOnce(B) -> Result<(UniqueKey, K), Problem>,
        data: impl FnOnce(T) -> Result<D, Problem>,
        command: impl FnOnce(K, D) -> A::Command,
    ) -> Result<Meant<A>, Problem> {
        let mut faults = Vec::new();
        for (name, there) in [("id", self.id.is_some()), ("if_match", self.if_match.is_some())] {
            if there {
                faults.push(surplus(name, "is not for what may not exist yet"));
            }
        }
        let key = read(self.by, "by", &mut faults, key);
        let data = read(self.data, "data", &mut faults, data);
        let meant = key.zip(data).map(|((key, by), data)| Meant {
            target: Target::Holder(key),
            expected: Expected::Any,
            command: command(by, data),
        });
        finish(faults, meant)
    }

    /// The operation changes a record as its data say.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place in the operation.
    pub(crate) fn changes<A: Aggregate, T: DeserializeOwned>(
        self,
        command: impl FnOnce(T) -> Result<A::Command, Problem>,
    ) -> Result<Meant<A>, Problem> {
        let mut faults = Vec::new();
        let (target, expected) = self.record(&mut faults);
        let command = read(self.data, "data", &mut faults, command);
        finish(faults, target.zip(command).map(|(target, command)| Meant { target, expected, command }))
    }

    /// The operation has no data.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place in the operation.
    pub(crate) fn does<A: Aggregate>(self, command: A::Command) -> Result<Meant<A>, Problem> {
        let mut faults = Vec::new();
        let (target, expected) = self.record(&mut faults);
        if self.data.is_some() {
            faults.push(surplus("data", "is not for this operation"));
        }
        finish(faults, target.map(|target| Meant { target, expected, command }))
    }

    fn record(&self, faults: &mut Vec<Fault>) -> (Option<Target>, Expected) {
        if self.id.is_none() {
            faults.push(missing("id"));
        }
        if self.by.is_some() {
            faults.push(surplus("by", "is not for this operation"));
        }
        (self.id.map(Target::Record), self.if_match.map_or(Expected::Any, Expected::Exactly))
    }
}

/// What a member of an operation means.
fn read<T: DeserializeOwned, C>(
    json: Option<Box<RawValue>>,
    name: &str,
    faults: &mut Vec<Fault>,
    meaning: impl FnOnce(T) -> Result<C, Problem>,
) -> Option<C> {
    let Some(json) = json else {
        faults.push(missing(name));
        return None;
    };
    let read = decode(json.get().as_bytes()).and_then(meaning);
    read.map_err(|problem| faults.extend(problem.within(&format!("/{name}")).into_faults())).ok()
}

fn missing(name: &str) -> Fault {
    Fault::at(format!("/{name}"), Invalid::new("request.missing_field", format!("missing field `{name}`")))
}

fn surplus(name: &str, why: &str) -> Fault {
    Fault::at(format!("/{name}"), Invalid::new("request.unknown_field", why))
}

fn finish<T>(faults: Vec<Fault>, built: Option<T>) -> Result<T, Problem> {
    built.filter(|_| faults.is_empty()).ok_or_else(|| Problem::invalid(faults))
}

/// What a batch was answered.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// One for each operation, in their order.
    data: Vec<OperationAnswer>,
    /// Send it as `Fairlead-Consistency` with a list to see the changes there. Opaque; missing only when none took effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "1.748.400")]
    consistency: Option<String>,
    #[serde(skip)]
    replayed: bool,
}

/// What an operation was answered: a receipt, or why it was refused.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OperationAnswer {
    /// The record is as demanded.
    #[schema(title = "OperationReceipt")]
    Done {
        /// As the operation alone would be answered.
        #[schema(schema_with = done)]
        status: u16,
        /// The record.
        id: Uuid,
        /// Its version after the operation.
        #[schema(minimum = 1)]
        version: i64,
    },
    /// It is refused.
    Refused(ProblemBody),
}

/// The status of an operation that is not refused.
fn done() -> openapi::Object {
    openapi::ObjectBuilder::new()
        .schema_type(openapi::Type::Integer)
        .enum_values(Some([StatusCode::OK, StatusCode::CREATED].map(|status| status.as_u16())))
        .description(Some("As the operation alone would be answered: 201 when it made a record."))
        .build()
}

/// Executes the operations of a batch, which `meant` turns into commands, and to which `facts` adds what they have to know.
///
/// # Errors
/// Of an atomic batch whatever one of them is refused for, its place named; otherwise what concerns the batch as a whole.
pub(crate) async fn batch<A: Aggregate, V, P: Permits<A>>(
    app: &App,
    cx: &Authorized<P>,
    batch: Batch<V>,
    meant: impl Fn(Operation<V>) -> Result<Meant<A>, Problem>,
    facts: impl AsyncFnOnce(Vec<&mut A::Command>) -> Result<(), AppError>,
) -> Result<BatchAnswer, Problem> {
    let Batch { atomic, operations: List(operations) } = batch;
    if operations.is_empty() {
        let none = Invalid::new("batch.empty", "must hold an operation at least");
        return Err(Problem::invalid(vec![Fault::at("/operations".to_owned(), none)]));
    }
    let mut all: Vec<_> = operations.into_iter().map(|Object(operation)| meant(operation)).collect();
    facts(all.iter_mut().flatten().map(|meant| &mut meant.command).collect()).await?;
    let mut holders = holders(app, cx, &all).await?;
    // What is made by whoever is the first to be accepted.
    let mut unborn = BTreeSet::new();
    let (mut steps, mut kept, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for (index, meant) in all.into_iter().enumerate() {
        let place = place(index);
        match meant {
            Ok(Meant { target, expected, command }) => {
                let (status, id) = match target {
                    Target::Record(id) => (StatusCode::OK, id),
                    Target::New => (StatusCode::CREATED, app.fresh()),
                    Target::Holder(key) => match holders.entry(key) {
                        Entry::Occupied(holder) => (StatusCode::OK, *holder.get()),
                        // Whoever asks for it later in the batch means this one.
                        Entry::Vacant(none) => {
                            let id = *none.insert(app.fresh());
                            unborn.insert(id);
                            (StatusCode::OK, id)
                        }
                    },
                };
                steps.push(Step::new::<A>(cx, id.into(), expected, command));
                kept.push(Ok((status, index)));
            }
            Err(problem) if atomic => faults.extend(problem.within(&place).into_faults()),
            Err(problem) => kept.push(Err(problem.within(&place))),
        }
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let mode = if atomic { Mode::Atomic } else { Mode::Each };
    let indices: Vec<_> = kept.iter().flatten().map(|(_, index)| *index).collect();
    let outcome = app.execute_batch(cx, &steps, mode).await.map_err(|error| refused(error, &indices))?;
    let mut answers = outcome.answers.into_iter();
    let data = kept.into_iter().map(|kept| {
        let (status, index) = match kept {
            Ok(kept) => kept,
            Err(problem) => return Ok(OperationAnswer::Refused(problem.into_body())),
        };
        match answers.next().ok_or_else(|| AppError::internal("every operation has an answer"))? {
            StepAnswer::Done(receipt) => {
                let status = if unborn.remove(&receipt.id) { StatusCode::CREATED } else { status };
                Ok(OperationAnswer::Done { status: status.as_u16(), id: receipt.id, version: receipt.version })
            }
            StepAnswer::Refused(refusal) => {
                let problem = Problem::new(refusal.kind, refusal.code, refusal.detail);
                Ok(OperationAnswer::Refused(problem.within(&place(index)).into_body()))
            }
        }
    });
    let data = data.collect::<Result<_, Problem>>()?;
    let consistency = outcome.token.map(|token| token.to_string());
    Ok(BatchAnswer { data, consistency, replayed: outcome.replayed })
}

/// Who holds the keys by which records are meant.
async fn holders<A: Aggregate>(
    app: &App,
    cx: &Authorized<impl Permits<A>>,
    meant: &[Result<Meant<A>, Problem>],
) -> Result<BTreeMap<UniqueKey, Uuid>, Problem> {
    let keys = meant.iter().flatten().filter_map(|meant| match &meant.target {
        Target::Holder(key) => Some(key.clone()),
        _ => None,
    });
    let keys: Vec<_> = keys.collect::<BTreeSet<_>>().into_iter().collect();
    let holders = app.holders::<A>(cx, &keys).await?;
    Ok(keys.into_iter().zip(holders).filter_map(|(key, holder)| Some((key, holder?))).collect())
}

/// Where an operation stands in the body.
fn place(index: usize) -> String {
    format!("/operations/{index}")
}

/// The problem of the batch as a whole.
fn refused(BatchError { index, error }: BatchError, indices: &[usize]) -> Problem {
    let problem = Problem::from(error);
    match index.and_then(|index| indices.get(index)) {
        Some(index) => problem.within(&place(*index)),
        None => problem,
    }
}

impl Responder for BatchAnswer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if let Some(consistency) = &self.consistency {
            response.insert_header((CONSISTENCY, consistency.as_str()));
        }
        if self.replayed {
            response.insert_header((REPLAYED, "true"));
        }
        response.json(self)
    }
}
