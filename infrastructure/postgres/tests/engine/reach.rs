//! Who reaches some records alone finds them, and no others: in lists, searches, histories and the log.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use fairlead_application::{
    Context, Expected,
    access::{Access, Authorized, System as Everything},
    consistency::ConsistencyToken,
    history::{EventsRead, History, LogQuery, Wanted},
    list::{Filter, ListQuery, Listed, Lists, Sort},
    live::Tail,
    ports::{IdGenerator, System},
};
use fairlead_domain::{
    crm::{Contact, ContactChange, ContactCommand, ContactProfile, Schema},
    identity::{Project, ProjectCommand},
    ids::{OrganizationId, ProjectId},
    kernel::{Belonging, Patch},
    values::{Grant, Label, Over, Permission, PersonName, Tag},
};
use fairlead_postgres::{Listener, Nudge, PostgresStore, PostgresTail, lists};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use uuid::Uuid;

use crate::search::{crowd, pages, reads, searching};

fn id<Id: From<Uuid>>(n: u128) -> Id {
    Uuid::from_u128(n).into()
}

/// A record's owner and project, as numbers; 0 is none.
type Owned = (u128, u128);

/// Grants, the limit, and what is within them.
struct Holder {
    grants: &'static [(&'static str, Over)],
    limit: Option<&'static [u128]>,
    within: fn(Owned) -> bool,
}

const HOLDERS: [Holder; 7] = [
    Holder { grants: &[("*:*", Over::All)], limit: None, within: |_| true },
    Holder { grants: &[("*:*", Over::Projects)], limit: None, within: |_| true },
    Holder { grants: &[("*:*", Over::Own)], limit: None, within: |(owner, _)| owner == 1 },
    Holder { grants: &[("*:*", Over::Own)], limit: Some(&[8, 7]), within: |(o, p)| o == 1 && (p == 7 || p == 8) },
    Holder { grants: &[("*:*", Over::Projects)], limit: Some(&[7]), within: |(_, project)| project == 7 },
    Holder {
        grants: &[("*:*", Over::All), ("contacts:*", Over::Own)],
        limit: Some(&[8]),
        within: |(_, project)| project == 8,
    },
    Holder { grants: &[("*:*", Over::All)], limit: Some(&[]), within: |_| false },
];

impl Holder {
    /// User 1 with these grants, who has to see a write.
    fn context(&self, tenant: OrganizationId, read_after: Option<ConsistencyToken>) -> Context {
        let grant =
            |(permission, over): &(&str, Over)| Grant { permission: Permission::new(permission).unwrap(), over: *over };
        let limit = self.limit.map(|projects| projects.iter().map(|n| id::<ProjectId>(*n)));
        let access = Access::new(self.grants.iter().map(grant), Some(id(1)), limit);
        let mut cx = Context::new(tenant, caller().actor().clone(), access);
        cx.read_after = read_after;
        cx
    }

    fn reader(&self, tenant: OrganizationId, read_after: Option<ConsistencyToken>) -> Authorized<Everything> {
        self.context(tenant, read_after).authorize().unwrap()
    }
}

fn tag() -> ContactCommand {
    ContactCommand::Tag([Tag::new("vip").unwrap()].into())
}

struct World {
    database: TestDatabase,
    engine: Engine,
    tenant: OrganizationId,
    /// Contacts of every owner and project.
    records: BTreeMap<Uuid, Owned>,
    written: Option<ConsistencyToken>,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let engine = Engine::start(&database).await;
        let (cx, stranger) = (caller(), caller());
        let (mut records, mut written) = (BTreeMap::new(), None);
        for n in 0..18 {
            let owned @ (owner, project) = (n % 3, [0, 7, 8][usize::try_from(n / 3 % 3).unwrap()]);
            let mut profile = ContactProfile::named(PersonName::new(&format!("Ana {n}")).unwrap());
            profile.owner_id = (owner > 0).then(|| id(owner));
            profile.project_id = (project > 0).then(|| id(project));
            let (record, create) = (System.next(), ContactCommand::Create(Box::new(profile), Schema::default()));
            engine.app.execute::<Contact>(&stranger, record.into(), Expected::New, create.clone()).await.unwrap();
            engine.app.execute::<Contact>(&cx, record.into(), Expected::New, create).await.unwrap();
            let outcome = engine.app.execute::<Contact>(&cx, record.into(), Expected::Any, tag()).await.unwrap();
            (written, _) = (outcome.token, records.insert(record, owned));
        }
        Self { database, engine, tenant: cx.tenant(), records, written }
    }

    /// Those of the records that are within.
    fn within(&self, holder: &Holder) -> BTreeSet<Uuid> {
        self.records.iter().filter(|(_, owned)| (holder.within)(**owned)).map(|(record, _)| *record).collect()
    }

    fn store(&self) -> Arc<PostgresStore> {
        Arc::new(PostgresStore::new(self.database.app(), Nudge::default().into()))
    }
}

#[tokio::test]
async fn lists_and_searches_hold_what_is_within_reach() {
    let world = World::new().await;
    for (n, holder) in HOLDERS.iter().enumerate() {
        let (cx, expected) = (holder.reader(world.tenant, world.written), world.within(holder));
        for sort in ["created", "-created", "-updated", "name", "-name"] {
            for filter in ["", "tag:vip", "name:~ana", "project:!00000000-0000-0000-0000-000000000001"] {
                for (q, limit) in [(None, 200), (None, 2), (Some("ana"), 3)] {
                    let mut query = searching(q.unwrap_or("x"), filter, Some(sort), limit);
                    query.search = query.search.filter(|_| q.is_some());
                    let found = pages(&world.engine.contacts, &cx, query).await;
                    assert_eq!(found.len(), expected.len(), "{n}: {sort} {filter} {q:?}");
                    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected, "{n}: {sort} {filter} {q:?}");
                }
            }
        }
        let found = pages(&world.engine.contacts, &cx, searching("ana", "", None, 4)).await;
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected, "{n}: by relevance");
        // Asking for what others own does not help.
        let others =
            pages(&world.engine.contacts, &cx, searching("ana", &format!("owner:{}", Uuid::from_u128(2)), None, 9));
        let expected: BTreeSet<_> = expected.into_iter().filter(|record| world.records[record].0 == 2).collect();
        assert_eq!(others.await.into_iter().collect::<BTreeSet<_>>(), expected, "{n}");
    }
    world.engine.stop().await;
}

#[tokio::test]
async fn records_and_their_histories_are_there_within_reach() {
    let world = World::new().await;
    let history = History::new(world.store());
    for (n, holder) in HOLDERS.iter().enumerate() {
        let (cx, expected) = (holder.reader(world.tenant, None), world.within(holder));
        for record in world.records.keys() {
            let there = expected.contains(record);
            let read = world.engine.app.read::<Contact>(&cx, (*record).into()).await.unwrap();
            assert_eq!(read.is_some(), there, "{n}: {:?}", world.records[record]);
            let page = history.record::<Contact>(&cx, (*record).into(), 0, 10).await.unwrap();
            assert_eq!(page.map(|page| page.events.len()), there.then_some(2), "{n}: {:?}", world.records[record]);
            let tagged = world.engine.app.execute::<Contact>(&cx, (*record).into(), Expected::Any, tag()).await;
            assert_eq!(
                tagged.map(drop).map_err(|error| error.code()),
                match there {
                    true => Ok(()),
                    false => Err("contact.not_found".to_owned()),
                }
            );
        }
    }
    world.engine.stop().await;
}

/// The streams in all pages of the log.
async fn logged(history: &History, cx: &Authorized<EventsRead>, event_type: Option<&str>, limit: u16) -> Vec<Uuid> {
    let wanted = Wanted::by(cx, None, event_type);
    let (mut streams, mut after) = (Vec::new(), 0);
    loop {
        let query = LogQuery { after, until: None, limit, wanted: wanted.clone() };
        let page = history.log(cx, &query).await.unwrap();
        assert!(page.events.len() <= usize::from(limit));
        streams.extend(page.events.iter().map(|event| event.stream));
        after = page.reached;
        if !page.more {
            return streams;
        }
    }
}

#[tokio::test]
async fn the_log_tells_of_records_within_reach() {
    let mut world = World::new().await;
    let history = History::new(world.store());
    // Of the organization as a whole: told to who reads it over all, whatever projects that is limited to.
    let project = System.next();
    let create = ProjectCommand::Create { name: Label::new("Sales").unwrap(), is_default: true };
    let cx = HOLDERS[0].reader(world.tenant, None);
    world.written =
        world.engine.app.execute::<Project>(&cx, project.into(), Expected::New, create).await.unwrap().token;
    for (n, holder) in HOLDERS.iter().enumerate() {
        let reader: Authorized<EventsRead> = holder.context(world.tenant, world.written).authorize().unwrap();
        let expected: Vec<_> = world.within(holder).into_iter().collect();
        let twice = |streams: &[Uuid]| streams.iter().flat_map(|stream| [*stream; 2]).collect::<Vec<_>>();
        let whole = holder.grants[0].1 == Over::All;
        let everywhere = [twice(&expected), whole.then_some(project).into_iter().collect()].concat();
        for limit in [200, 3, 1] {
            assert_eq!(logged(&history, &reader, None, limit).await, everywhere, "{n} by {limit}");
            assert_eq!(logged(&history, &reader, Some("contact.tagged"), limit).await, expected, "{n} by {limit}");
        }
    }
    // Reading the log over own records shows no others, though contacts are read over all.
    let grants = &[("contacts:read", Over::All), ("events:read", Over::Own)];
    let holder = Holder { grants, limit: None, within: |(owner, _)| owner == 1 };
    let reader: Authorized<EventsRead> = holder.context(world.tenant, world.written).authorize().unwrap();
    let expected: Vec<_> = world.within(&holder).into_iter().collect();
    assert_eq!(logged(&history, &reader, Some("contact.created"), 5).await, expected);
    world.engine.stop().await;
}

/// Whose a record is, it says now: what is passed on takes its history with it.
#[tokio::test]
async fn a_record_that_is_passed_on_takes_its_history_along() {
    let world = World::new().await;
    let history = History::new(world.store());
    let (listener, wakeups) = Listener::new(world.database.engine());
    drop(listener);
    let tail = PostgresTail::new(world.database.engine(), wakeups);
    let own = &HOLDERS[2];
    let (record, _) = world.records.iter().find(|(_, owned)| **owned == (2, 7)).unwrap();
    let key = (Uuid::from(world.tenant), *record);
    for (owner, there) in [(2, false), (1, true), (0, false)] {
        let cx = HOLDERS[0].reader(world.tenant, None);
        let owner_id = (owner > 0).then(|| id(owner));
        let change = ContactChange { owner_id: Patch::Set(owner_id), ..ContactChange::default() };
        let change = ContactCommand::Change(Box::new(change));
        let outcome = world.engine.app.execute::<Contact>(&cx, (*record).into(), Expected::Any, change).await.unwrap();
        let reader = own.context(world.tenant, outcome.token.or(world.written)).authorize().unwrap();
        let events = logged(&history, &reader, None, 200).await;
        let told = events.iter().filter(|stream| *stream == record).count();
        assert_eq!(told > 0, there, "{owner}: {told} events");
        let list = pages(&world.engine.contacts, &own.reader(world.tenant, outcome.token), everything()).await;
        assert_eq!(list.contains(record), there);
        let belongings = tail.belongings(&[key, (key.0, System.next()), (System.next(), key.1)]).await.unwrap();
        assert_eq!(belongings, HashMap::from([(key, Belonging { owner_id, project_id: Some(id(7)) })]));
    }
    world.engine.stop().await;
}

fn everything() -> ListQuery {
    let sort = Sort::parse("created", Contact::FIELDS).unwrap();
    ListQuery { filter: Filter::Everything, search: None, sort, limit: 200, after: None }
}

/// Among 25,000 contacts: 100 of user 1, 5,000 of project 7, 50 of project 8. For a search that many meet, those within may
/// be sorted, twice at worst; never all.
#[tokio::test]
async fn no_list_within_reach_reads_all_rows() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    let [tenant, _] = crowd(&admin, 25_000).await;
    let owned = "update crm.contacts c
                    set owner_id = case when g % 250 = 7 then $2::uuid else $3::uuid end,
                        project_id = case when g % 5 = 0 then $4::uuid when g % 500 = 3 then $5::uuid end
                   from (select id, split_part(name, ' ', 2)::integer as g from crm.contacts where tenant_id = $1) rows
                  where c.tenant_id = $1 and c.id = rows.id";
    let [one, two, seven, eight] = [1, 2, 7, 8].map(Uuid::from_u128);
    admin.execute(owned, &[&tenant, &one, &two, &seven, &eight]).await.unwrap();
    admin.batch_execute("vacuum analyze crm.contacts").await.unwrap();
    let owned = |g: i64| {
        let owner = if g % 250 == 7 { 1 } else { 2 };
        let project = if g % 5 == 0 {
            7
        } else if g % 500 == 3 {
            8
        } else {
            0
        };
        (owner, project)
    };
    let limited = |limit: &'static [u128], within| Holder { grants: &[("*:*", Over::All)], limit: Some(limit), within };
    let holders = [
        Holder { grants: &[("*:*", Over::Own)], limit: None, within: |(owner, _)| owner == 1 },
        limited(&[7], |(_, project)| project == 7),
        limited(&[8], |(_, project)| project == 8),
        limited(&[7, 8], |(_, project)| project > 0),
        Holder { grants: &[("*:*", Over::Own)], limit: Some(&[7]), within: |(o, p)| o == 1 && p == 7 },
    ];
    for (n, holder) in holders.iter().enumerate() {
        let cx = holder.reader(tenant.into(), None);
        for (q, filter, sort) in [
            (None, "", Some("created")),
            (None, "", Some("-created")),
            (None, "", Some("-updated")),
            (None, "tag:vip", Some("created")),
            (Some("example"), "", None),
            (Some("zoe"), "", None),
            (Some("example"), "", Some("created")),
        ] {
            let before = reads(&admin).await;
            let contacts: Lists<Contact> = lists(&database.app()).of().unwrap().clone();
            let mut query = searching(q.unwrap_or("x"), filter, sort, 50);
            query.search = query.search.filter(|_| q.is_some());
            let page = contacts.page(&cx, &query).await.unwrap();
            let found: Vec<i64> = page.rows.iter().map(|row| (row.id.as_u128() & 0xffff_ffff) as i64).collect();
            let meets = |g: &i64| {
                let vip = g % 3 == 0 && g % 1000 != 1;
                (holder.within)(owned(*g)) && (filter.is_empty() || vip) && (q != Some("zoe") || g % 1000 == 0)
            };
            // Ids rise with g, times fall.
            let falling = sort.is_some_and(|sort| sort.starts_with('-'));
            let expected: Vec<i64> = match falling {
                true => (1..=25_000).filter(meets).take(50).collect(),
                false => (1..=25_000).rev().filter(meets).take(50).collect(),
            };
            assert_eq!(found, expected, "{n}: {q:?} {filter} {sort:?}");
            drop(contacts);
            eventually("the session has reported", async || reads(&admin).await.2 > before.2).await;
            let after = reads(&admin).await;
            let read = (after.0 - before.0, after.1 - before.1);
            assert!(read.0 == 0 && read.1 < 10_000, "{n}: {q:?} {filter} {sort:?} reads {read:?} rows");
        }
    }
}
