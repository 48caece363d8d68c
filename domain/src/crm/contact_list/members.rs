//! Who is on a contact list.
//!
//! Members are told by events alone, and kept by a read model: a list may have more of them than a state can hold. So a command
//! can't tell who is on the list already, and whoever is added or removed once more is told once more.

use std::collections::BTreeSet;

use super::{ContactListError, ContactListEvent};
use crate::{
    ids::ContactId,
    kernel::{Reference, Referral},
};

/// How many contacts one command adds or removes.
pub const MAX_MEMBERS: usize = 10_000;
/// How many of them one event tells, so that it stays small for whoever reads it.
pub const MEMBERS_OF_EVENT: usize = 1_000;

/// The events that add contacts, of whom some were seen.
pub(super) fn added(
    contact_ids: &BTreeSet<ContactId>,
    seen: &BTreeSet<ContactId>,
) -> Result<Vec<ContactListEvent>, ContactListError> {
    check(contact_ids)?;
    let mut unknown = contact_ids.difference(seen);
    if let Some(first) = unknown.next() {
        return Err(ContactListError::UnknownContacts { count: 1 + unknown.count(), first: *first });
    }
    Ok(parts(contact_ids).map(|contact_ids| ContactListEvent::MembersAdded { contact_ids }).collect())
}

/// The events that remove contacts.
pub(super) fn removed(contact_ids: &BTreeSet<ContactId>) -> Result<Vec<ContactListEvent>, ContactListError> {
    check(contact_ids)?;
    Ok(parts(contact_ids).map(|contact_ids| ContactListEvent::MembersRemoved { contact_ids }).collect())
}

/// Who is on the list from an event on, and who is not.
pub(super) fn referrals(event: &ContactListEvent) -> Vec<Referral> {
    let contact = |id: &ContactId| Reference::new("contact", *id);
    match event {
        ContactListEvent::MembersAdded { contact_ids } => {
            contact_ids.iter().map(|id| Referral::Begins(contact(id))).collect()
        }
        ContactListEvent::MembersRemoved { contact_ids } => {
            contact_ids.iter().map(|id| Referral::Ends(contact(id))).collect()
        }
        ContactListEvent::MemberReplaced { loser_id, winner_id } => {
            vec![Referral::Ends(contact(loser_id)), Referral::Begins(contact(winner_id))]
        }
        ContactListEvent::Created(_)
        | ContactListEvent::Renamed { .. }
        | ContactListEvent::Described { .. }
        | ContactListEvent::OwnerChanged { .. }
        | ContactListEvent::ProjectChanged { .. }
        | ContactListEvent::Deleted {}
        | ContactListEvent::Restored {} => Vec::new(),
    }
}

fn check(contact_ids: &BTreeSet<ContactId>) -> Result<(), ContactListError> {
    if contact_ids.len() > MAX_MEMBERS { Err(ContactListError::TooManyMembers) } else { Ok(()) }
}

fn parts(contact_ids: &BTreeSet<ContactId>) -> impl Iterator<Item = BTreeSet<ContactId>> {
    let contact_ids: Vec<_> = contact_ids.iter().copied().collect();
    let parts: Vec<_> = contact_ids.chunks(MEMBERS_OF_EVENT).map(|part| part.iter().copied().collect()).collect();
    parts.into_iter()
}
