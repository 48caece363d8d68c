//! The statement that stores everything a command changes.

use fairlead_application::{
    Context,
    ports::{Append, Metadata, StreamAppend},
};
use fairlead_domain::kernel::UniqueKey;
use serde_json::{Value, value::RawValue};
use tokio_postgres::{
    Client, Row, Statement,
    types::{Json, ToSql},
};
use uuid::Uuid;

use crate::vault::Sealed;

/// The statement, for [`send`].
const APPEND: &str = "select answered, incarnation, xid, fingerprint, receipts
                        from engine.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                                           $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)";

/// The statement for an append that keeps secrets, or erases somebody who may have some.
const APPEND_WITH_SECRETS: &str = "select answered, incarnation, xid, fingerprint, receipts
                        from engine.append_with_secrets($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
                                           $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31,
                                           $32, $33, $34, $35)";

/// The statement for an append that tells something about people of other streams.
const APPEND_ABOUT_PEOPLE: &str = "select answered, incarnation, xid, fingerprint, receipts
                        from engine.append_about_people($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
                                           $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31,
                                           $32, $33, $34, $35, $36, $37)";

/// The statement for an append after which a stream refers to other records than before.
const APPEND_WITH_REFERENCES: &str = "select answered, incarnation, xid, fingerprint, receipts
                        from engine.append_with_references($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
                                           $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31,
                                           $32, $33, $34, $35, $36, $37, $38, $39, $40, $41)";

/// Which statement an append takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// What nearly every command takes.
    Plain,
    /// It keeps secrets, or erases somebody who may have some.
    WithSecrets,
    /// It tells something about people of other streams.
    AboutPeople,
    /// A stream refers to other records than before; whatever else there is.
    WithReferences,
}

impl Form {
    pub(crate) fn of(append: &Append) -> Self {
        let personal = |stream: &StreamAppend| {
            let mut fields = stream.events.iter().flat_map(|event| &event.personal);
            fields.any(|field| field.subject.is_some_and(|subject| subject != stream.id))
        };
        if append.streams.iter().any(|stream| !(stream.referred.is_empty() && stream.unreferred.is_empty())) {
            Self::WithReferences
        } else if append.streams.iter().any(personal) {
            Self::AboutPeople
        } else if append.streams.iter().any(|stream| stream.erases || !stream.secrets.is_empty()) {
            Self::WithSecrets
        } else {
            Self::Plain
        }
    }

    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Plain => APPEND,
            Self::WithSecrets => APPEND_WITH_SECRETS,
            Self::AboutPeople => APPEND_ABOUT_PEOPLE,
            Self::WithReferences => APPEND_WITH_REFERENCES,
        }
    }
}

/// Executes the statement of this form.
pub(crate) async fn send(
    client: &Client,
    statement: &Statement,
    cx: &Context,
    (form, append): (Form, &Append),
    sealed: &Sealed<'_>,
) -> Result<Row, tokio_postgres::Error> {
    let columns = Columns::of(append, sealed);
    let key = cx.idempotency.as_ref();
    let tenant = Uuid::from(cx.tenant());
    let actor = cx.actor().as_str();
    let (key, fingerprint) = (key.map(|key| key.key.as_str()), key.map(|key| &key.fingerprint[..]));
    let (receipts, metadata) = (Json(&append.receipts), Json(Metadata::from(cx)));
    let (incarnation, xid) = (append.seen.map(|seen| seen.incarnation), append.seen.map(|seen| seen.xid.cast_signed()));
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![
        &tenant,
        &actor,
        &key,
        &fingerprint,
        &receipts,
        &append.occurred_at,
        &metadata,
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
        &incarnation,
        &xid,
        &sealed.new_subjects,
        &sealed.new_keys,
        &sealed.tenant_key,
        &sealed.used_subjects,
        &sealed.erased_subjects,
    ];
    if form != Form::Plain {
        parameters.extend([&sealed.secret_streams as &(dyn ToSql + Sync), &sealed.secret_names, &sealed.secrets]);
    }
    if matches!(form, Form::AboutPeople | Form::WithReferences) {
        parameters.extend([&sealed.told_subjects as &(dyn ToSql + Sync), &sealed.told_streams]);
    }
    if form == Form::WithReferences {
        let Columns { unreferring, unreferred, referring, referred, .. } = &columns;
        parameters.extend([unreferring as &(dyn ToSql + Sync), unreferred, referring, referred]);
    }
    client.query_one(statement, &parameters).await
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
    unreferring: Vec<Uuid>,
    unreferred: Vec<Uuid>,
    referring: Vec<Uuid>,
    referred: Vec<Uuid>,
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
            columns.unreferring.extend(stream.unreferred.iter().map(|_| stream.id));
            columns.unreferred.extend(&stream.unreferred);
            columns.referring.extend(stream.referred.iter().map(|_| stream.id));
            columns.referred.extend(&stream.referred);
        }
        columns
    }
}
