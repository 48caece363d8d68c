//! The statement that stores everything a command changes.

use fairlead_application::{
    Context,
    ports::{Append, Metadata},
};
use fairlead_domain::kernel::UniqueKey;
use serde_json::{Value, value::RawValue};
use tokio_postgres::{Client, Row, Statement, types::Json};
use uuid::Uuid;

use crate::vault::Sealed;

/// The statement, for [`send`].
pub(crate) const APPEND: &str = "select answered, incarnation, xid, fingerprint, receipts
                        from engine.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                                           $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)";

/// Executes [`APPEND`].
pub(crate) async fn send(
    client: &Client,
    statement: &Statement,
    cx: &Context,
    append: &Append,
    sealed: &Sealed<'_>,
) -> Result<Row, tokio_postgres::Error> {
    let columns = Columns::of(append, sealed);
    let key = cx.idempotency.as_ref();
    client
        .query_one(
            statement,
            &[
                &Uuid::from(cx.tenant()),
                &cx.actor().as_str(),
                &key.map(|key| key.key.as_str()),
                &key.map(|key| &key.fingerprint[..]),
                &Json(&append.receipts),
                &append.occurred_at,
                &Json(Metadata::from(cx)),
                &columns.streams,
                &columns.aggregates,
                &columns.expected,
                &columns.versions,
                &columns.states,
                &columns.state_versions,
                &columns.deleted,
                &columns.released_scopes,
                &columns.released_keys,
                &columns.claimed_scopes,
                &columns.claimed_keys,
                &columns.claimed_streams,
                &columns.event_streams,
                &columns.event_versions,
                &columns.event_ids,
                &columns.types,
                &columns.schema_versions,
                &columns.data,
                &append.seen.map(|seen| seen.incarnation),
                &append.seen.map(|seen| seen.xid.cast_signed()),
                &sealed.new_subjects,
                &sealed.new_keys,
                &sealed.tenant_key,
                &sealed.used_subjects,
                &sealed.erased_subjects,
            ],
        )
        .await
}

/// What an append brings, column by column, as `unnest` takes it.
#[derive(Default)]
struct Columns<'a> {
    streams: Vec<Uuid>,
    aggregates: Vec<&'a str>,
    expected: Vec<i64>,
    versions: Vec<i64>,
    states: Vec<Json<&'a RawValue>>,
    state_versions: Vec<i16>,
    deleted: Vec<bool>,
    released_scopes: Vec<&'a str>,
    released_keys: Vec<&'a str>,
    claimed_scopes: Vec<&'a str>,
    claimed_keys: Vec<&'a str>,
    claimed_streams: Vec<Uuid>,
    event_streams: Vec<Uuid>,
    event_versions: Vec<i64>,
    event_ids: Vec<Uuid>,
    types: Vec<&'a str>,
    schema_versions: Vec<i16>,
    data: Vec<Json<&'a Value>>,
}

impl<'a> Columns<'a> {
    fn of(append: &'a Append, sealed: &'a Sealed<'_>) -> Self {
        let mut columns = Self { data: sealed.data.iter().map(|data| Json(&**data)).collect(), ..Self::default() };
        for stream in &append.streams {
            let mut version = stream.expected;
            for event in &stream.events {
                version += 1;
                columns.event_streams.push(stream.id);
                columns.event_versions.push(version);
                columns.event_ids.push(event.id);
                columns.types.push(&event.event_type);
                columns.schema_versions.push(event.schema_version);
            }
            columns.streams.push(stream.id);
            columns.aggregates.push(stream.aggregate);
            columns.expected.push(stream.expected);
            columns.versions.push(version);
            columns.states.push(Json(&stream.state));
            columns.state_versions.push(stream.state_version);
            columns.deleted.push(stream.deleted);
            for UniqueKey { scope, value } in &stream.released {
                columns.released_scopes.push(scope);
                columns.released_keys.push(value);
            }
            for UniqueKey { scope, value } in &stream.claimed {
                columns.claimed_scopes.push(scope);
                columns.claimed_keys.push(value);
                columns.claimed_streams.push(stream.id);
            }
        }
        columns
    }
}
