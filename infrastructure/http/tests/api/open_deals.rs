//! Boards in memory: what the statement of the database counts, counted anew each time.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use chrono::TimeDelta;
use fairlead_application::{
    AppError, Context,
    access::Extent,
    crm::{BoardCell, BoardPort, BoardQuery},
};
use fairlead_domain::{
    crm::{Deal, DealStatus},
    kernel::Aggregate,
};

use crate::memory::Store;

/// Counts open deals.
pub(crate) struct OpenDeals(pub(crate) Arc<Store>);

#[async_trait]
impl BoardPort for OpenDeals {
    async fn cells(&self, cx: &Context, within: Extent<'_>, query: &BoardQuery) -> Result<Vec<BoardCell>, AppError> {
        let mut cells = BTreeMap::new();
        for deal in self.0.living::<Deal>(cx).await? {
            let Deal { profile, status, stage_entered_at, .. } = &deal.state;
            let counts = *status == DealStatus::Open
                && profile.pipeline_id == query.pipeline_id
                && within.covers(deal.state.belongs());
            let Some(stage) = query.stages.iter().find(|stage| counts && stage.stage_id == profile.stage_id) else {
                continue;
            };
            let currency = profile.value.map(|value| value.currency().code().to_owned());
            let cell = cells.entry((stage.counted_in, currency.clone())).or_insert(BoardCell {
                stage_id: stage.counted_in,
                currency,
                deals: 0,
                amount: 0,
                weighted: 0,
                rotting: 0,
            });
            let amount = profile.value.map_or(0, |value| value.minor());
            let patience = stage.rotting_days.map(|days| TimeDelta::days(days.into()));
            cell.deals += 1;
            cell.amount += amount;
            cell.weighted += amount * i64::from(stage.probability.get()) / 100;
            cell.rotting += i64::from(patience.is_some_and(|patience| *stage_entered_at + patience < query.now));
        }
        Ok(cells.into_values().collect())
    }
}
