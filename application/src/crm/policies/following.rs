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
    crm::{
        Activity, ActivityEvent, Company, CompanyEvent, Contact, ContactEvent, ContactList, ContactListEvent, Deal,
        DealEvent,
    },
    ids::CompanyId,
    kernel::Personal,
    values::{AttributeValue, RecordRef},
};
use uuid::Uuid;

use super::{
    naming::{follow, follow_lists, follow_parent, mend, mend_parent, merged, successor},
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
    /// Where a contact was merged, has everything that names it name its successor, which takes its place on contact lists. Has a
    /// contact that comes to name what was merged name the successor.
    FollowContacts
    /// Where a company was merged, has everything that names it name its successor. Has a company that comes to name what was
    /// merged name the successor.
    FollowCompanies
    /// Has a deal that comes to name what was merged name the successor, and one that enters a retired stage leave it.
    FollowDeals
    /// Has an activity that comes to be about what was merged be about the successor.
    FollowActivities
    /// Has a contact list that is given a contact which was merged take the successor in its place.
    FollowMembers
}

#[async_trait]
impl Policy for FollowContacts {
    type On = Contact;
    const NAME: &'static str = "crm.follow_contacts";

    fn events(&self) -> &'static [&'static str] {
        &["contact.merged", "contact.created", "contact.company_linked", "contact.attribute_set", "contact.absorbed"]
    }

    fn concerns(&self, event: &ContactEvent) -> bool {
        matches!(event, ContactEvent::Merged { .. }) || !named_by_contact(event).is_empty()
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, happened: Happened<Contact>) -> Result<(), AppError> {
        let id = happened.id;
        if let ContactEvent::Merged { into } = happened.event {
            let winner = successor::<Contact>(app, cx, into).await?.unwrap_or(into);
            follow(app, cx, RecordRef::contact(id), winner.into()).await?;
            return follow_lists(app, cx, id, winner).await;
        }
        mend::<Contact>(app, cx, id, named_by_contact(&happened.event)).await
    }
}

fn named_by_contact(event: &ContactEvent) -> Vec<RecordRef> {
    match event {
        ContactEvent::Created(profile) | ContactEvent::Absorbed { profile, .. } => {
            let attributes = profile.attributes.values().filter_map(Personal::known);
            let companies = profile.companies.keys().map(|id| RecordRef::company(*id));
            companies.chain(attributes.filter_map(AttributeValue::record)).collect()
        }
        ContactEvent::CompanyLinked { company_id, .. } => vec![RecordRef::company(*company_id)],
        ContactEvent::AttributeSet { value, .. } => {
            value.known().and_then(AttributeValue::record).into_iter().collect()
        }
        _ => vec![],
    }
}

#[async_trait]
impl Policy for FollowCompanies {
    type On = Company;
    const NAME: &'static str = "crm.follow_companies";

    fn events(&self) -> &'static [&'static str] {
        &["company.merged", "company.created", "company.parent_changed", "company.attribute_set", "company.absorbed"]
    }

    fn concerns(&self, event: &CompanyEvent) -> bool {
        let (parent, others) = named_by_company(event);
        matches!(event, CompanyEvent::Merged { .. }) || parent.is_some() || !others.is_empty()
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, happened: Happened<Company>) -> Result<(), AppError> {
        let id = happened.id;
        if let CompanyEvent::Merged { into } = happened.event {
            let winner = successor::<Company>(app, cx, into).await?.unwrap_or(into);
            follow(app, cx, RecordRef::company(id), winner.into()).await?;
            return follow_parent(app, cx, id, winner).await;
        }
        let (parent, others) = named_by_company(&happened.event);
        mend_parent(app, cx, id, parent).await?;
        mend::<Company>(app, cx, id, others).await
    }
}

/// The company to which one belongs, and what it names besides.
fn named_by_company(event: &CompanyEvent) -> (Option<CompanyId>, Vec<RecordRef>) {
    match event {
        CompanyEvent::Created(profile) | CompanyEvent::Absorbed { profile, .. } => {
            (profile.parent_id, profile.attributes.values().filter_map(AttributeValue::record).collect())
        }
        CompanyEvent::ParentChanged { parent_id } => (*parent_id, vec![]),
        CompanyEvent::AttributeSet { value, .. } => (None, value.record().into_iter().collect()),
        _ => (None, vec![]),
    }
}

#[async_trait]
impl Policy for FollowDeals {
    type On = Deal;
    const NAME: &'static str = "crm.follow_deals";

    fn events(&self) -> &'static [&'static str] {
        &[
            "deal.opened",
            "deal.contacts_linked",
            "deal.companies_linked",
            "deal.attribute_set",
            "deal.stage_changed",
            "deal.reopened",
        ]
    }

    fn concerns(&self, event: &DealEvent) -> bool {
        enters_stage(event) || !named_by_deal(event).is_empty()
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, happened: Happened<Deal>) -> Result<(), AppError> {
        let id = happened.id;
        mend::<Deal>(app, cx, id, named_by_deal(&happened.event)).await?;
        if enters_stage(&happened.event) { leave_retired(app, cx, id).await } else { Ok(()) }
    }
}

fn enters_stage(event: &DealEvent) -> bool {
    matches!(event, DealEvent::Opened(_) | DealEvent::StageChanged { .. } | DealEvent::Reopened { .. })
}

fn named_by_deal(event: &DealEvent) -> Vec<RecordRef> {
    match event {
        DealEvent::Opened(profile) => {
            let contacts = profile.contact_ids.iter().map(|id| RecordRef::contact(*id));
            let companies = profile.company_ids.iter().map(|id| RecordRef::company(*id));
            contacts.chain(companies).chain(profile.attributes.values().filter_map(AttributeValue::record)).collect()
        }
        DealEvent::ContactsLinked { contact_ids } => contact_ids.iter().map(|id| RecordRef::contact(*id)).collect(),
        DealEvent::CompaniesLinked { company_ids } => company_ids.iter().map(|id| RecordRef::company(*id)).collect(),
        DealEvent::AttributeSet { value, .. } => value.record().into_iter().collect(),
        _ => vec![],
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
        mend::<Activity>(app, cx, happened.id, about).await
    }
}

#[async_trait]
impl Policy for FollowMembers {
    type On = ContactList;
    const NAME: &'static str = "crm.follow_members";

    fn events(&self) -> &'static [&'static str] {
        &["contact_list.members_added", "contact_list.member_replaced"]
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, happened: Happened<ContactList>) -> Result<(), AppError> {
        let added = match happened.event {
            ContactListEvent::MembersAdded { contact_ids } => contact_ids.into_iter().map(Uuid::from).collect(),
            ContactListEvent::MemberReplaced { winner_id, .. } => vec![winner_id.into()],
            _ => return Ok(()),
        };
        for (loser, winner) in merged::<Contact>(app, cx, added).await? {
            follow_lists(app, cx, loser, winner).await?;
        }
        Ok(())
    }
}
