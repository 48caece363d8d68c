//! Reading whatever a tenant has, to be taken out.

use async_trait::async_trait;
use fairlead_application::{
    AppError, Context,
    envelope::Place,
    export::{AnyStream, ExportPort},
};
use fairlead_domain::ids::UserId;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::{
    PostgresStore,
    event_store::{internal, store_error, stored_stream},
};

const END: &str = "select incarnation, position from engine.ticks order by number desc limit 1";
const RECORDS: &str =
    "select stream_id, aggregate, version, state_version, state, created_at, updated_at, incarnation, xid,
                              deleted
                         from engine.records($1, $2, $3)";
const ENDED_SESSIONS: &str = "select engine.ended_sessions($1, $2)";

#[async_trait]
impl ExportPort for PostgresStore {
    async fn end(&self, _: &Context) -> Result<Place, AppError> {
        let (client, end) = self.prepared(END).await?;
        let row = client.query_one(&end, &[]).await.map_err(store_error)?;
        let incarnation = row.try_get(0).map_err(internal)?;
        Ok(Place { incarnation, position: row.try_get(1).map_err(internal)? })
    }

    async fn records(&self, cx: &Context, after: Option<Uuid>, limit: u16) -> Result<Vec<AnyStream>, AppError> {
        let (client, records) = self.prepared(RECORDS).await?;
        let wanted: [&(dyn ToSql + Sync); 3] = [&Uuid::from(cx.tenant()), &after, &i32::from(limit)];
        let rows = client.query(&records, &wanted).await.map_err(store_error)?;
        let any = rows
            .iter()
            .map(|row| Ok(AnyStream { stream: stored_stream(row, 0, cx.tenant())?, deleted: row.try_get(9)? }));
        Ok(any.collect::<Result<_, tokio_postgres::Error>>().map_err(internal)?)
    }

    async fn ended_sessions(&self, cx: &Context, user: UserId) -> Result<Vec<Uuid>, AppError> {
        let (client, sessions) = self.prepared(ENDED_SESSIONS).await?;
        let rows =
            client.query(&sessions, &[&Uuid::from(cx.tenant()), &user.to_string()]).await.map_err(store_error)?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(internal)?)
    }
}
