//! The tables in a service's own database.

use tokio_postgres::Client;

/// The one text of the tables; Fairlead's own database has them by a migration of the same text.
const SQL: &str = include_str!("../sql/inbox.sql");

/// The tables of a service's consumers.
pub struct Inbox;

/// The tables can't be made.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A schema's name is a lower-case word here, so that it reads the same in every statement.
    #[error("{0:?} can't be a schema: expected lower-case letters, digits and underscores, and no digit first")]
    Schema(String),
    /// The database refuses.
    #[error("the inbox can't be installed")]
    Database(#[from] tokio_postgres::Error),
}

impl Inbox {
    /// Makes the schema and the tables, unless they are there. Whoever calls it owns them; another login that consumes
    /// needs `usage` on the schema, `execute` on its functions and all rights but `truncate` on its tables.
    ///
    /// # Errors
    /// [`InstallError`]
    pub async fn install(client: &mut Client, schema: &str) -> Result<(), InstallError> {
        let quoted = quoted(schema)?;
        let transaction = client.transaction().await?;
        // Of several that start at once, one installs.
        let lock = "select pg_advisory_xact_lock(hashtextextended('install inbox', 0))";
        transaction.execute(lock, &[]).await?;
        let there = "select to_regclass($1) is not null";
        if !transaction.query_one(there, &[&format!("{quoted}.inbox")]).await?.get::<_, bool>(0) {
            let path = format!("create schema if not exists {quoted}; set local search_path = {quoted}, pg_temp;");
            transaction.batch_execute(&path).await?;
            transaction.batch_execute(SQL).await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// The name as it stands in statements. The form leaves nothing to be escaped.
pub(crate) fn quoted(schema: &str) -> Result<String, InstallError> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let fits = (1..=63).contains(&schema.len()) && schema.chars().all(word);
    if fits && !schema.starts_with(|c: char| c.is_ascii_digit()) {
        Ok(format!("\"{schema}\""))
    } else {
        Err(InstallError::Schema(schema.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_schema_is_a_word() {
        assert_eq!(quoted("mailer_2").unwrap(), "\"mailer_2\"");
        for name in ["", "2mailers", "Mailer", "a.b", "a\"; drop table b; --", &"a".repeat(64)] {
            assert!(quoted(name).is_err(), "{name}");
        }
    }
}
