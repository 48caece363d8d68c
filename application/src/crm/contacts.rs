//! Contacts: who may do what with them, and by what their lists are filtered and sorted.

use fairlead_domain::{
    crm::{Company, Contact, ContactCommand, ContactError, Employment, Schema},
    ids::{CompanyId, ContactId},
    kernel::Aggregate,
    values::{LifecycleStage, RecordType},
};

use super::{
    companies::CompaniesRead,
    custom_fields::{schema, told},
    facts::{Attempts, living},
};
use crate::{
    App, AppError, Asked, Expected, Outcome, Recorded, Step, Turn, Wanted,
    access::{Authorized, Permits, permissions},
    list::{Brief, Field, FieldKind, Listed},
};

permissions! {
    /// Read contacts.
    ContactsRead = "contacts:read", Reveals<Contact>;
    /// Create, change, delete and restore contacts.
    ContactsWrite = "contacts:write", Permits<Contact>;
    /// Erase contacts. Not part of writing, since there is no way back.
    ContactsErase = "contacts:erase", Permits<Contact>;
}

impl Listed for Contact {
    const FIELDS: &'static [Field] = &[
        Field::sorted("created", FieldKind::Instant),
        Field::sorted("updated", FieldKind::Instant),
        Field::sorted("name", FieldKind::Text),
        Field::sorted("job_title", FieldKind::Term),
        Field::sorted("lifecycle_stage", FieldKind::Choice(&LifecycleStage::NAMES)),
        Field::sorted("source", FieldKind::Term),
        Field::sorted("birthday", FieldKind::Day),
        Field::sorted("language", FieldKind::Term),
        Field::filtered("email", FieldKind::Texts),
        Field::filtered("phone", FieldKind::Texts),
        Field::filtered("tag", FieldKind::Labels),
        Field::filtered("country", FieldKind::Labels),
        Field::filtered("consent", FieldKind::Labels),
        Field::filtered("external_id", FieldKind::Labels),
        Field::filtered("company", FieldKind::Ids),
        Field::filtered("list", FieldKind::Ids),
        Field::filtered("owner", FieldKind::Id),
        Field::filtered("project", FieldKind::Id),
    ];
    const BRIEF: Option<fn(&Self) -> Brief> = Some(brief);
    const ATTRIBUTES: Option<RecordType> = Some(RecordType::Contact);
}

/// What a search over all kinds shows of one.
fn brief(contact: &Contact) -> Brief {
    let profile = &contact.profile;
    let email = profile.emails.primary().map(|email| email.as_str().to_owned());
    let phone = || profile.phones.primary().map(|phone| phone.as_str().to_owned());
    Brief { title: profile.name.known().map(|name| name.as_str().to_owned()), detail: email.or_else(phone) }
}

impl Asked for ContactCommand {
    type Of = Contact;
    type Facts = Schema;

    async fn facts<P: Permits<Contact>>(
        app: &App,
        cx: &Authorized<P>,
        all: &[Wanted<Self>],
    ) -> Result<Schema, AppError> {
        schema::<Contact>(app, cx, all.iter().map(|wanted| wanted.asked.clone()).collect()).await
    }

    fn commands(self, schema: &Schema, _: &Turn<'_>, _: Option<&Contact>) -> Result<Vec<Self>, AppError> {
        Ok(vec![told::<Contact>(self, schema)])
    }
}

/// Says how a person belongs to a company.
///
/// # Errors
/// `contact.unknown_company` when the caller may not read the company, or it is deleted, unless the person belongs to it already;
/// `contact.too_many_companies`, and those of every command.
pub async fn link_company(
    app: &App,
    cx: &Authorized<ContactsWrite>,
    id: ContactId,
    expected: Expected,
    company_id: CompanyId,
    employment: Employment,
) -> Result<Outcome, AppError> {
    let seen = !living::<Company, CompaniesRead>(app, cx, &[company_id].into()).await?.is_empty();
    let link = ContactCommand::LinkCompany { company_id, employment, seen };
    app.execute::<Contact>(cx, id, expected, link).await
}

/// Makes two contacts one: `winner` takes in what it lacks of `loser`, with all that is part of that one. Answers with the
/// winner's receipt first.
///
/// # Errors
/// `contact.merged_with_itself`, `contact.not_found`, or as [`App::execute_all`].
pub async fn merge_contacts(
    app: &App,
    cx: &Authorized<impl Permits<Contact>>,
    winner: ContactId,
    expected: Expected,
    loser: ContactId,
) -> Result<Outcome, AppError> {
    if winner == loser {
        let itself = ContactCommand::Absorb { contact_id: loser, contact: None };
        return app.execute::<Contact>(cx, winner, expected, itself).await;
    }
    let mut attempts = Attempts::new(expected);
    loop {
        let other = known(app, cx, loser).await?.ok_or(ContactError::NotFound)?;
        let absorb = ContactCommand::Absorb { contact_id: loser, contact: Some(Box::new(other.state)) };
        let steps = [
            Step::new::<Contact>(cx, winner, expected, absorb),
            // What was read is what is taken in.
            Step::new::<Contact>(cx, loser, Expected::Exactly(other.version), ContactCommand::MergeInto(winner)),
        ];
        match app.execute_all(cx, &steps).await {
            Err(error) => attempts.again(error)?,
            outcome => return outcome,
        }
    }
}

/// Erases a person: the contact, and every other one that is part of it.
///
/// # Errors
/// As [`App::execute_all`].
pub async fn erase_contact(
    app: &App,
    cx: &Authorized<impl Permits<Contact>>,
    id: ContactId,
    expected: Expected,
) -> Result<Outcome, AppError> {
    let mut attempts = Attempts::new(expected);
    loop {
        let contact = known(app, cx, id).await?;
        // What was read is what is erased: somebody may be merged into it meanwhile.
        let pinned = match (expected, &contact) {
            (Expected::Any, Some(contact)) => Expected::Exactly(contact.version),
            (expected, _) => expected,
        };
        let parts = contact.map(|contact| contact.state.absorbed).unwrap_or_default();
        let erase = |id, expected| Step::new::<Contact>(cx, id, expected, ContactCommand::Erase);
        let parts = parts.into_iter().map(|part| erase(part, Expected::Any));
        let steps: Vec<_> = [erase(id, pinned)].into_iter().chain(parts).collect();
        match app.execute_all(cx, &steps).await {
            Err(error) => attempts.again(error)?,
            outcome => return outcome,
        }
    }
}

/// A contact as it is, if it is within the reach of the caller's permission.
async fn known<P: Permits<Contact>>(
    app: &App,
    cx: &Authorized<P>,
    id: ContactId,
) -> Result<Option<Recorded<Contact>>, AppError> {
    let contact = app.read::<Contact>(&cx.on_behalf(), id).await?;
    Ok(contact.filter(|contact| cx.reach().covers(contact.state.belongs())))
}
