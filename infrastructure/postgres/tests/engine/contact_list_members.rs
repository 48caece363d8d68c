//! Members of contact lists: kept by events alone, the newest of which wins.

use std::collections::BTreeSet;

use fairlead_application::{
    AppError, Expected,
    access::{Authorized, System as Everything},
    administration::SubscriptionAdministration,
    consistency::ConsistencyToken,
    crm::{ContactListsWrite, add_members},
    list::{Filter, ListQuery, Listed, Lists, Sort},
};
use fairlead_domain::{
    crm::{
        Contact, ContactCommand, ContactList,
        ContactListCommand::{self, AddMembers, RemoveMembers, ReplaceMember},
        ContactListProfile,
    },
    ids::{ContactId, ContactListId},
    kernel::ErrorKind,
    values::Label,
};
use fairlead_postgres::{PostgresAdministration, lists};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{catalog::written_columns, projection::create, verify::told};

pub(crate) const MEMBERS: &str = "crm.contact_list_members";

pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) engine: Engine,
    pub(crate) admin: Client,
    pub(crate) cx: Authorized<Everything>,
    pub(crate) list: ContactListId,
}

impl Stage {
    /// An organization with an empty list.
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await;
        let engine = Engine::start(&database).await;
        let (admin, cx, list) = (database.admin().await, caller(), engine.app.fresh());
        let stage = Self { database, engine, admin, cx, list };
        stage.begin(list, "First").await;
        stage
    }

    pub(crate) async fn begin(&self, list: ContactListId, name: &str) {
        let name = Label::new(name).unwrap();
        let profile = ContactListProfile { name, description: None, owner_id: None, project_id: None };
        self.done(list, ContactListCommand::Create(profile)).await;
    }

    pub(crate) async fn done(&self, list: ContactListId, command: ContactListCommand) -> Option<ConsistencyToken> {
        self.engine.app.execute::<ContactList>(&self.cx, list, Expected::Any, command).await.unwrap().token
    }

    async fn contacts(&self, names: &[&str]) -> Vec<ContactId> {
        let mut ids = Vec::new();
        for name in names {
            let id: ContactId = self.engine.app.fresh();
            self.engine.app.execute::<Contact>(&self.cx, id, Expected::New, create(name)).await.unwrap();
            ids.push(id);
        }
        ids
    }

    fn may(&self, permissions: &str) -> Authorized<ContactListsWrite> {
        let access = fairlead_application::access::Access::parse(permissions);
        let cx = fairlead_application::Context::new(self.cx.tenant(), self.cx.actor().clone(), access);
        cx.authorize().unwrap()
    }

    async fn adds(&self, ids: &[ContactId]) -> Result<Option<ConsistencyToken>, AppError> {
        let (writer, ids) = (self.may("*:*"), ids.iter().copied().collect());
        Ok(add_members(&self.engine.app, &writer, self.list, Expected::Any, ids).await?.token)
    }

    /// What a list shows, all pages of it, once it has seen a write.
    async fn found<A: Listed>(&self, filter: &str, token: Option<ConsistencyToken>) -> Vec<Uuid> {
        let mut cx = (*self.cx).clone();
        cx.read_after = token;
        let cx = cx.authorize::<Everything>().unwrap();
        let lists: Lists<A> = lists(&self.database.app()).of().unwrap().clone();
        let filter = Filter::parse(filter, A::FIELDS).unwrap();
        let sort = Sort::parse("created", A::FIELDS).unwrap();
        let mut query = ListQuery { filter, search: None, sort, limit: 200, after: None };
        let mut found = Vec::new();
        loop {
            let page = lists.page(&cx, &query).await.unwrap();
            found.extend(page.rows.iter().map(|row| row.id));
            query.after = page.next;
            if query.after.is_none() {
                return found;
            }
        }
    }

    async fn members(&self, token: Option<ConsistencyToken>) -> Vec<ContactId> {
        let found = self.found::<Contact>(&format!("list:{}", self.list), token).await;
        found.into_iter().map(Into::into).collect()
    }

    /// Who is on any list, as the table says.
    pub(crate) async fn kept(&self) -> BTreeSet<(Uuid, Uuid)> {
        let sql = format!("select list_id, contact_id from {MEMBERS} where is_member");
        self.admin.query(&sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Waits until all events are handled.
    pub(crate) async fn projected(&self) {
        let operator = PostgresAdministration::new(self.database.engine());
        let sql = "select (select count(*) from engine.outbox) = (select count(*) from engine.events)";
        eventually("members are projected", async || {
            let status = operator.subscriptions().await.unwrap();
            let Some(members) = status.iter().find(|status| status.name == MEMBERS) else { return false };
            let handled = members.partitions.iter().all(|partition| partition.behind == 0);
            handled && self.admin.query_one(sql, &[]).await.unwrap().get(0)
        })
        .await;
    }
}

fn id(n: u128) -> ContactId {
    Uuid::from_u128(n).into()
}

pub(crate) fn ids(of: std::ops::Range<u128>) -> BTreeSet<ContactId> {
    of.map(id).collect()
}

/// Adds contacts without looking for them.
pub(crate) fn add(contact_ids: BTreeSet<ContactId>) -> ContactListCommand {
    AddMembers { seen: contact_ids.clone(), contact_ids }
}

#[tokio::test]
async fn ten_thousand_are_added_by_one_call() {
    let stage = Stage::new().await;
    let one = stage.contacts(&["Ana"]).await[0];
    eventually("the contact is listed", async || stage.found::<Contact>("", None).await.len() == 1).await;
    let columns = written_columns(&stage.admin, "engine.streams").await;
    let many = format!(
        "insert into engine.streams ({columns})
         select {columns} from (select (jsonb_populate_record(s, jsonb_build_object('stream_id', gen_random_uuid()))).*
                                  from engine.streams s, generate_series(1, 9999) where s.stream_id = $1) many"
    );
    stage.admin.execute(&many, &[&Uuid::from(one)]).await.unwrap();
    let listed =
        "insert into crm.contacts (tenant_id, id, subject_id, version, name, tags, created_at, updated_at, state)
                  select c.tenant_id, s.stream_id, s.stream_id, 1, c.name, '{}', c.created_at, c.updated_at, c.state
                    from crm.contacts c join engine.streams s using (tenant_id)
                   where s.aggregate = 'contact' and s.stream_id <> c.id";
    assert_eq!(stage.admin.execute(listed, &[]).await.unwrap(), 9_999);
    let sql = "select stream_id from engine.streams where aggregate = 'contact' order by 1";
    let all: Vec<ContactId> =
        stage.admin.query(sql, &[]).await.unwrap().iter().map(|row| row.get::<_, Uuid>(0).into()).collect();
    let token = stage.adds(&all).await.unwrap();
    let shown = stage.members(token).await;
    assert_eq!((shown.len(), shown.into_iter().collect::<BTreeSet<_>>()), (10_000, all.iter().copied().collect()));
    let sql = "select count(*), min(jsonb_array_length(data -> 'contact_ids')), max(jsonb_array_length(data -> 'contact_ids')),
                      count(distinct xid), max(version)
                 from engine.events where type = 'contact_list.members_added'";
    let row = stage.admin.query_one(sql, &[]).await.unwrap();
    let (events, least, most, transactions, version): (i64, i32, i32, i64, i64) =
        (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
    assert_eq!((events, least, most, transactions, version), (10, 1_000, 1_000, 1, 11));
    let left = stage.engine.app.read::<ContactList>(&stage.cx, stage.list).await.unwrap().unwrap();
    assert!(serde_json::to_string(&left.state).unwrap().len() < 100, "the state does not grow");

    let token = stage.done(stage.list, RemoveMembers(all[1..].iter().copied().collect())).await;
    assert_eq!(stage.members(token).await, all[..1]);
    let too_many = stage.adds(&[all, vec![id(1)]].concat()).await.unwrap_err();
    assert_eq!((too_many.kind(), too_many.code()), (ErrorKind::Invalid, "contact_list.too_many_members".to_owned()));
    stage.engine.stop().await;
}

#[tokio::test]
async fn only_living_contacts_are_added_whom_the_caller_may_read() {
    let stage = Stage::new().await;
    let people = stage.contacts(&["Ana", "Bo", "Cy"]).await;
    let [ana, bo, cy] = people[..] else { unreachable!() };
    stage.engine.app.execute::<Contact>(&stage.cx, cy, Expected::Any, ContactCommand::Delete).await.unwrap();
    let elsewhere: ContactId = stage.engine.app.fresh();
    stage.engine.app.execute::<Contact>(&caller(), elsewhere, Expected::New, create("Ana")).await.unwrap();
    let refused = stage.adds(&[ana, bo, cy, elsewhere, Uuid::from(stage.list).into()]).await.unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, "contact_list.unknown_contacts".to_owned()));
    let first = Uuid::from(cy).min(stage.list.into());
    assert!(refused.to_string().starts_with("3 of the contacts") && refused.to_string().contains(&first.to_string()));
    let ids: BTreeSet<_> = [ana].into();
    for permissions in ["contact_lists:write", "contact_lists:write contacts:read:own"] {
        let writer = stage.may(permissions);
        let refused = add_members(&stage.engine.app, &writer, stage.list, Expected::Any, ids.clone()).await;
        assert_eq!(refused.unwrap_err().code(), "contact_list.unknown_contacts", "{permissions}");
    }
    let writer = stage.may("contact_lists:write contacts:read");
    add_members(&stage.engine.app, &writer, stage.list, Expected::Any, ids.clone()).await.unwrap();
    let stale = add_members(&stage.engine.app, &writer, stage.list, Expected::Exactly(1), ids).await;
    assert!(matches!(stale, Err(AppError::Stale { demanded: 1, actual: 2 })), "{stale:?}");
    stage.engine.stop().await;
}

#[tokio::test]
async fn whoever_comes_and_goes_is_on_the_list_as_was_said_last() {
    let stage = Stage::new().await;
    let people = stage.contacts(&["Ana", "Bo", "Cy"]).await;
    let [ana, bo, cy] = people[..] else { unreachable!() };
    let none: [ContactId; 0] = [];
    for (command, expected) in [
        (add([ana, bo].into()), &[ana, bo][..]),
        (add([ana].into()), &[ana, bo]),
        (RemoveMembers([ana, cy].into()), &[bo]),
        (add([ana].into()), &[ana, bo]),
        (ReplaceMember { loser: bo, winner: cy }, &[ana, cy]),
        (ReplaceMember { loser: ana, winner: cy }, &[cy]),
        (RemoveMembers([cy].into()), &none),
        (add([cy, ana].into()), &[ana, cy]),
    ] {
        let token = stage.done(stage.list, command).await;
        assert_eq!(stage.members(token).await, expected);
    }
    // The other way round, and what is said of both.
    let second: ContactListId = stage.engine.app.fresh();
    stage.begin(second, "Second").await;
    let token = stage.done(second, add([ana, bo].into())).await;
    let [first, second] = [stage.list, second].map(Uuid::from);
    for (contact, expected) in [(ana, vec![first, second]), (bo, vec![second]), (cy, vec![first])] {
        assert_eq!(stage.found::<ContactList>(&format!("contact:{contact}"), token).await, expected);
    }
    for (filter, expected) in [
        (format!("list:{first} list:{second}"), vec![ana]),
        (format!("list:[{first},{second}]"), vec![ana, bo, cy]),
        (format!("list:!{first}"), vec![bo]),
        (format!("list:{first} not list:{second}"), vec![cy]),
        (format!("list:{first} name:~a"), vec![ana]),
        ("list:null".to_owned(), vec![]),
    ] {
        let found = stage.found::<Contact>(&filter, token).await;
        assert_eq!(found, expected.into_iter().map(Uuid::from).collect::<Vec<_>>(), "{filter}");
    }
    // Who is erased is shown nowhere; the row that is left tells nothing about a person.
    let erased =
        stage.engine.app.execute::<Contact>(&stage.cx, ana, Expected::Any, ContactCommand::Erase).await.unwrap();
    assert_eq!(stage.members(erased.token).await, [cy]);
    stage.projected().await;
    assert!(stage.kept().await.contains(&(first, ana.into())));
    assert_eq!(told(&stage.database).await, BTreeSet::new());
    stage.engine.stop().await;
}

#[tokio::test]
async fn two_at_once_both_have_their_way() {
    let stage = Stage::new().await;
    let app = &stage.engine.app;
    let done = async |command, expected| app.execute::<ContactList>(&stage.cx, stage.list, expected, command).await;
    let (one, other) =
        tokio::join!(done(add(ids(1..2_001)), Expected::Any), done(add(ids(1_001..3_001)), Expected::Any));
    assert_eq!([one, other].map(|outcome| outcome.unwrap().receipts[0].version).iter().max(), Some(&5));
    let (one, other) =
        tokio::join!(done(RemoveMembers(ids(1..2)), Expected::Exactly(5)), done(add(ids(1..2)), Expected::Exactly(5)));
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "one of them is told that it is stale");
    stage.projected().await;
    assert_eq!(stage.kept().await.len(), if one.is_ok() { 2_999 } else { 3_000 });
    assert_eq!(told(&stage.database).await, BTreeSet::new());
    stage.engine.stop().await;
}
