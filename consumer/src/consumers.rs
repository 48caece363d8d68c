//! All consumers whose tables lie in one schema.

use deadpool_postgres::Pool;

use crate::{ConfigError, Operator, TablesError, builder, tables::Tables};

const COUNTS: &str = "select consumer, count(*), count(dead_at) from @.inbox_held
                       where (due_at is not null or dead_at is not null) and (consumer = $1 or $1 is null)
                       group by consumer order by consumer";
/// Whether a consumer has handled anything. The inbox has no index that begins with the consumer, since it is written all
/// the time; so the tenants are gone through by the one it has, until the first that knows the name.
const HAS_HANDLED: &str = "with recursive tenants (id) as (
         (select i.tenant_id from @.inbox i order by i.tenant_id limit 1)
         union all
         select (select i.tenant_id from @.inbox i where i.tenant_id > t.id order by i.tenant_id limit 1)
           from tenants t where t.id is not null
       )
       select exists (select from tenants t
                       where exists (select from @.inbox i where i.tenant_id = t.id and i.consumer = $1))";

/// All consumers whose tables lie in one schema of one database: for operators who don't know them by name.
#[derive(Clone)]
pub struct Consumers {
    pool: Pool,
    schema: String,
    tables: Tables,
}

/// How many streams of a consumer wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerCounts {
    /// Its name.
    pub name: String,
    /// Streams that wait, the dead ones included.
    pub held: i64,
    /// Streams that it has given up.
    pub dead: i64,
}

impl Consumers {
    /// The consumers with their tables in this schema.
    ///
    /// # Errors
    /// [`ConfigError::Schema`]
    pub fn new(pool: Pool, schema: &str) -> Result<Self, ConfigError> {
        // The name stands for none of them.
        let tables = Tables::new(pool.clone(), schema, "").map_err(ConfigError::Schema)?;
        Ok(Self { pool, schema: schema.to_owned(), tables })
    }

    /// Those that have set anything aside, by name.
    ///
    /// # Errors
    /// [`TablesError`]
    pub async fn counts(&self) -> Result<Vec<ConsumerCounts>, TablesError> {
        self.counted(None).await
    }

    /// One of them; `None` when it has neither handled nor set aside anything that is remembered.
    ///
    /// # Errors
    /// [`TablesError`]
    pub async fn counts_of(&self, name: &str) -> Result<Option<ConsumerCounts>, TablesError> {
        if let Some(counts) = self.counted(Some(name)).await?.pop() {
            return Ok(Some(counts));
        }
        let row = self.tables.client().await?.query_one(&self.tables.sql(HAS_HANDLED), &[&name]).await?;
        Ok(row.get::<_, bool>(0).then(|| ConsumerCounts { name: name.to_owned(), held: 0, dead: 0 }))
    }

    /// The operator of one of them, whether it is known or not.
    ///
    /// # Errors
    /// [`ConfigError::Name`]
    pub fn operator(&self, name: &str) -> Result<Operator, ConfigError> {
        Ok(Operator { tables: builder::tables(self.pool.clone(), &self.schema, name)? })
    }

    async fn counted(&self, name: Option<&str>) -> Result<Vec<ConsumerCounts>, TablesError> {
        let rows = self.tables.client().await?.query(&self.tables.sql(COUNTS), &[&name]).await?;
        let counts =
            |row: &tokio_postgres::Row| ConsumerCounts { name: row.get(0), held: row.get(1), dead: row.get(2) };
        Ok(rows.iter().map(counts).collect())
    }
}
