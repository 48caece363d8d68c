//! A query whose rows are fetched by and by, so that none of the size of a table is held in memory.

use deadpool_postgres::Object;
use fairlead_application::log::LogError;
use tokio_postgres::{Row, types::ToSql};

use crate::connect::log_error;

/// A cursor of the present transaction.
pub(super) struct Cursor {
    fetch: String,
    page: u32,
    ended: bool,
}

impl Cursor {
    /// Begins a query over whole tables. It is planned for being read to its end, unlike all else that the engine asks.
    pub(super) async fn declare(
        client: &Object,
        name: &'static str,
        page: u32,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Self, LogError> {
        const WHOLE: &str =
            "set local enable_seqscan = on; set local enable_hashjoin = on; set local enable_mergejoin = on;
                             set local cursor_tuple_fraction = 1";
        const PART: &str =
            "set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off";
        client.batch_execute(WHOLE).await.map_err(log_error)?;
        let declare = format!("declare {name} no scroll cursor for {sql}");
        client.execute(&declare, parameters).await.map_err(log_error)?;
        client.batch_execute(PART).await.map_err(log_error)?;
        Ok(Self { fetch: format!("fetch {page} from {name}"), page, ended: false })
    }

    /// The next rows; none at the end.
    pub(super) async fn page(&mut self, client: &Object) -> Result<Vec<Row>, LogError> {
        if self.ended {
            return Ok(Vec::new());
        }
        let rows = client.query(&self.fetch, &[]).await.map_err(log_error)?;
        self.ended = rows.len() < self.page as usize;
        Ok(rows)
    }
}
