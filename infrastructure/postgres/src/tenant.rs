//! Reading as a tenant: a transaction that can only be opened with a [`Context`].

use async_trait::async_trait;
use fairlead_application::Context;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sqlx::{AssertSqlSafe, Executor, PgPool, Postgres, SqlSafeStr, Transaction, query_with};
use tokio::sync::Mutex;
use uuid::Uuid;

/// A read-only transaction in which row-level security shows one tenant. Ends when it is dropped.
pub(crate) struct TenantTransaction(Mutex<Transaction<'static, Postgres>>);

impl TenantTransaction {
    /// Opens the transaction and enters the tenant, in one round trip.
    pub(crate) async fn begin(pool: &PgPool, cx: &Context) -> Result<Self, DbErr> {
        // A UUID is printed in digits and hyphens alone.
        let tenant = Uuid::from(cx.tenant()).hyphenated();
        let begin = format!("begin read only; select set_config('app.tenant_id', '{tenant}', true)");
        let transaction = pool.begin_with(AssertSqlSafe(begin).into_sql_str()).await.map_err(query_error)?;
        Ok(Self(Mutex::new(transaction)))
    }

    /// Ends the transaction, so that its connection is free without another round trip later.
    pub(crate) async fn end(self) -> Result<(), DbErr> {
        self.0.into_inner().commit().await.map_err(query_error)
    }
}

fn query_error(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

/// The statement with its values bound, as sqlx takes it.
macro_rules! bound {
    ($statement:expr) => {{
        let Statement { sql, values, .. } = $statement;
        let values = sea_query_sqlx::SqlxValues(values.unwrap_or(sea_orm::Values(Vec::new())));
        query_with(AssertSqlSafe(sql), values)
    }};
}

#[async_trait]
impl ConnectionTrait for TenantTransaction {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut transaction = self.0.lock().await;
        (&mut **transaction).execute(bound!(statement)).await.map(Into::into).map_err(query_error)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut transaction = self.0.lock().await;
        let sql = AssertSqlSafe(sql.to_owned());
        (&mut **transaction).execute(sql).await.map(Into::into).map_err(query_error)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut transaction = self.0.lock().await;
        let row = (&mut **transaction).fetch_optional(bound!(statement)).await.map_err(query_error)?;
        Ok(row.map(Into::into))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut transaction = self.0.lock().await;
        let rows = (&mut **transaction).fetch_all(bound!(statement)).await.map_err(query_error)?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}
