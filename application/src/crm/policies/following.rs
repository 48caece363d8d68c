//! What names a record that is merged comes to name the one that took it in.
//!
//! Two may meet: a record is merged, and at the same moment another one comes to name it. Whichever the order, it is mended,
//! since both sides are looked at. The reaction to `*.merged` begins when the merge is committed, and asks the store who names the
//! loser; the reaction to the event by which the loser came to be named begins when that is committed, and asks whether what
//! is named was merged. Of two transactions that are committed, one is so first: if the naming, the reaction to the merge, which
//! comes behind both, sees the name; if the merge, the reaction to the naming sees it. When both see the other, the second one
//! finds that it is so already. What a reaction writes is such a naming itself, and is looked at in turn: so a successor that is
//! merged meanwhile is followed, too.

use async_trait::async_trait;
use fairlead_domain::{
    crm::{Activity, ActivityEvent, Company, CompanyEvent, Contact, ContactEvent, Deal, DealEvent},
    values::{RecordRef, RecordType},
};
use uuid::Uuid;

use super::{
    naming::{follow, follow_parent, mend, mend_parent, successor},
    stages::leave_retired,
};
use crate::{
    App, AppError,
    access::{Authorized, System},
    policy::{Happened, Policy},
};

/// Declares a policy without settings.
macro_rules! policies {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name(());

        impl $name {
            /// The policy.
            pub fn new() -> Self {
                Self(())
            }
        }
    )+};
}

policies! {
    /// Where a contact was merged, has deals and activities name its successor. Has a contact that comes to belong to a merged
    /// company belong to the company's successor.
    FollowContacts
    /// Where a company was merged, has deals, contacts, activities and the companies that belong to it name its successor; also
    /// when a company comes to belong to it just then.
    FollowCompanies
    /// Has a deal that comes to name what was merged name the successor, and one that enters a retired stage leave it.
    FollowDeals
    /// Has an activity that comes to be about what was merged be about the successor.
    FollowActivities
}

#[async_trait]
impl Policy for FollowContacts {
    type On = Contact;
    const NAME: &'static str = "crm.follow_contacts";

    fn events(&self) -> &'static [&'static str] {
        &["contact.merged", "contact.created", "contact.company_linked", "contact.absorbed"]
    }

    fn concerns(&self, event: &ContactEvent) -> bool {
        match event {
            ContactEvent::Created(profile) | ContactEvent::Absorbed { profile, .. } => !profile.companies.is_empty(),
            _ => true,
        }
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, happened: Happened<Contact>) -> Result<(), AppError> {
        let id = happened.id;
        match happened.event {
            ContactEvent::Merged { into } => {
                let winner = successor::<Contact>(app, cx, into).await?.unwrap_or(into);
                follow::<Deal, Contact>(app, cx, id, winner).await?;
                follow::<Activity, Contact>(app, cx, id, winner).await
            }
            ContactEvent::Created(profile) | ContactEvent::Absorbed { profile, .. } => {
                mend::<Contact, Company>(app, cx, id, profile.companies.into_keys()).await
            }
            ContactEvent::CompanyLinked { company_id, .. } => mend::<Contact, Company>(app, cx, id, [company_id]).await,
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Policy for FollowCompanies {
    type On = Company;
    const NAME: &'static str = "crm.follow_companies";

    fn events(&self) -> &'static [&'static str] {
        &["company.merged", "company.created", "company.parent_changed", "company.absorbed"]
    }

    fn concerns(&self, event: &CompanyEvent) -> bool {
        match event {
            CompanyEvent::Created(profile) => profile.parent_id.is_some(),
            CompanyEvent::ParentChanged { parent_id } => parent_id.is_some(),
            CompanyEvent::Absorbed { profile, .. } => profile.parent_id.is_some(),
            _ => true,
        }
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, happened: Happened<Company>) -> Result<(), AppError> {
        let id = happened.id;
        match happened.event {
            CompanyEvent::Merged { into } => {
                let winner = successor::<Company>(app, cx, into).await?.unwrap_or(into);
                follow::<Deal, Company>(app, cx, id, winner).await?;
                follow::<Contact, Company>(app, cx, id, winner).await?;
                follow::<Activity, Company>(app, cx, id, winner).await?;
                follow_parent(app, cx, id, winner).await
            }
            CompanyEvent::Created(profile) => mend_parent(app, cx, id, profile.parent_id).await,
            CompanyEvent::ParentChanged { parent_id } => mend_parent(app, cx, id, parent_id).await,
            CompanyEvent::Absorbed { profile, .. } => mend_parent(app, cx, id, profile.parent_id).await,
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Policy for FollowDeals {
    type On = Deal;
    const NAME: &'static str = "crm.follow_deals";

    fn events(&self) -> &'static [&'static str] {
        &["deal.opened", "deal.contacts_linked", "deal.companies_linked", "deal.stage_changed", "deal.reopened"]
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, happened: Happened<Deal>) -> Result<(), AppError> {
        let id = happened.id;
        match happened.event {
            DealEvent::Opened(profile) => {
                mend::<Deal, Contact>(app, cx, id, profile.contact_ids).await?;
                mend::<Deal, Company>(app, cx, id, profile.company_ids).await?;
                leave_retired(app, cx, id).await
            }
            DealEvent::ContactsLinked { contact_ids } => mend::<Deal, Contact>(app, cx, id, contact_ids).await,
            DealEvent::CompaniesLinked { company_ids } => mend::<Deal, Company>(app, cx, id, company_ids).await,
            DealEvent::StageChanged { .. } | DealEvent::Reopened { .. } => leave_retired(app, cx, id).await,
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Policy for FollowActivities {
    type On = Activity;
    const NAME: &'static str = "crm.follow_activities";

    fn events(&self) -> &'static [&'static str] {
        &["activity.created", "activity.about_changed"]
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, happened: Happened<Activity>) -> Result<(), AppError> {
        let about = match happened.event {
            ActivityEvent::Created(profile) => profile.about,
            ActivityEvent::AboutChanged { about, .. } => about,
            _ => return Ok(()),
        };
        mend::<Activity, Contact>(app, cx, happened.id, of_type(&about, RecordType::Contact)).await?;
        mend::<Activity, Company>(app, cx, happened.id, of_type(&about, RecordType::Company)).await
    }
}

fn of_type<Id: From<Uuid>>(about: &[RecordRef], record_type: RecordType) -> Vec<Id> {
    about.iter().filter(|record| record.record_type == record_type).map(|record| record.id.into()).collect()
}
