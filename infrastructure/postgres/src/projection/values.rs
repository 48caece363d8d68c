//! Rows of custom attributes beside the rows of a list.

use deadpool_postgres::Object;
use fairlead_domain::values::{AttributeKey, AttributeValue};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::ProjectionError;

/// How many characters of a text are filtered and sorted by.
const MAX_TEXT: usize = 256;

/// A row: one value, or one of several.
#[derive(Debug, Serialize)]
struct ValueRow<'a> {
    tenant_id: Uuid,
    id: Uuid,
    key: &'a str,
    n: usize,
    text: Option<String>,
    number: Option<f64>,
}

/// The rows of a record's attributes.
pub(super) fn value_rows<'a>(
    tenant: Uuid,
    id: Uuid,
    attributes: impl IntoIterator<Item = (&'a AttributeKey, &'a AttributeValue)>,
) -> Result<Vec<Value>, serde_json::Error> {
    let mut rows = Vec::new();
    for (key, value) in attributes {
        for (n, (text, number)) in kept(value).into_iter().enumerate() {
            rows.push(serde_json::to_value(ValueRow { tenant_id: tenant, id, key: key.as_str(), n, text, number })?);
        }
    }
    Ok(rows)
}

/// A value as it is compared, in the same form as a filter's: a text in lower case, or a number.
fn kept(value: &AttributeValue) -> Vec<(Option<String>, Option<f64>)> {
    let text = |text: &str| (Some(text.to_lowercase().chars().take(MAX_TEXT).collect()), None);
    match value {
        AttributeValue::Text(words) => vec![text(words)],
        AttributeValue::Number(number) => vec![(None, number.as_f64())],
        AttributeValue::Flag(flag) => vec![text(&flag.to_string())],
        AttributeValue::Chosen(chosen) => chosen.iter().map(|key| text(key.as_str())).collect(),
        #[expect(clippy::cast_precision_loss, reason = "amounts are 10^15 at most")]
        AttributeValue::Money(money) => vec![(None, Some(money.minor() as f64))],
        AttributeValue::Record(record) => vec![text(&record.id.to_string())],
    }
}

/// Makes these the rows of some records: others of them go.
pub(super) async fn write(
    client: &Object,
    table: &str,
    records: &[(Uuid, Uuid)],
    rows: Vec<Value>,
) -> Result<(), ProjectionError> {
    let (tenants, ids): (Vec<_>, Vec<_>) = records.iter().copied().unzip();
    let sql = format!(
        "with wanted as materialized (select * from jsonb_populate_recordset(null::{table}, $3)),
              gone as (delete from {table} v using unnest($1::uuid[], $2::uuid[]) as record (tenant_id, id)
                        where v.tenant_id = record.tenant_id and v.id = record.id
                          and not exists (select from wanted w where w.tenant_id = v.tenant_id and w.id = v.id
                                                                 and w.key = v.key and w.n = v.n))
         insert into {table} as present (tenant_id, id, key, n, text, number)
         select tenant_id, id, key, n, text, number from wanted
         on conflict (tenant_id, id, key, n) do update set (text, number) = row(excluded.text, excluded.number)
          where (present.text, present.number) is distinct from (excluded.text, excluded.number)"
    );
    let statement = client.prepare_cached(&sql).await?;
    client.execute(&statement, &[&tenants, &ids, &Json(Value::Array(rows))]).await?;
    Ok(())
}

/// Those of some records whose rows are others than these.
pub(super) async fn differing(
    client: &Object,
    table: &str,
    records: &[(Uuid, Uuid)],
    rows: Vec<Value>,
) -> Result<Vec<(Uuid, Uuid)>, ProjectionError> {
    let (tenants, ids): (Vec<_>, Vec<_>) = records.iter().copied().unzip();
    let sql = format!(
        "select distinct tenant_id, id
           from (select * from jsonb_populate_recordset(null::{table}, $3)) as wanted
           full join (select v.* from {table} v
                        join unnest($1::uuid[], $2::uuid[]) as record (tenant_id, id) using (tenant_id, id)) as found
             using (tenant_id, id, key, n)
          where (wanted.text, wanted.number) is distinct from (found.text, found.number)"
    );
    let found = client.query(&sql, &[&tenants, &ids, &Json(Value::Array(rows))]).await?;
    found.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
