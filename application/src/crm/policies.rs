//! What follows by itself in customer relations.

use async_trait::async_trait;
use fairlead_domain::{
    crm::{Contact, ContactCommand},
    values::Tag,
};

use crate::{
    App, AppError, Expected,
    access::{Authorized, System},
    policy::{Happened, Policy},
};

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
