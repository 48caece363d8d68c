//! No list of contacts reads all rows, whichever field it is filtered or sorted by: found by going through the fields.

use fairlead_application::{
    Context,
    access::{Access, Authorized, System as Everything},
    list::{Field, FieldKind, Filter, ListQuery, Listed, Lists, Operator, Sort},
};
use fairlead_domain::crm::Contact;
use fairlead_postgres::lists;
use fairlead_testing::{database::TestDatabase, engine::caller};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::search::{crowd_with, gone, reads};

/// Contacts of the organization. As many belong to another one.
const CONTACTS: i32 = 100_000;
/// A page.
const PAGE: u16 = 50;
/// How many rows a page may read by an index: those that a lookup names at most, once each, and the page.
const MOST: i64 = 11_000;

/// One in a thousand has one of these values, of which there are a thousand; one in ten those of `g % 10`, of which there are ten.
const FILL: &str = "
    update crm.contacts c
       set job_title = 'job ' || lpad((g % 1000)::text, 3, '0'), source = 'source ' || g % 10,
           lifecycle_stage = case when g % 1000 = 5 then 'customer' else 'lead' end,
           birthday = date '1950-01-01' + (g % 1000)::integer, language = case when g % 1000 = 5 then 'pt' else 'en' end,
           countries = array[case when g % 1000 = 5 then 'pt' else 'de' end],
           consents = array[case when g % 1000 = 5 then 'email:denied' else 'email:granted' end],
           external_ids = array['shop:' || g], company_ids = array[lpad(to_hex(g % 1000), 32, '0')::uuid],
           owner_id = lpad(to_hex(g % 1000), 32, '0')::uuid, project_id = lpad(to_hex(g % 1000), 32, '0')::uuid
      from (select tenant_id, id, split_part(name, ' ', 2)::bigint as g from crm.contacts) n
     where c.tenant_id = n.tenant_id and c.id = n.id";

/// Of list 5 one contact in a thousand is a member.
const MEMBERS: &str = "
    insert into crm.contact_list_members (tenant_id, list_id, contact_id, is_member, event_id, position)
    select tenant_id, lpad('5', 32, '0')::uuid, id, true, gen_random_uuid(), 1
      from crm.contacts where split_part(name, ' ', 2)::integer % 1000 = 5";

struct Crowd {
    database: TestDatabase,
    admin: Client,
    cx: Authorized<Everything>,
}

impl Crowd {
    /// How many rows a page has, and how many were read for it one after the other and by an index.
    async fn page(&self, filter: &str, sort: &str) -> (usize, i64, i64) {
        let before = reads(&self.admin).await;
        let contacts: Lists<Contact> = lists(&self.database.app()).of().unwrap().clone();
        let filter = Filter::parse(filter, Contact::FIELDS).unwrap();
        let sort = Sort::parse(sort, Contact::FIELDS).unwrap();
        let query = ListQuery { filter, search: None, sort, limit: PAGE, after: None };
        let found = contacts.page(&self.cx, &query).await.unwrap().rows.len();
        // A session reports what it has read before it is gone.
        drop(contacts);
        gone(&self.admin).await;
        let after = reads(&self.admin).await;
        (found, after.0 - before.0, after.1 - before.1)
    }
}

/// A value that few have, and one that nobody has.
fn values(field: &Field) -> [String; 2] {
    let id = |n: u32| Uuid::from_u128(n.into()).to_string();
    let [few, none] = match (&*field.name, field.kind) {
        ("name", _) => ["\"ana 54321\"", "nobody"],
        ("job_title", _) => ["\"job 005\"", "nobody"],
        ("source", _) => ["\"source 5\"", "nobody"],
        ("lifecycle_stage", _) => ["customer", "opportunity"],
        ("language", _) => ["pt", "fr"],
        ("email", _) => ["54321@example.com", "nobody@example.com"],
        ("phone", _) => ["+351211054321", "+999999999999"],
        ("tag", _) => ["rare", "none"],
        ("country", _) => ["pt", "fr"],
        ("consent", _) => ["email:denied", "phone:denied"],
        ("external_id", _) => ["shop:54321", "shop:none"],
        ("birthday", _) => ["1950-01-06", "1900-01-01"],
        ("created" | "updated", _) => return ["2020-01-01".to_owned(), "2090-01-01".to_owned()],
        (name, kind) => {
            let known = matches!(kind, FieldKind::Id | FieldKind::Ids);
            assert!(known, "{name} is new: say what of {kind:?} few contacts have, and fill its column");
            return [id(5), id(2_000_000)];
        }
    };
    [few.to_owned(), none.to_owned()]
}

fn written(operator: Operator) -> Option<&'static str> {
    match operator {
        Operator::Equal => Some(""),
        Operator::Less => Some("<"),
        Operator::LessOrEqual => Some("<="),
        Operator::Greater => Some(">"),
        Operator::GreaterOrEqual => Some(">="),
        Operator::Contains => Some("~"),
        Operator::StartsWith => Some("^"),
        Operator::EndsWith => Some("$"),
        // What is left out: most rows meet it, in whatever order.
        Operator::NotEqual => None,
    }
}

#[tokio::test]
async fn no_field_makes_a_list_read_all_rows() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    let [tenant, _] = crowd_with(&admin, CONTACTS, &format!("{FILL};{MEMBERS};")).await;
    admin.batch_execute("analyze crm.contact_list_members").await.unwrap();
    let cx = Context::new(tenant.into(), caller().actor().clone(), Access::parse("*:*"));
    let crowd = Crowd { database, admin, cx: cx.authorize().unwrap() };
    let mut shapes = Vec::new();
    for field in Contact::FIELDS {
        if field.sortable {
            shapes.extend([(String::new(), field.name.to_string()), (String::new(), format!("-{}", field.name))]);
        }
        for operator in field.kind.operators().iter().copied().filter_map(written) {
            for value in values(field) {
                shapes.push((format!("{}:{operator}{value}", field.name), "-created".to_owned()));
                if field.sortable {
                    shapes.push((format!("{}:{operator}{value}", field.name), field.name.to_string()));
                }
            }
        }
    }
    assert!(shapes.len() > 100, "{}", shapes.len());
    let mut all = Vec::new();
    for (filter, sort) in shapes {
        let (found, one_by_one, by_index) = crowd.page(&filter, &sort).await;
        if one_by_one > 0 || by_index > MOST {
            all.push(format!("{filter} by {sort}: {found} of {one_by_one} and {by_index} rows"));
        }
    }
    assert!(all.is_empty(), "{all:#?}");
    // It would be seen.
    crowd.admin.batch_execute("drop index crm.contacts_birthday").await.unwrap();
    let (_, one_by_one, by_index) = crowd.page("", "birthday").await;
    assert!(one_by_one + by_index > 2 * i64::from(CONTACTS) / 3, "{one_by_one} and {by_index}");
}
