//! The global order: dense, and of events that are there.

use deadpool_postgres::Object;
use fairlead_application::{log::LogError, verify::Fault};
use uuid::Uuid;

use super::{Findings, cursor::Cursor};
use crate::connect::log_error;

/// Rows read at once.
const PAGE: u32 = 1_000;

const GAPS: &str = "select o.before + 1, o.position - 1
                      from (select position, lag(position, 1, 0::bigint) over (order by position) as before
                              from engine.outbox) o
                     where o.position > o.before + 1";
const ENDS: &str =
    "select t.position, coalesce((select o.position from engine.outbox o order by o.position desc limit 1), 0)
                      from engine.ticks t order by t.number desc limit 1";
const ENTRIES: &str = "select o.tenant_id, o.stream_id, o.position, o.version, e.event_id is null
                         from engine.outbox o
                         left join engine.events e
                           on e.tenant_id = o.tenant_id and e.stream_id = o.stream_id and e.version = o.version
                        where ($1::uuid is null or o.tenant_id = $1)
                          and (e.event_id is null
                               and not (o.version = -o.position
                                        and exists (select from engine.purged p where p.tenant_id = o.tenant_id))
                               or o.slot <> engine.slot(o.tenant_id, o.stream_id))";

/// Whether every position stands for an event, or for nothing in an organization that was purged; and of the whole order, whether none is left out.
pub(super) async fn check(
    client: &Object,
    organization: Option<Uuid>,
    findings: &mut Findings<'_>,
) -> Result<(), LogError> {
    if organization.is_none() {
        let mut gaps = Cursor::declare(client, "verified_gaps", PAGE, GAPS, &[]).await?;
        while let rows @ [_, ..] = &*gaps.page(client).await? {
            for row in rows {
                findings.of_all(Fault::Positions { from: row.get(0), to: row.get(1) });
            }
        }
        let row = client.query_one(ENDS, &[]).await.map_err(log_error)?;
        let (tick, last): (i64, i64) = (row.get(0), row.get(1));
        if last < tick {
            findings.of_all(Fault::Positions { from: last + 1, to: tick });
        } else if last > tick {
            findings.of_all(Fault::BeyondTick { last, tick });
        }
    }
    let mut entries = Cursor::declare(client, "verified_entries", PAGE, ENTRIES, &[&organization]).await?;
    while let rows @ [_, ..] = &*entries.page(client).await? {
        for row in rows {
            let position = row.get(2);
            let fault =
                if row.get(4) { Fault::NoEvent { position, version: row.get(3) } } else { Fault::Slot(position) };
            findings.of(row.get(0), row.get(1), None, fault);
        }
    }
    Ok(())
}
