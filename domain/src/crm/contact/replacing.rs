//! What becomes of what a person names when one of two records takes in the other.

use uuid::Uuid;

use super::{ContactEvent, ContactProfile, profile::attribute_event};
use crate::{
    crm::custom_field::replaced,
    ids::CompanyId,
    values::{RecordRef, RecordType},
};

impl ContactProfile {
    /// What differs once a record stands in another one's place.
    pub(super) fn replaced(&self, record: RecordRef, by: Uuid) -> Vec<ContactEvent> {
        let mut events = Vec::new();
        if record.record_type == RecordType::Company && record.id != by {
            events.extend(self.company_replaced(record.id.into(), by.into()));
        }
        let attributes = self.attributes.iter().filter_map(|(key, value)| Some((key, value.known()?)));
        events.extend(replaced(attributes, record, by).into_iter().map(attribute_event));
        events
    }

    /// The employment moves as it is, unless there is one with the other company.
    fn company_replaced(&self, company_id: CompanyId, by: CompanyId) -> Vec<ContactEvent> {
        let Some(employment) = self.companies.get(&company_id) else { return vec![] };
        let linked = ContactEvent::CompanyLinked { company_id: by, employment: employment.clone() };
        let linked = Some(linked).filter(|_| !self.companies.contains_key(&by));
        std::iter::once(ContactEvent::CompanyUnlinked { company_id }).chain(linked).collect()
    }
}
