//! Trying again what was set aside. Any instance may do it: the stream's lock keeps them apart.

use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::sleep;
use tokio_postgres::types::ToSql;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, warn};
use uuid::Uuid;

use crate::{
    Event,
    backoff::Backoff,
    decide::Next,
    handler::{Reason, Trouble, with_causes},
    measure,
    tables::{State, StreamKey, Tables, TablesError, seconds, text},
    work::Work,
};

/// Heads that are tried in one round.
const BATCH: i64 = 64;
/// The longest time until the table is looked at: other instances and operators change it as well.
const LOOK: Duration = Duration::from_secs(5);
/// After a round in which others had everything that was due.
const CROWDED: Duration = Duration::from_millis(200);

/// The first message of a stream that waits.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) key: StreamKey,
    pub(crate) number: i64,
    pub(crate) event: Uuid,
    pub(crate) attempts: i32,
    pub(crate) body: Vec<u8>,
}

impl Work {
    /// Tries what is due, until told to stop.
    pub(crate) async fn retry(&self, stop: &CancellationToken) {
        let mut backoff = Backoff::new();
        let mut looked_at_unreadable = false;
        while !stop.is_cancelled() {
            let round = async {
                if !looked_at_unreadable {
                    // This program may be the newer one that they wait for.
                    self.tables.make_unreadable_due().await?;
                    looked_at_unreadable = true;
                }
                self.round(stop).await
            };
            match round.await {
                Ok(pause) => {
                    backoff.reset();
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = self.held.notified() => {}
                        () = sleep(pause) => {}
                    }
                }
                Err(error) => {
                    let error = with_causes(&error);
                    warn!(consumer = self.consumer(), error, "what is set aside waits for the database");
                    backoff.pause(stop).await;
                }
            }
        }
    }

    /// Tries everything that is due once; returns the time until more will be.
    async fn round(&self, stop: &CancellationToken) -> Result<Duration, TablesError> {
        let due = self.tables.due().await?;
        if due.is_empty() {
            let (held, next) = self.tables.outlook().await?;
            measure::held(self.consumer(), held);
            return Ok(next.map_or(LOOK, |next| next.min(LOOK)));
        }
        let tried: Vec<_> = stream::iter(due)
            .map(|head| async move { if stop.is_cancelled() { Ok(false) } else { self.try_head(head).await } })
            .buffer_unordered(self.lanes)
            .collect()
            .await;
        let worked = tried.into_iter().collect::<Result<Vec<_>, _>>()?.contains(&true);
        Ok(if worked { Duration::ZERO } else { CROWDED })
    }

    /// One attempt at a head; false when another instance has it.
    async fn try_head(&self, head: Head) -> Result<bool, TablesError> {
        let attempts = u32::try_from(head.attempts).unwrap_or(0);
        if self.retries.are_used_up(attempts) {
            // The last attempt never ended: it took the program with it.
            let trouble = Trouble::failed("the last attempt ended without an answer");
            self.failed(&head, &trouble, Next::Dead { attempts }).await?;
            return Ok(true);
        }
        // Counted before it begins, so that a message that ends the program is not tried for ever.
        let attempt = attempts + 1;
        if !self.tables.claim(&head, self.retries.delay(head.event, attempt)).await? {
            return Ok(false);
        }
        let claimed = Head { attempts: head.attempts + 1, ..head };
        measure::retry(self.consumer());
        match Event::parse(&claimed.body) {
            Ok(event) => self.try_claimed(&claimed, &event, attempt).instrument(self.span(&event, attempt)).await?,
            Err(error) => {
                let trouble = Trouble { reason: Reason::Unreadable, error: error.to_string() };
                let next = self.retries.after(trouble.reason, claimed.event, attempt);
                self.failed(&claimed, &trouble, next).await?;
            }
        }
        Ok(true)
    }

    async fn try_claimed(&self, head: &Head, event: &Event, attempt: u32) -> Result<(), TablesError> {
        let mut client = self.tables.client().await?;
        let transaction = client.transaction().await?;
        self.tables.lock(&transaction, head.key).await?;
        if !self.tables.take(&transaction, head).await? {
            return Ok(()); // An operator discarded it, or a slower attempt of another instance succeeded after all.
        }
        let trouble = match self.call(&transaction, event).await {
            Ok(()) => {
                let recorded = self.tables.record_and_promote(&transaction, head.key, head.event).await;
                let Some(trouble) = self.make_lasting(transaction, recorded).await? else { return Ok(()) };
                trouble
            }
            Err(trouble) => {
                transaction.rollback().await?;
                trouble
            }
        };
        drop(client);
        let next = self.retries.after(trouble.reason, event.id, attempt);
        self.failed(head, &trouble, next).await
    }

    async fn failed(&self, head: &Head, trouble: &Trouble, next: Next) -> Result<(), TablesError> {
        if self.tables.failed(head, trouble, next).await? {
            self.tell(trouble, next);
        }
        Ok(())
    }
}

impl Tables {
    async fn make_unreadable_due(&self) -> Result<(), TablesError> {
        let sql = "update @.inbox_held set due_at = now()
                    where consumer = $1 and due_at is not null and reason = 'unreadable'";
        self.execute(&self.client().await?, sql, &[&&*self.consumer]).await?;
        Ok(())
    }

    async fn due(&self) -> Result<Vec<Head>, TablesError> {
        let sql = "select tenant_id, stream_id, number, event_id, attempts, body from @.inbox_held
                    where consumer = $1 and due_at <= now() order by due_at limit $2";
        let client = self.client().await?;
        let statement = client.prepare_cached(&self.sql(sql)).await?;
        let rows = client.query(&statement, &[&&*self.consumer, &BATCH]).await?;
        let head = |row: &tokio_postgres::Row| Head {
            key: StreamKey { tenant: row.get(0), stream: row.get(1) },
            number: row.get(2),
            event: row.get(3),
            attempts: row.get(4),
            body: row.get(5),
        };
        Ok(rows.iter().map(head).collect())
    }

    /// How many messages are set aside, and the time until the next attempt.
    async fn outlook(&self) -> Result<(i64, Option<Duration>), TablesError> {
        let sql = "select count(*), extract(epoch from min(due_at) - now())::float8
                     from @.inbox_held where consumer = $1";
        let client = self.client().await?;
        let row = client.query_one(&client.prepare_cached(&self.sql(sql)).await?, &[&&*self.consumer]).await?;
        let next: Option<f64> = row.get(1);
        // Not at once, for a rounding's sake.
        let next = next.map(|seconds| Duration::from_secs_f64(seconds.clamp(0.001, 3600.0)));
        Ok((row.get(0), next))
    }

    /// Counts an attempt and makes the next one due, in case this one never ends. False when it isn't ours to make.
    async fn claim(&self, head: &Head, delay: Duration) -> Result<bool, TablesError> {
        let sql = "update @.inbox_held set attempts = attempts + 1, due_at = now() + $6::float8 * interval '1 second'
                    where tenant_id = $1 and consumer = $2 and stream_id = $3 and number = $4 and attempts = $5
                      and due_at <= now()";
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        // Whoever has the lock may be in the middle of an attempt, which can take long.
        if !self.try_lock(&transaction, head.key).await? {
            return Ok(false);
        }
        let StreamKey { tenant, stream } = head.key;
        let delay = seconds(delay);
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&tenant, &&*self.consumer, &stream, &head.number, &head.attempts, &delay];
        let claimed = self.execute(&transaction, sql, &parameters).await? == 1;
        transaction.commit().await?;
        Ok(claimed)
    }

    /// Takes the head out of the table, with everything else that this transaction does.
    async fn take(&self, transaction: &deadpool_postgres::Transaction<'_>, head: &Head) -> Result<bool, TablesError> {
        let sql = "delete from @.inbox_held
                    where tenant_id = $1 and consumer = $2 and stream_id = $3 and number = $4 and attempts = $5";
        let StreamKey { tenant, stream } = head.key;
        let parameters: [&(dyn ToSql + Sync); 5] = [&tenant, &&*self.consumer, &stream, &head.number, &head.attempts];
        Ok(self.execute(transaction, sql, &parameters).await? == 1)
    }

    /// Records that the event took effect, which is out of the table already; who stood behind it is due.
    pub(crate) async fn record_and_promote(
        &self,
        transaction: &deadpool_postgres::Transaction<'_>,
        key: StreamKey,
        event: Uuid,
    ) -> Result<(), tokio_postgres::Error> {
        let sql = "with recorded as (insert into @.inbox (tenant_id, consumer, event_id) values ($1, $2, $4))
                   update @.inbox_held set due_at = now()
                    where tenant_id = $1 and consumer = $2 and stream_id = $3 and number =
                          (select min(number) from @.inbox_held where tenant_id = $1 and consumer = $2 and stream_id = $3)";
        let StreamKey { tenant, stream } = key;
        self.execute(transaction, sql, &[&tenant, &&*self.consumer, &stream, &event]).await.map(drop)
    }

    /// Writes down what became of an attempt. False when the head is no longer what it was.
    async fn failed(&self, head: &Head, trouble: &Trouble, next: Next) -> Result<bool, TablesError> {
        let sql = "update @.inbox_held
                      set attempts = $6, reason = $7, error = $8, failed_at = coalesce(failed_at, now()),
                          due_at = now() + $9::float8 * interval '1 second', dead_at = case when $10 then now() end,
                          letter_at = null
                    where tenant_id = $1 and consumer = $2 and stream_id = $3 and number = $4 and attempts = $5
                      and dead_at is null";
        let StreamKey { tenant, stream } = head.key;
        let (state, error, reason) = (State::of(next), text(&trouble.error), trouble.reason.as_str());
        let parameters: [&(dyn ToSql + Sync); 10] = [
            &tenant,
            &&*self.consumer,
            &stream,
            &head.number,
            &head.attempts,
            &state.attempts,
            &reason,
            &error,
            &state.due_in,
            &state.dead,
        ];
        Ok(self.execute(&self.client().await?, sql, &parameters).await? == 1)
    }
}
