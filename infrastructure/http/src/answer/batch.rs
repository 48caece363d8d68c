//! Many commands in one request, each answered for itself.
//!
//! A route says what its operations mean; the rest is here.

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, http::StatusCode};
use fairlead_application::{
    App, AppError, Asked, Expected, StepAnswer, Target, Wanted,
    access::{Authorized, Permits},
    batch::{BatchError, Mode},
};
use fairlead_domain::kernel::{Invalid, UniqueKey};
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

impl<V> Operation<V> {
    /// The operation makes a record of its data.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place in the operation.
    pub(crate) fn makes<R: Asked, T: DeserializeOwned>(
        self,
        asked: impl FnOnce(T) -> Result<R, Problem>,
    ) -> Result<Wanted<R>, Problem> {
        let mut faults = Vec::new();
        let there = [("id", self.id.is_some()), ("by", self.by.is_some()), ("if_match", self.if_match.is_some())];
        for (name, _) in there.into_iter().filter(|(_, there)| *there) {
            faults.push(surplus(name, "is not for what does not exist yet"));
        }
        let asked = read(self.data, "data", &mut faults, asked);
        finish(faults, asked.map(Wanted::new))
    }

    /// The operation changes the record that holds a key, or makes one that holds it. `key` reads what stands in `by`.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place in the operation.
    pub(crate) fn upserts<R: Asked, B: DeserializeOwned, K, T: DeserializeOwned, D>(
        self,
        key: impl FnOnce(B) -> Result<(UniqueKey, K), Problem>,
        data: impl FnOnce(T) -> Result<D, Problem>,
        asked: impl FnOnce(K, D) -> R,
    ) -> Result<Wanted<R>, Problem> {
        let mut faults = Vec::new();
        for (name, there) in [("id", self.id.is_some()), ("if_match", self.if_match.is_some())] {
            if there {
                faults.push(surplus(name, "is not for what may not exist yet"));
            }
        }
        let key = read(self.by, "by", &mut faults, key);
        let data = read(self.data, "data", &mut faults, data);
        let wanted = key.zip(data).map(|((key, by), data)| Wanted {
            target: Target::Holder(key),
            expected: Expected::Any,
            asked: asked(by, data),
        });
        finish(faults, wanted)
    }

    /// The operation changes a record as its data say.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place in the operation.
    pub(crate) fn changes<R: Asked, T: DeserializeOwned>(
        self,
        asked: impl FnOnce(T) -> Result<R, Problem>,
    ) -> Result<Wanted<R>, Problem> {
        let mut faults = Vec::new();
        let (target, expected) = self.record(&mut faults);
        let asked = read(self.data, "data", &mut faults, asked);
        finish(faults, target.zip(asked).map(|(target, asked)| Wanted { target, expected, asked }))
    }

    /// The operation has no data.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place in the operation.
    pub(crate) fn does<R: Asked>(self, asked: R) -> Result<Wanted<R>, Problem> {
        let mut faults = Vec::new();
        let (target, expected) = self.record(&mut faults);
        if self.data.is_some() {
            faults.push(surplus("data", "is not for this operation"));
        }
        finish(faults, target.map(|target| Wanted { target, expected, asked }))
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

/// Does the operations of a batch, each of which means what `meant` makes of it.
///
/// # Errors
/// Of an atomic batch whatever one of them is refused for, its place named; otherwise what concerns the batch as a whole.
pub(crate) async fn batch<R: Asked, V>(
    app: &App,
    cx: &Authorized<impl Permits<R::Of>>,
    batch: Batch<V>,
    meant: impl Fn(Operation<V>) -> Result<Wanted<R>, Problem>,
) -> Result<BatchAnswer, Problem> {
    let Batch { atomic, operations: List(operations) } = batch;
    if operations.is_empty() {
        let none = Invalid::new("batch.empty", "must hold an operation at least");
        return Err(Problem::invalid(vec![Fault::at("/operations".to_owned(), none)]));
    }
    let (mut wanted, mut kept, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for (index, Object(operation)) in operations.into_iter().enumerate() {
        match meant(operation) {
            Ok(one) => {
                wanted.push(one);
                kept.push(Ok(index));
            }
            Err(problem) if atomic => faults.extend(problem.within(&place(index)).into_faults()),
            Err(problem) => kept.push(Err(problem.within(&place(index)))),
        }
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let mode = if atomic { Mode::Atomic } else { Mode::Each };
    let indices: Vec<_> = kept.iter().flatten().copied().collect();
    let outcome = app.ask_all(cx, &wanted, mode).await.map_err(|error| refused(error, &indices))?;
    let mut answers = wanted.into_iter().zip(outcome.answers);
    let data = kept.into_iter().map(|kept| {
        let index = match kept {
            Ok(index) => index,
            Err(problem) => return Ok(OperationAnswer::Refused(problem.into_body())),
        };
        match answers.next().ok_or_else(|| AppError::internal("every operation has an answer"))? {
            (wanted, StepAnswer::Done(receipt)) => {
                let made = receipt.made || wanted.target == Target::New;
                let status = if made { StatusCode::CREATED } else { StatusCode::OK };
                Ok(OperationAnswer::Done { status: status.as_u16(), id: receipt.id, version: receipt.version })
            }
            (_, StepAnswer::Refused(refusal)) => {
                let problem = Problem::new(refusal.kind, refusal.code, refusal.detail);
                Ok(OperationAnswer::Refused(problem.within(&place(index)).into_body()))
            }
        }
    });
    let data = data.collect::<Result<_, Problem>>()?;
    let consistency = outcome.token.map(|token| token.to_string());
    Ok(BatchAnswer { data, consistency, replayed: outcome.replayed })
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
