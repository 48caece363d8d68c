//! Who buys is a customer.

use std::collections::BTreeSet;

use async_trait::async_trait;
use fairlead_domain::{
    crm::{Company, CompanyChange, CompanyCommand, Contact, ContactChange, ContactCommand, Deal},
    kernel::{Aggregate, Patch},
    values::LifecycleStage,
};
use uuid::Uuid;

use crate::{
    App, AppError, Expected, Recorded, Step,
    access::{Authorized, System},
    policy::{Happened, Policy},
};

/// How many records may have been merged in a row, until nobody looks further.
const MAX_MERGES: usize = 20;

/// Brings the companies and contacts of a deal that was won to the lifecycle stage `customer`. For one that was merged stands
/// the one that took it in; what is deleted is passed over.
#[derive(Debug, Default)]
pub struct WinCustomers(());

impl WinCustomers {
    /// The policy.
    pub fn new() -> Self {
        Self(())
    }
}

#[async_trait]
impl Policy for WinCustomers {
    type On = Deal;
    const NAME: &'static str = "crm.win_customers";

    fn events(&self) -> &'static [&'static str] {
        &["deal.won"]
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, won: Happened<Deal>) -> Result<(), AppError> {
        let Some(deal) = app.read::<Deal>(cx, won.id).await? else { return Ok(()) };
        let profile = deal.state.profile;
        let customer = || Patch::Set(Some(LifecycleStage::Customer));
        let company = CompanyChange { lifecycle_stage: customer(), ..CompanyChange::default() };
        let contact = ContactChange { lifecycle_stage: customer(), ..ContactChange::default() };
        let company = CompanyCommand::Change(Box::new(company));
        let contact = ContactCommand::Change(Box::new(contact));
        let mut steps = changed::<Company>(app, cx, profile.company_ids.into_iter().collect(), &company).await?;
        steps.extend(changed::<Contact>(app, cx, profile.contact_ids.into_iter().collect(), &contact).await?);
        match app.execute_all(cx, &steps).await {
            // Others were quicker: the event is met again.
            Err(AppError::Stale { .. }) => Err(AppError::Contended),
            outcome => outcome.map(drop),
        }
    }
}

/// The command for each of the records that lives, as it was seen, or for the one that took it in.
async fn changed<A: Aggregate>(
    app: &App,
    cx: &Authorized<System>,
    ids: Vec<A::Id>,
    command: &A::Command,
) -> Result<Vec<Step>, AppError> {
    let (mut steps, mut found) = (Vec::new(), BTreeSet::<Uuid>::new());
    for id in ids {
        if let Some(record) = living::<A>(app, cx, id).await?.filter(|record| found.insert(record.id)) {
            steps.push(Step::new::<A>(cx, record.id.into(), Expected::Exactly(record.version), command.clone()));
        }
    }
    Ok(steps)
}

async fn living<A: Aggregate>(
    app: &App,
    cx: &Authorized<System>,
    mut id: A::Id,
) -> Result<Option<Recorded<A>>, AppError> {
    for _ in 0..=MAX_MERGES {
        let Some(record) = app.read::<A>(cx, id).await? else { return Ok(None) };
        match record.state.successor() {
            Some(successor) => id = successor,
            None => return Ok(Some(record).filter(|record| !record.state.is_deleted())),
        }
    }
    Ok(None)
}
