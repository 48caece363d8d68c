//! A search over all kinds finds, of each, what its own list finds first, and reads few rows.

use fairlead_application::{
    Context, Expected,
    access::{Access, Authorized, System as Everything},
    consistency::ConsistencyToken,
    list::{AllLists, Filter, ListQuery, Listed, Search, SearchQuery, SearchRead, Sort},
    ports::{IdGenerator, System},
};
use fairlead_domain::{
    crm::{
        Activity, ActivityCommand, ActivityKind, Ancestry, Company, CompanyCommand, CompanyProfile, Contact,
        ContactCommand, ContactProfile, Deal, Pipeline, PipelineCommand, Schema,
    },
    kernel::Aggregate,
    values::{PersonName, RecordRef, Tag, Title},
};
use fairlead_postgres::lists;
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller},
};
use uuid::Uuid;

use crate::{
    activities::profile as activity,
    pipelines::pipeline,
    search::{crowd, gone, reads},
};

const NAMES: [&str; 6] = ["Lima", "Limão", "Ana Lima", "Lima & Lima 42", "Lisboa", "Łimarket"];
const QUERIES: [&str; 9] = ["lima", "lim", "li", "ana lim", "42 lima", "lima lima", "vip", "porto", "seen lima"];

struct Stage {
    engine: Engine,
    cx: Authorized<Everything>,
    all: AllLists,
    written: Option<ConsistencyToken>,
    // Dropped last.
    _database: TestDatabase,
}

impl Stage {
    /// Records of each kind under each name, some of them deleted, and the same in another organization.
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let engine = Engine::start(&database).await;
        let all = lists(&engine.requests);
        let mut stage = Self { engine, cx: caller(), all, written: None, _database: database };
        for (n, name) in NAMES.into_iter().enumerate() {
            let mut person = ContactProfile::named(PersonName::new(name).unwrap());
            person.tags = ["vip", "porto"].map(|tag| Tag::new(tag).unwrap()).into();
            stage
                .add::<Contact>(n, ContactCommand::Create(Box::new(person), Schema::default()), ContactCommand::Delete)
                .await;
            let mut firm = CompanyProfile::named(Title::new(name).unwrap());
            firm.tags = [Tag::new("lima").unwrap()].into();
            let create = CompanyCommand::Create(Box::new(firm), Ancestry::Sound, Schema::default());
            stage.add::<Company>(n, create, CompanyCommand::Delete).await;
            let about = [RecordRef::contact(Uuid::from_u128(1))];
            let note = activity(ActivityKind::Note, &format!("Seen {name}"), &about);
            let create = ActivityCommand::Create { profile: Box::new(note), seen: about.into() };
            stage.add::<Activity>(n, create, ActivityCommand::Delete).await;
            let create = PipelineCommand::Create(Box::new(pipeline(name, &[20], None)));
            stage.add::<Pipeline>(n, create, PipelineCommand::Delete).await;
        }
        stage
    }

    async fn add<A: Aggregate<Command: Clone>>(&mut self, n: usize, create: A::Command, delete: A::Command) {
        // Deleted, they leave their names to others.
        for deleted in [true, false].into_iter().skip(n % 2) {
            let id = System.next();
            for cx in [&caller(), &self.cx] {
                let created = self.engine.app.execute::<A>(cx, id.into(), Expected::New, create.clone()).await.unwrap();
                self.written = created.token;
            }
            if deleted {
                let gone = self.engine.app.execute::<A>(&self.cx, id.into(), Expected::Any, delete.clone()).await;
                self.written = gone.unwrap().token;
            }
        }
    }

    fn reader<P: fairlead_application::access::Permission>(&self, scope: &str) -> Authorized<P> {
        let mut cx = Context::new(self.cx.tenant(), self.cx.actor().clone(), Access::parse(scope));
        cx.read_after = self.written;
        cx.authorize().unwrap()
    }

    /// What the list of a kind finds first, and whether there is more.
    async fn found<A: Listed>(&self, search: &Search, limit: u16) -> (Vec<Uuid>, bool) {
        let (filter, search) = (Filter::Everything, Some(search.clone()));
        let query = ListQuery { filter, search, sort: Sort::RELEVANCE, limit, after: None };
        let page = self.all.of::<A>().unwrap().page(&self.reader::<Everything>("*:*"), &query).await.unwrap();
        (page.rows.iter().map(|row| row.id).collect(), page.next.is_some())
    }
}

#[tokio::test]
async fn a_search_over_all_kinds_finds_what_each_list_finds_first() {
    let stage = Stage::new().await;
    let mut found_some = 0;
    for q in QUERIES {
        let search = Search::parse(q).unwrap();
        for limit in [1, 3, 10] {
            let query = SearchQuery { search: search.clone(), aggregates: None, limit };
            let found = stage.all.search(&stage.reader::<SearchRead>("*:*"), &query).await.unwrap();
            let places: Vec<_> = found.records.iter().map(|found| (found.relevance, found.id)).collect();
            assert!(places.is_sorted_by(|a, b| a > b), "{q}: the best first, among equals the newest");
            found_some += places.len();
            let of_kind = |name: &str| {
                let records = found.records.iter().filter(|found| found.aggregate == name);
                let more = found.searched.iter().find(|(searched, _)| *searched == name).unwrap().1;
                (records.map(|found| found.id).collect::<Vec<_>>(), more)
            };
            // In the order of their list, too: so it agrees about how well each meets the search.
            assert_eq!(of_kind("contact"), stage.found::<Contact>(&search, limit).await, "{q}");
            assert_eq!(of_kind("company"), stage.found::<Company>(&search, limit).await, "{q}");
            assert_eq!(of_kind("activity"), stage.found::<Activity>(&search, limit).await, "{q}");
            assert_eq!(of_kind("pipeline"), stage.found::<Pipeline>(&search, limit).await, "{q}");
            assert_eq!(of_kind("deal"), stage.found::<Deal>(&search, limit).await, "{q}");
        }
    }
    assert!(found_some > 200, "{found_some}");
    let query = SearchQuery { search: Search::parse("lima").unwrap(), aggregates: None, limit: 10 };
    let some = stage.all.search(&stage.reader::<SearchRead>("search:read companies:read"), &query).await.unwrap();
    assert!(!some.records.is_empty() && some.records.iter().all(|found| found.aggregate == "company"));
    assert_eq!(some.searched.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["company"]);
    stage.engine.stop().await;
}

/// Among 100,000 contacts, most of which meet it: what is asked with each key that somebody presses.
#[tokio::test]
async fn a_search_while_typing_reads_few_rows() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    let [tenant, _] = crowd(&admin, 50_000).await;
    let cx = Context::new(tenant.into(), caller().actor().clone(), Access::parse("*:*"));
    let cx: Authorized<SearchRead> = cx.authorize().unwrap();
    // Of several words that nearly all have, the organization's rows are read once: that is known, and no better yet.
    let (few, own) = (11_000, 60_000);
    for (q, most) in
        [("a", few), ("an", few), ("ana", few), ("ana e", own), ("ana exa", own), ("zoe", few), ("zoe 3", few)]
    {
        let query = SearchQuery { search: Search::parse(q).unwrap(), aggregates: None, limit: 10 };
        let before = reads(&admin).await;
        let all = lists(&database.app());
        let found = all.search(&cx, &query).await.unwrap();
        assert_eq!(found.records.len(), 10, "{q}");
        // Sessions report what they have read before they are gone.
        drop(all);
        gone(&admin).await;
        let after = reads(&admin).await;
        let read = (after.0 - before.0, after.1 - before.1);
        assert!(read.0 == 0 && read.1 < most, "{q} reads {read:?} rows");
    }
}
