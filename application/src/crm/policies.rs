//! What follows by itself in customer relations.

mod customers;
mod following;
mod naming;
mod rotting;
mod stages;

use async_trait::async_trait;
use fairlead_domain::{
    crm::{Activity, ActivityCommand, Comment, CommentCommand, Contact, ContactCommand},
    kernel::Aggregate,
    values::Tag,
};
use uuid::Uuid;

pub use self::{
    customers::WinCustomers,
    following::{FollowActivities, FollowCompanies, FollowContacts, FollowDeals, FollowMembers},
    rotting::TaskForRottingDeals,
    stages::FollowStages,
};

use self::naming::successor;
use crate::{
    App, AppError, Expected, Step,
    access::{Authorized, System},
    policy::{Happened, Policy},
    ports::Relation,
};

/// How many records change at once.
const BATCH: u16 = 200;

/// Puts a label on every new contact, so that somebody looks at it.
#[derive(Debug)]
pub struct TagNewContacts(Option<Tag>);

impl TagNewContacts {
    /// Puts that label; without one, none.
    pub fn new(tag: Option<Tag>) -> Self {
        Self(tag)
    }
}

#[async_trait]
impl Policy for TagNewContacts {
    type On = Contact;
    const NAME: &'static str = "crm.tag_new_contacts";

    fn events(&self) -> &'static [&'static str] {
        if self.0.is_some() { &["contact.created"] } else { &[] }
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, created: Happened<Contact>) -> Result<(), AppError> {
        let tag = ContactCommand::Tag(self.0.iter().cloned().collect());
        app.execute::<Contact>(cx, created.id, Expected::Any, tag).await.map(drop)
    }
}

/// Has activities and comments forget what they tell about a contact who was erased. In events it can't be read from the
/// erasure on; this is for the present.
#[derive(Debug, Default)]
pub struct ForgetContacts(());

impl ForgetContacts {
    /// The policy.
    pub fn new() -> Self {
        Self(())
    }
}

#[async_trait]
impl Policy for ForgetContacts {
    type On = Contact;
    const NAME: &'static str = "crm.forget_contacts";

    fn events(&self) -> &'static [&'static str] {
        &["contact.erased"]
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, erased: Happened<Contact>) -> Result<(), AppError> {
        let person = erased.id.into();
        let part_of = successor::<Contact>(app, cx, erased.id).await?.map(Uuid::from);
        let forget = ActivityCommand::Forget { person, part_of };
        all_related::<Activity>(app, cx, (Relation::TellsOf, person), &forget).await?;
        all_related::<Comment>(app, cx, (Relation::TellsOf, person), &CommentCommand::Forget { person }).await
    }
}

/// Has comments forget what they tell of an activity that was erased.
#[derive(Debug, Default)]
pub struct ForgetActivities(());

impl ForgetActivities {
    /// The policy.
    pub fn new() -> Self {
        Self(())
    }
}

#[async_trait]
impl Policy for ForgetActivities {
    type On = Activity;
    const NAME: &'static str = "crm.forget_activities";

    fn events(&self) -> &'static [&'static str] {
        &["activity.erased"]
    }

    async fn react(&self, app: &App, cx: &Authorized<System>, erased: Happened<Activity>) -> Result<(), AppError> {
        let person = erased.id.into();
        all_related::<Comment>(app, cx, (Relation::TellsOf, person), &CommentCommand::Forget { person }).await
    }
}

/// Issues a command on every record of a kind that is related to a record.
async fn all_related<A: Aggregate>(
    app: &App,
    cx: &Authorized<System>,
    (relation, record): (Relation, Uuid),
    command: &A::Command,
) -> Result<(), AppError> {
    let mut after = None;
    loop {
        let page = match relation {
            Relation::TellsOf => app.streams_about::<A>(cx, record, after, BATCH).await?,
            Relation::RefersTo => app.referrers::<A>(cx, record, after, BATCH).await?,
        };
        let step = |id: &Uuid| Step::new::<A>(cx, (*id).into(), Expected::Any, command.clone());
        app.execute_all(cx, &page.iter().map(step).collect::<Vec<_>>()).await?;
        after = page.last().copied();
        if page.len() < usize::from(BATCH) {
            return Ok(());
        }
    }
}
