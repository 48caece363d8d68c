//! How the members of a contact list, and the lists of a contact, are found among many.

use fairlead_application::{
    Context,
    access::{Access, System as Everything},
    list::{Filter, ListQuery, Listed, Lists, Sort},
};
use fairlead_domain::crm::{Contact, ContactList};
use fairlead_postgres::lists;
use fairlead_testing::{
    database::TestDatabase,
    engine::{caller, eventually},
};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::search::crowd;

const FILL: &str = "
    insert into crm.contact_lists (tenant_id, id, subject_id, version, name, created_at, updated_at, state)
    select tenant, list, list, 1, 'list ' || g, now() - g * interval '1 s', now(), jsonb_build_object('name', 'List ' || g)
      from unnest($1::uuid[]) tenant, generate_series(1, 3000) g
     cross join lateral (values (('00000000-0000-7000-8000-' || lpad(to_hex(1000000 + g), 12, '0'))::uuid)) l (list);";
/// The first list has all contacts, each other one has 20, which are five for each contact; as many were taken off.
const MEMBERS: &str = "
    insert into crm.contact_list_members (tenant_id, list_id, contact_id, is_member, event_id, position)
    select tenant, list, contact, n < 20, gen_random_uuid(), 1
      from unnest($1::uuid[]) tenant, generate_series(1, 3000) g, generate_series(0, 39) n
     cross join lateral (values (('00000000-0000-7000-8000-' || lpad(to_hex(1000000 + g), 12, '0'))::uuid,
                                 ('00000000-0000-7000-8000-' || lpad(to_hex(1 + (g * 7 + n) % 25000), 12, '0'))::uuid))
           m (list, contact)
     where g > 1
     union all
    select tenant, '00000000-0000-7000-8000-0000000f4241', c.id, true, gen_random_uuid(), 1
      from unnest($1::uuid[]) tenant join crm.contacts c on c.tenant_id = tenant";

/// Rows that were read one after the other, by an index, and how often an index was used.
async fn reads(admin: &Client, table: &str) -> (i64, i64, i64) {
    let sql = "select seq_tup_read, coalesce(idx_tup_fetch, 0), idx_scan from pg_stat_user_tables
                where relid = $1::text::regclass";
    let row = admin.query_one(sql, &[&table]).await.unwrap();
    (row.get(0), row.get(1), row.get(2))
}

struct Crowd {
    database: TestDatabase,
    admin: Client,
    tenant: Uuid,
}

impl Crowd {
    /// What a page holds, and how many rows were read for it in the table of the list and in that of the members.
    async fn page<A: Listed>(&self, table: &str, filter: &str, sort: &str) -> (Vec<u128>, [(i64, i64); 2]) {
        let tables = [table, "crm.contact_list_members"];
        let before = [reads(&self.admin, tables[0]).await, reads(&self.admin, tables[1]).await];
        let cx = Context::new(self.tenant.into(), caller().actor().clone(), Access::parse("*:*"));
        let cx = cx.authorize::<Everything>().unwrap();
        let lists: Lists<A> = lists(&self.database.app()).of().unwrap().clone();
        let filter = Filter::parse(filter, A::FIELDS).unwrap();
        let sort = Sort::parse(sort, A::FIELDS).unwrap();
        let query = ListQuery { filter, search: None, sort, limit: 50, after: None };
        let page = lists.page(&cx, &query).await.unwrap();
        // A session reports what it has read when it ends, if not earlier.
        drop(lists);
        eventually("the session has reported", async || reads(&self.admin, tables[1]).await.2 > before[1].2).await;
        let after = [reads(&self.admin, tables[0]).await, reads(&self.admin, tables[1]).await];
        let read = [0, 1].map(|n: usize| (after[n].0 - before[n].0, after[n].1 - before[n].1));
        (page.rows.iter().map(|row| row.id.as_u128() & 0xffff_ffff).collect(), read)
    }
}

#[tokio::test]
async fn neither_members_nor_lists_of_a_contact_are_looked_for_among_all() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    let tenants = crowd(&admin, 25_000).await;
    admin.execute(FILL, &[&&tenants[..]]).await.unwrap();
    admin.execute(MEMBERS, &[&&tenants[..]]).await.unwrap();
    admin.batch_execute("analyze crm.contact_lists; analyze crm.contact_list_members").await.unwrap();
    let crowd = Crowd { database, admin, tenant: tenants[0] };
    let list = |g: u128| format!("list:{}", Uuid::from_u128(0x7000_8000_0000_0000_0000 | (1_000_000 + g)));
    let twenty: Vec<u128> = (0..20).map(|n| 1 + (1_000 * 7 + n) % 25_000).collect();
    for (filter, sort, expected) in [
        (list(1_000), "-created", twenty.clone()),
        (list(1_000), "name", twenty.clone()),
        (
            format!("{} tag:vip", list(1_000)),
            "-created",
            twenty.iter().copied().filter(|g| g % 3 == 0 && g % 1000 != 1).collect(),
        ),
        (list(1), "-created", (1..=50).collect()),
        (format!("{} tag:vip", list(1)), "-created", (1..).filter(|g| g % 3 == 0 && g % 1000 != 1).take(50).collect()),
        (format!("{} or {}", list(1_000), list(999_999)), "-created", twenty.clone()),
    ] {
        let (mut found, read) = crowd.page::<Contact>("crm.contacts", &filter, sort).await;
        if sort == "name" {
            found.sort_unstable();
        }
        assert_eq!(found, expected, "{filter} {sort}");
        // One of two conditions is not enough to name the few rows that meet it: then the order is walked.
        let most = if filter.contains(" or ") { 26_000 } else { 6_000 };
        let few = |(one_by_one, by_index): &(i64, i64)| *one_by_one == 0 && *by_index < most;
        assert!(read.iter().all(few), "{filter} {sort} reads {read:?}");
    }
    let contact = |g: u128| format!("contact:{}", Uuid::from_u128(0x7000_8000_0000_0000_0000 | g));
    for sort in ["-created", "name", "updated"] {
        let (found, read) = crowd.page::<ContactList>("crm.contact_lists", &contact(7_001), sort).await;
        let expected: Vec<u128> =
            (1..=3_000_u128).filter(|g| *g == 1 || (0..20).any(|n| 1 + (g * 7 + n) % 25_000 == 7_001)).collect();
        let mut found: Vec<u128> = found.into_iter().map(|id| id - 1_000_000).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{sort}");
        assert!(read.iter().all(|read| read.0 == 0 && read.1 < 50), "{sort} reads {read:?}");
    }
}
