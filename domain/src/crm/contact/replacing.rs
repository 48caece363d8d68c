//! What becomes of a person's companies when one of them is taken in by another.

use super::{ContactEvent, ContactProfile};
use crate::ids::CompanyId;

impl ContactProfile {
    /// The employment moves as it is, unless there is one with the other company.
    pub(super) fn company_replaced(&self, company_id: CompanyId, by: CompanyId) -> Vec<ContactEvent> {
        let Some(employment) = self.companies.get(&company_id).filter(|_| company_id != by) else { return vec![] };
        let linked = ContactEvent::CompanyLinked { company_id: by, employment: employment.clone() };
        let linked = Some(linked).filter(|_| !self.companies.contains_key(&by));
        std::iter::once(ContactEvent::CompanyUnlinked { company_id }).chain(linked).collect()
    }
}
