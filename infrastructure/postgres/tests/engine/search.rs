//! Search finds what a plain look at every record finds, in the same order, and nothing of anybody else.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_application::{
    Expected,
    access::{Authorized, System as Everything},
    list::{Filter, ListQuery, Listed, Lists, Search, Sort, words},
};
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactProfile, Schema},
    values::{Address, AddressParts, AttributeKey, AttributeValue, Email, PersonName, PhoneNumber, Points, Tag},
};
use fairlead_postgres::lists;
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller, eventually},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use tokio_postgres::Client;
use uuid::Uuid;

/// What texts and queries are made of, so that they meet.
const WORDS: [&str; 14] = [
    "Ana",
    "Aná",
    "anabela",
    "AN",
    "Lima",
    "lim",
    "O'Neil",
    "Łódź",
    "Straße",
    "example",
    "351",
    "21",
    "0042",
    "Ελλάδα",
];

fn text() -> impl Strategy<Value = String> {
    let separator = prop::sample::select(vec![" ", "-", ".", "  ", "' & !"]);
    prop::collection::vec((prop::sample::select(WORDS.to_vec()), separator), 1..4)
        .prop_map(|parts| parts.into_iter().flat_map(|(word, separator)| [word, separator]).collect())
}

fn profile() -> impl Strategy<Value = ContactProfile> {
    let maybe = || prop::option::of(text());
    let phone = prop::option::of("[1-9][0-9]{6,14}");
    (text(), maybe(), maybe(), phone, prop::bool::ANY, any::<u32>()).prop_map(|(name, city, note, phone, tagged, n)| {
        let mut profile = ContactProfile::named(PersonName::new(&name).unwrap());
        let email = tagged.then(|| Email::new(&format!("ana.lim{n}@example{}.com", n % 3)).unwrap());
        profile.emails = email.map(Points::one).unwrap_or_default();
        let phone = phone.map(|digits| PhoneNumber::new(&format!("+{digits}")).unwrap());
        profile.phones = phone.map(Points::one).unwrap_or_default();
        let parts = AddressParts { street: None, city, region: None, postal_code: None, country: None };
        profile.addresses = Address::new(parts).ok().map(Points::one).unwrap_or_default();
        profile.tags = tagged.then(|| Tag::new("vip").unwrap()).into_iter().collect();
        let values = note.map(|note| (AttributeKey::new("note").unwrap(), AttributeValue::Text(note).into()));
        profile.attributes = values.into_iter().collect();
        profile
    })
}

/// The words of a contact's name, and all of its texts apart.
fn texts(profile: &ContactProfile) -> (Vec<String>, Vec<String>) {
    let parts = profile.addresses.primary().map(Address::parts);
    let note = profile.attributes.values().filter_map(|value| value.known()).filter_map(|value| match value {
        AttributeValue::Text(text) => Some(text.clone()),
        _ => None,
    });
    let mut all: Vec<String> = note.chain(parts.and_then(|parts| parts.city)).collect();
    all.extend(profile.emails.values().map(|email| email.as_str().to_owned()));
    all.extend(profile.tags.iter().map(|tag| tag.as_str().to_owned()));
    let name = profile.name.known().unwrap().as_str().to_owned();
    all.push(name.clone());
    (words(&name), all.iter().flat_map(|text| words(text)).collect())
}

/// How well a contact meets a query: the rule as the guide tells it.
fn relevance(profile: &ContactProfile, search: &Search) -> Option<i32> {
    let (name, all) = texts(profile);
    let phone = profile.phones.primary().map_or("", |phone| phone.as_str());
    // Anywhere in the number, with four digits at least from there on.
    let called = |digits: &str| {
        let digits_only = phone.trim_start_matches('+');
        digits_only.char_indices().any(|(at, _)| digits_only.len() - at >= 4 && digits_only[at..].starts_with(digits))
    };
    let begins = |texts: &[String], word: &str| texts.iter().any(|text| text.starts_with(word));
    let met = search.terms().iter().all(|term| {
        term.words.iter().all(|word| begins(&all, word) || called(word))
            || term.number.as_ref().is_some_and(|number| begins(&all, number) || called(number))
    });
    if !met {
        None
    } else if search.words().all(|word| name.iter().any(|text| text == word)) {
        Some(2)
    } else {
        Some(i32::from(search.words().all(|word| begins(&name, word))))
    }
}

/// All pages of a query.
pub(crate) async fn pages(contacts: &Lists<Contact>, cx: &Authorized<Everything>, mut query: ListQuery) -> Vec<Uuid> {
    let mut found = Vec::new();
    loop {
        let page = contacts.page(cx, &query).await.unwrap();
        assert!(page.rows.len() <= query.limit.into() && page.rows.iter().all(|row| row.tenant == cx.tenant()));
        found.extend(page.rows.iter().map(|row| row.id));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return found,
        }
    }
}

pub(crate) fn searching(q: &str, filter: &str, sort: Option<&str>, limit: u16) -> ListQuery {
    let sort = sort.map_or(Sort::RELEVANCE, |sort| Sort::parse(sort, Contact::FIELDS).unwrap());
    let filter = Filter::parse(filter, Contact::FIELDS).unwrap();
    ListQuery { filter, search: Some(Search::parse(q).unwrap()), sort, limit, after: None }
}

#[tokio::test]
async fn search_finds_what_a_look_at_every_record_finds() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let mut runner = TestRunner::new(Config::default());
    let mut sample = |strategy: BoxedStrategy<ContactProfile>| strategy.new_tree(&mut runner).unwrap().current();
    let (mut cx, other) = (caller(), caller());
    let mut people: BTreeMap<Uuid, ContactProfile> = BTreeMap::new();
    for n in 0..80 {
        let id = engine.app.fresh::<Uuid>();
        let profile = sample(profile().boxed());
        let command = ContactCommand::Create(Box::new(profile.clone()), Schema::default());
        engine.app.execute::<Contact>(&other, engine.app.fresh(), Expected::New, command.clone()).await.unwrap();
        let mut outcome = engine.app.execute::<Contact>(&cx, id.into(), Expected::New, command).await.unwrap();
        if n % 10 == 0 {
            let delete = ContactCommand::Delete;
            outcome = engine.app.execute::<Contact>(&cx, id.into(), Expected::Any, delete).await.unwrap();
        } else {
            people.insert(id, profile);
        }
        let mut reading = (*cx).clone();
        reading.read_after = outcome.token;
        cx = reading.authorize().unwrap();
    }
    let mut found_some = 0;
    let queries: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    let generated = (0..150).map(|_| text().new_tree(&mut runner).unwrap().current());
    for q in queries.into_iter().chain(generated.collect::<Vec<_>>()) {
        let search = Search::parse(&q).unwrap();
        let mut expected: Vec<(i32, Uuid)> =
            people.iter().filter_map(|(id, profile)| Some((relevance(profile, &search)?, *id))).collect();
        expected.sort_by(|a, b| b.cmp(a));
        let expected: Vec<Uuid> = expected.into_iter().map(|(_, id)| id).collect();
        found_some += usize::from(!expected.is_empty());
        for limit in [200, 7] {
            assert_eq!(pages(&engine.contacts, &cx, searching(&q, "", None, limit)).await, expected, "{q}");
        }
        let mut oldest: Vec<Uuid> = expected.iter().copied().filter(|id| !people[id].tags.is_empty()).collect();
        oldest.sort();
        assert_eq!(pages(&engine.contacts, &cx, searching(&q, "tag:vip", Some("created"), 5)).await, oldest, "{q}");
    }
    assert!(found_some > 50, "the texts and the queries don't meet");
    engine.stop().await;
}

/// Two tenants of so many contacts each, of which few are called Zoé, and all have `example` in their address.
pub(crate) async fn crowd(admin: &Client, count: i32) -> [Uuid; 2] {
    crowd_with(admin, count, "").await
}

/// The same, with more to be done to them by SQL. Indexes are made afterwards, which is quicker.
pub(crate) async fn crowd_with(admin: &Client, count: i32, more: &str) -> [Uuid; 2] {
    let sql = "select indexname, indexdef from pg_indexes
                where schemaname = 'crm' and tablename = 'contacts' and indexname <> 'contacts_pkey'";
    let indexes: Vec<(String, String)> =
        admin.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
    for (name, _) in &indexes {
        admin.batch_execute(&format!("drop index crm.{name}")).await.unwrap();
    }
    let tenants = [caller(), caller()].map(|cx| Uuid::from(cx.tenant()));
    let fill = "insert into crm.contacts (tenant_id, id, subject_id, version, name, emails, phones, parts, tags, created_at,
                                          updated_at, state, words)
        select $1, id, id, 1, name, array[g || '@example.com'], array['+35121' || g + 1000000],
               name || ' ' || g || '@example.com', tag, now() - g * interval '1 s',
               now() - g * interval '1 s', jsonb_build_object('name', name),
               (select array_to_tsvector(array_agg(distinct letters || word))
                  from unnest(array['example', first, '.' || first, g::text, '.' || g, '35121' || g + 1000000, right((g + 1000000)::text, 6)]) word)
          from generate_series(1, $2) g
          cross join lateral (values (('00000000-0000-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid,
                                      case when g % 1000 = 0 then 'zoe' when g % 2 = 0 then 'ana' else 'anabela' end,
                                      case when g % 1000 = 1 then '{rare}'::text[] when g % 3 = 0 then '{vip}' else '{}' end,
                                      translate(encode(substr(uuid_send($1), 14), 'base64'), '+/', '-_'))) v (id, first, tag, letters)
          cross join lateral (values (first || ' ' || g)) n (name)";
    for tenant in &tenants {
        admin.execute(fill, &[tenant, &count]).await.unwrap();
    }
    admin.batch_execute(more).await.unwrap();
    for (_, definition) in &indexes {
        admin.batch_execute(definition).await.unwrap();
    }
    // A server in operation has statistics, too.
    admin.batch_execute("analyze crm.contacts").await.unwrap();
    tenants
}

/// Rows of the table that were read one after the other, and by an index, and how often an index was used.
pub(crate) async fn reads(admin: &Client) -> (i64, i64, i64) {
    let sql = "select seq_tup_read, coalesce(idx_tup_fetch, 0), idx_scan from pg_stat_user_tables
                where relid = 'crm.contacts'::regclass";
    let row = admin.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1), row.get(2))
}

/// Waits until this session is the only one.
pub(crate) async fn gone(admin: &Client) {
    let others = "select count(*) from pg_stat_activity
                   where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()";
    eventually("the others are gone", async || admin.query_one(others, &[]).await.unwrap().get::<_, i64>(0) == 0).await;
}

/// Among 100,000 contacts of two tenants.
#[tokio::test]
async fn no_list_reads_all_rows() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    let [tenant, _] = crowd(&admin, 50_000).await;
    let cx = fairlead_application::Context::new(
        tenant.into(),
        caller().actor().clone(),
        fairlead_application::access::Access::parse("*:*"),
    );
    let cx = cx.authorize::<Everything>().unwrap();
    let newest = |n: usize, keep: &dyn Fn(i64) -> bool| -> Vec<i64> {
        (1..=50_000).rev().filter(|g| keep(*g)).take(n).collect()
    };
    let oldest =
        |n: usize, keep: &dyn Fn(i64) -> bool| -> Vec<i64> { (1..=50_000).filter(|g| keep(*g)).take(n).collect() };
    let zoe = |g: i64| g % 1000 == 0;
    let ana = |g: i64| g % 2 == 0 && !zoe(g);
    let vip = |g: i64| g % 3 == 0 && g % 1000 != 1;
    // Ids rise with g, times fall.
    let cases = [
        (Some("zoé"), "", None, newest(50, &zoe)),
        (Some("zoe 3000"), "", None, vec![3000, 30_000]),
        (Some("ana"), "", None, newest(50, &ana)),
        (Some("an"), "", None, newest(50, &|g| !zoe(g))),
        (Some("example"), "", None, newest(50, &|_| true)),
        (Some("example"), "", Some("-created"), oldest(50, &|_| true)),
        (Some("ana"), "tag:vip", None, newest(50, &|g| ana(g) && vip(g))),
        (Some("ana example"), "tag:rare", Some("created"), newest(50, &|g| g % 1000 == 1)),
        (Some("35121100 4711"), "", None, vec![4711]),
        (None, "tag:rare", Some("-created"), oldest(50, &|g| g % 1000 == 1)),
        (None, "tag:vip", Some("-created"), oldest(50, &vip)),
        (None, "name:~zoe", Some("created"), newest(50, &zoe)),
        (None, "name:~\"a 1234\"", Some("created"), newest(50, &|g| g == 1234 || (12340..12350).contains(&g))),
        (None, "name:~ana", Some("created"), newest(50, &|g| !zoe(g))),
        (None, "email:~4711@ex", Some("created"), vec![44711, 34711, 24711, 14711, 4711]),
        (None, "phone:~004711", Some("created"), vec![4711]),
        (None, "tag:vip name:~zoe", Some("created"), newest(50, &|g| zoe(g) && vip(g))),
    ];
    for (q, filter, sort, expected) in cases {
        let before = reads(&admin).await;
        let contacts: Lists<Contact> = lists(&database.app()).of().unwrap().clone();
        let mut query = searching(q.unwrap_or("x"), filter, sort, 50);
        query.search = query.search.filter(|_| q.is_some());
        let page = contacts.page(&cx, &query).await.unwrap();
        let found: Vec<i64> = page.rows.iter().map(|row| (row.id.as_u128() & 0xffff_ffff) as i64).collect();
        assert_eq!(found, expected, "{q:?} {filter} {sort:?}");
        // A session reports what it has read when it ends, if not earlier.
        drop(contacts);
        eventually("the session has reported", async || reads(&admin).await.2 > before.2).await;
        let after = reads(&admin).await;
        let read = (after.0 - before.0, after.1 - before.1);
        assert!(read.0 == 0 && read.1 < 6_000, "{q:?} {filter} {sort:?} reads {read:?} rows");
    }
}

#[tokio::test]
async fn the_lookup_knows_one_tenant_alone_whatever_it_is_asked() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    let [own, other] = crowd(&admin, 25_000).await;
    admin
        .execute(
            "delete from crm.contacts where tenant_id = $1 and id > '00000000-0000-7000-8000-000000000100'",
            &[&own],
        )
        .await
        .unwrap();
    admin
        .execute("update crm.contacts set id = gen_random_uuid() where tenant_id = $1 and name like 'zoe%'", &[&other])
        .await
        .unwrap();
    let ids = async |tenant: Uuid| -> BTreeSet<Uuid> {
        let rows = admin.query("select id from crm.contacts where tenant_id = $1", &[&tenant]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let (owned, foreign) = (ids(own).await, ids(other).await);
    assert_eq!(owned.len(), 256);
    let foreign: BTreeSet<_> = foreign.difference(&owned).copied().collect();
    let app = connect(&database.app_url()).await;
    let enter = async |tenant: &str| {
        app.execute("select set_config('app.tenant_id', $1, false)", &[&tenant]).await.unwrap();
    };
    let ask = async |arguments: &str| {
        let sql = format!("select crm.contact_ids({arguments})");
        app.query_one(&sql, &[]).await.map(|row| row.get::<_, Option<Vec<Uuid>>>(0))
    };
    let letters = |tenant: Uuid| format!("translate(encode(substr(uuid_send('{tenant}'), 14), 'base64'), '+/', '-_')");
    let example = |tenant: Uuid, most: &str| {
        format!("('''' || {} || 'example'':*')::tsquery, null, null, null, null, {most}", letters(tenant))
    };
    enter(&own.to_string()).await;
    assert_eq!(ask(&example(own, "256")).await.unwrap().unwrap().into_iter().collect::<BTreeSet<_>>(), owned);
    assert_eq!(ask(&example(own, "255")).await.unwrap(), None, "counts are of the tenant's own rows");
    assert_eq!(ask(&example(other, "10000")).await.unwrap().unwrap(), Vec::<Uuid>::new());
    let hostile = [
        "$$!'x'$$::tsquery, null, null, null, null, 10000",
        "$$'a' | !'a'$$::tsquery, null, null, null, null, 2147483647",
        "$$'a' <-> 'b'$$::tsquery, null, null, null, null, 100",
        "''::tsquery, '{}', '', '', '', 10000",
        "null, '{}', null, null, null, 10000",
        "null, array[null], null, null, null, 10000",
        "null, array['rare'' or true--'], null, null, null, 10000",
        "null, null, '%', null, null, 10000",
        "null, null, 'a\\', null, null, 10000",
        "null, null, 'ana%', '_', '+', 10000",
        "null, null, $$') or true --$$, null, null, 10000",
        "null, null, null, '@example', null, 10000",
        "null, null, null, null, '0000'':* | !''x', 10000",
        "null, null, null, null, '+35121', 10000",
        "null, null, repeat('ana', 300000), repeat('%', 300000), null, 10000",
        "null, null, 'ana', null, null, -1",
        "null, null, 'ana', null, null, null",
        "null, null, null, null, null, 10000",
    ];
    for arguments in hostile {
        let found = ask(arguments).await.unwrap_or_else(|error| panic!("{arguments}: {error}")).unwrap_or_default();
        assert!(found.iter().all(|id| owned.contains(id)), "{arguments}");
    }
    // What is found follows the setting, also within a transaction; without it nothing is found.
    app.batch_execute("begin").await.unwrap();
    enter(&other.to_string()).await;
    let found = ask("null, array['rare'], null, null, null, 10000").await.unwrap().unwrap();
    assert_eq!(found.len(), 25);
    let zoe = ask("null, null, 'zoe', null, null, 10000").await.unwrap().unwrap();
    assert!(zoe.len() == 25 && zoe.iter().all(|id| foreign.contains(id)));
    enter(&own.to_string()).await;
    assert_eq!(ask("null, null, 'zoe', null, null, 10000").await.unwrap().unwrap(), Vec::<Uuid>::new());
    app.batch_execute("rollback").await.unwrap();
    for nobody in ["", &Uuid::nil().to_string()] {
        enter(nobody).await;
        for arguments in hostile {
            assert_eq!(ask(arguments).await.unwrap().unwrap_or_default(), Vec::<Uuid>::new(), "{arguments}");
        }
    }
    enter("nobody").await;
    assert_eq!(ask(hostile[0]).await.unwrap_err().code().unwrap().code(), "22P02", "as every policy says");
}

#[tokio::test]
async fn the_lookup_stands_above_the_policies_and_can_do_nothing_else() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    let sql = "select pg_get_userbyid(proowner), prosecdef and provolatile = 's', proconfig, 
                      has_function_privilege('fairlead_app', oid, 'execute'),
                      exists (select from aclexplode(proacl) where grantee = 0)
                 from pg_proc where oid = 'crm.contact_ids'::regproc";
    let row = admin.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "fairlead_engine");
    assert!(row.get::<_, bool>(1));
    assert_eq!(row.get::<_, Vec<String>>(2)[0], "search_path=pg_catalog, pg_temp");
    assert!(row.get::<_, bool>(3) && !row.get::<_, bool>(4), "requests alone may call it");
    let may = admin.query_one("select has_schema_privilege('fairlead_engine', 'crm', 'create')", &[]).await.unwrap();
    assert!(!may.get::<_, bool>(0), "the right to make it was taken back");
    // After a restore without owners it is the owner's, and works all the same.
    let [tenant, _] = crowd(&admin, 25_000).await;
    admin.batch_execute("alter function crm.contact_ids owner to fairlead_owner").await.unwrap();
    let app = connect(&database.app_url()).await;
    app.execute("select set_config('app.tenant_id', $1, false)", &[&tenant.to_string()]).await.unwrap();
    let sql = "select cardinality(crm.contact_ids(null, array['rare'], null, null, null, 100))";
    assert_eq!(app.query_one(sql, &[]).await.unwrap().get::<_, i32>(0), 25);
}
