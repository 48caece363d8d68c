//! Lists are served to those who may read.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fairlead_application::{
    AppError, Context, Recorded,
    access::{Access, Extent},
    crm::ContactsRead,
    list::{AllLists, Filter, ListPort, ListQuery, Listed, Page, Sort},
    registry::AGGREGATES,
};
use fairlead_domain::{
    crm::{Contact, ContactEvent, ContactProfile},
    ids::OrganizationId,
    kernel::Aggregate,
    values::PersonName,
};

use crate::{envelope::event, store::id};

/// Serves one row, and remembers who asked for what.
#[derive(Clone, Default)]
struct OneRow(Arc<Mutex<Vec<(OrganizationId, ListQuery)>>>);

fn row() -> Recorded<Contact> {
    let profile = ContactProfile::named(PersonName::new("Ana").unwrap());
    Recorded {
        tenant: id(1),
        id: id(2),
        version: 1,
        state: Contact::init(&ContactEvent::Created(Box::new(profile))).unwrap(),
        created_at: event().event.occurred_at,
        updated_at: event().event.occurred_at,
    }
}

#[async_trait]
impl ListPort<Contact> for OneRow {
    async fn page(&self, cx: &Context, _: Extent<'_>, query: &ListQuery) -> Result<Page<Recorded<Contact>>, AppError> {
        self.0.lock().unwrap().push((cx.tenant(), query.clone()));
        Ok(Page { rows: vec![row()], next: None })
    }
}

#[tokio::test]
async fn a_page_is_asked_of_the_port_in_the_callers_tenant() {
    let port = OneRow::default();
    let all = AllLists::default().with::<Contact>(port.clone());
    let lists = all.of::<Contact>().unwrap();
    assert!(AllLists::default().of::<Contact>().is_err(), "without a read model there is no list");
    let sort = Sort::parse("-created", Contact::FIELDS).unwrap();
    let query = ListQuery { filter: Filter::Everything, search: None, sort, limit: 10, after: None };
    let cx = Context::new(id(1), fairlead_application::Actor::new("user:ana"), Access::parse("contacts:read"));
    let page = lists.page(&cx.authorize::<ContactsRead>().unwrap(), &query).await.unwrap();
    assert_eq!(page, Page { rows: vec![row()], next: None });
    assert_eq!(*port.0.lock().unwrap(), [(id(1), query)]);
}

#[test]
fn every_list_has_an_order_that_an_index_serves() {
    assert!(Contact::FIELDS.first().is_some_and(|field| field.sortable));
}

#[test]
fn aggregates_are_told_apart_by_name() {
    let mut names: Vec<_> = AGGREGATES.iter().map(|info| info.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), AGGREGATES.len());
}
