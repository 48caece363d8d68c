//! What must be there before the first migration: the database, the roles, and those who log in.

use sea_orm_migration::sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// Who logs in, as a member of which group.
#[derive(Clone)]
pub struct Login {
    /// The role's name.
    pub name: String,
    /// Given to the role when it is made here.
    pub password: Option<String>,
    /// `fairlead_app` or `fairlead_engine`.
    pub group: &'static str,
}

/// The database can't be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Nobody answers at the URL, or the administrator is refused.
    #[error("can't connect to the database as the administrator of database_url: {0}")]
    Connect(#[source] sqlx::Error),
    /// The administrator may not do it.
    #[error("can't {what}: {source}")]
    Refused {
        /// What was to be done.
        what: String,
        /// What the database answered.
        source: sqlx::Error,
    },
}

/// Makes the database, the roles and the logins that are missing. What exists stays as it is.
///
/// # Errors
/// [`PrepareError`]
pub async fn prepare(admin: &PgConnectOptions, logins: &[Login]) -> Result<(), PrepareError> {
    let mut connection = match PgConnection::connect_with(admin).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("3D000") => {
            create_database(admin).await?;
            PgConnection::connect_with(admin).await
        }
        connection => connection,
    }
    .map_err(PrepareError::Connect)?;
    let refused = |what: &str| {
        let what = what.to_owned();
        move |source| PrepareError::Refused { what, source }
    };
    sqlx::raw_sql(include_str!("prepare.sql")).execute(&mut connection).await.map_err(refused("create the roles"))?;
    for login in logins {
        let what = format!("create the login {}", login.name);
        // Names and passwords can't be parameters of DDL; format() quotes them on the server.
        let sql = sqlx::query_scalar::<_, String>(
            "select case when to_regrole(quote_ident($1)) is null
                         then format('create role %I login password %L in role %I', $1, $2, $3)
                         when not pg_has_role($1, $3, 'member') then format('grant %I to %I', $3, $1)
                         else 'select' end",
        );
        let sql = sql.bind(&login.name).bind(&login.password).bind(login.group);
        let sql = sql.fetch_one(&mut connection).await.map_err(refused(&what))?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.map_err(refused(&what))?;
    }
    connection.close().await.map_err(PrepareError::Connect)
}

async fn create_database(admin: &PgConnectOptions) -> Result<(), PrepareError> {
    let name = admin.get_database().unwrap_or_else(|| admin.get_username());
    let refused = |source| PrepareError::Refused { what: format!("create the database {name}"), source };
    let maintenance = admin.clone().database("postgres");
    let mut connection = PgConnection::connect_with(&maintenance).await.map_err(PrepareError::Connect)?;
    let sql = sqlx::query_scalar::<_, String>("select format('create database %I', $1)").bind(name);
    let sql = sql.fetch_one(&mut connection).await.map_err(refused)?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.map_err(refused)?;
    Ok(())
}

/// A connection that acts as `fairlead_owner`, for migrations.
///
/// # Errors
/// [`PrepareError::Connect`]
pub async fn connect_as_owner(admin: &PgConnectOptions) -> Result<DatabaseConnection, PrepareError> {
    let options = admin.clone().options([("role", "fairlead_owner")]);
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.map_err(PrepareError::Connect)?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}
