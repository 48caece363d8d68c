//! Lists: filters, orders and pages over the read model.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_application::{
    Expected,
    access::{Authorized, System as Everything},
    list::{Filter, ListQuery, Listed, Sort},
};
use fairlead_domain::{
    crm::{Contact, ContactCommand, ContactProfile, Schema},
    values::{Email, PersonName, PhoneNumber, Points, Tag},
};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller},
};
use serde_json::{Value, json};
use uuid::Uuid;

struct People {
    _database: TestDatabase,
    engine: Engine,
    cx: Authorized<Everything>,
    names: BTreeMap<Uuid, &'static str>,
}

/// A handful of people, and one of the same name in another organization.
async fn people() -> People {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let cx = caller();
    let mut names = BTreeMap::new();
    let people: [(&str, Option<&str>, &[&str], u128); 5] = [
        ("Ana Lima", Some("Ana@example.com"), &["vip", "lisbon"], 1),
        ("ana 100%", None, &["vip"], 2),
        ("Bo", Some("bo@example.com"), &[], 1),
        ("Zoë \"Z\" O'Neil", None, &["lisbon"], 0),
        ("Émile_", Some("emile@example.org"), &["a/b"], 0),
    ];
    let mut token = None;
    for (n, (name, email, tags, owner)) in people.into_iter().enumerate() {
        let mut profile = ContactProfile::named(PersonName::new(name).unwrap());
        profile.emails = email.map(|email| Points::one(Email::new(email).unwrap())).unwrap_or_default();
        profile.phones = Points::one(PhoneNumber::new(&format!("+35121000000{n}")).unwrap());
        profile.tags = tags.iter().map(|tag| Tag::new(tag).unwrap()).collect::<BTreeSet<_>>();
        profile.owner_id = (owner > 0).then(|| Uuid::from_u128(owner).into());
        let id = engine.app.fresh::<Uuid>();
        let command = ContactCommand::Create(Box::new(profile), Schema::default());
        token = engine.app.execute::<Contact>(&cx, id.into(), Expected::New, command.clone()).await.unwrap().token;
        engine.app.execute::<Contact>(&caller(), id.into(), Expected::New, command).await.unwrap();
        names.insert(id, name);
    }
    let mut cx = (*cx).clone();
    cx.read_after = token;
    People { _database: database, engine, cx: cx.authorize().unwrap(), names }
}

impl People {
    /// The names that a filter lets through, in the order asked for, over pages of `limit`.
    async fn found(&self, filter: &str, sort: &str, limit: u16) -> Vec<&'static str> {
        let mut query = ListQuery {
            filter: Filter::parse(filter, Contact::FIELDS).unwrap(),
            search: None,
            sort: Sort::parse(sort, Contact::FIELDS).unwrap(),
            limit,
            after: None,
        };
        let mut found = Vec::new();
        loop {
            let page = self.engine.contacts.page(&self.cx, &query).await.unwrap();
            assert!(page.rows.len() <= limit.into());
            assert!(page.rows.iter().all(|row| row.tenant == self.cx.tenant()));
            found.extend(page.rows.iter().map(|row| self.names[&row.id]));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return found,
            }
        }
    }
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let people = people().await;
    let (ana, percent, bo, zoe, emile) = ("Ana Lima", "ana 100%", "Bo", "Zoë \"Z\" O'Neil", "Émile_");
    let owner = format!("owner:{}", Uuid::from_u128(1));
    let not_owner = format!("owner:!{}", Uuid::from_u128(1));
    let cases: [(&str, &[&str]); 41] = [
        ("", &[ana, percent, bo, zoe, emile]),
        ("tag:vip", &[ana, percent]),
        ("tag:VIP tag:lisbon", &[ana]),
        ("tag:!vip", &[bo, zoe, emile]),
        ("tag:a/b", &[emile]),
        ("name:~ana", &[ana, percent]),
        ("name:~ANA name:!\"ana lima\"", &[percent]),
        ("name:~%", &[percent]),
        ("name:~_", &[emile]),
        ("name:~émi", &[emile]),
        ("name:~o'n", &[zoe]),
        (r#"name:~"\"z\"""#, &[zoe]),
        ("name:bo", &[bo]),
        ("email:ANA@example.com", &[ana]),
        ("email:!ana@example.com", &[percent, bo, zoe, emile]),
        ("phone:+351210000002", &[bo]),
        ("phone:~0000002", &[bo]),
        ("phone:~+3512 tag:vip", &[ana, percent]),
        ("phone:~351-21", &[]),
        ("email:~@example.com name:~o", &[bo]),
        (r"name:~ana\%", &[]),
        (&owner, &[ana, bo]),
        (&not_owner, &[percent, zoe, emile]),
        ("created:>2026-01-01 created:<9999-01-01", &[ana, percent, bo, zoe, emile]),
        ("updated:<=2020-01-01T00:00:00+01:00", &[]),
        ("created:2026-01-01..9999-01-01 tag:vip", &[ana, percent]),
        ("name:^an", &[ana, percent]),
        ("name:^é", &[emile]),
        ("name:^zoë tag:lisbon", &[zoe]),
        ("email:$example.org", &[emile]),
        ("name:$_", &[emile]),
        ("phone:^+35121000000 name:bo", &[bo]),
        ("email:null", &[percent, zoe]),
        ("email:!null tag:null", &[bo]),
        ("tag:[lisbon,a/b]", &[ana, zoe, emile]),
        ("name:[bo,\"émile_\",nobody]", &[bo, emile]),
        ("tag:vip or name:bo", &[ana, percent, bo]),
        ("not (tag:vip or name:bo)", &[zoe, emile]),
        ("not email:ana@example.com", &[percent, bo, zoe, emile]),
        ("(tag:vip email:null) or (tag:lisbon not tag:vip)", &[percent, zoe]),
        ("not not tag:vip", &[ana, percent]),
    ];
    for (filter, expected) in cases {
        assert_eq!(people.found(filter, "created", 200).await, expected, "{filter}");
    }
    people.engine.stop().await;
}

#[tokio::test]
async fn pages_continue_in_every_order() {
    let people = people().await;
    for field in Contact::FIELDS.iter().filter(|field| field.sortable) {
        let up = people.found("", &field.name, 200).await;
        assert_eq!(up.len(), 5);
        let mut down = people.found("", &format!("-{}", field.name), 200).await;
        down.reverse();
        assert_eq!(up, down, "{}", field.name);
        for limit in 1..=5 {
            assert_eq!(people.found("", &field.name, limit).await, up, "{} by {limit}", field.name);
            let mut pages = people.found("", &format!("-{}", field.name), limit).await;
            pages.reverse();
            assert_eq!(pages, up, "-{} by {limit}", field.name);
        }
    }
    assert_eq!(people.found("", "name", 2).await[..2], ["ana 100%", "Ana Lima"]);
    people.engine.stop().await;
}

/// Every order that is offered is served by an index, as the restricted role, when there are many rows.
#[tokio::test]
async fn no_order_needs_a_sort() {
    let people = people().await;
    let admin = people._database.admin().await;
    let tenant = Uuid::from(people.cx.tenant());
    let fill =
        "insert into crm.contacts (tenant_id, id, subject_id, version, name, tags, created_at, updated_at, state)
                select tenant_id, gen_random_uuid(), gen_random_uuid(), 1, 'n' || g, '{}', now() - g * interval '1 s',
                       now() - g * interval '1 s', '{}'
                  from crm.contacts, generate_series(1, 4000) g where tenant_id = $1 and name = 'bo'";
    assert_eq!(people.found("name:bo", "name", 1).await, ["Bo"], "the projection has caught up");
    assert_eq!(admin.execute(fill, &[&tenant]).await.unwrap(), 4000);
    admin.batch_execute("analyze crm.contacts").await.unwrap();
    let app = fairlead_testing::database::connect(&people._database.app_url()).await;
    app.batch_execute(&format!("select set_config('app.tenant_id', '{tenant}', false)")).await.unwrap();
    for column in ["created_at", "updated_at", "name", "job_title", "lifecycle_stage", "source", "birthday", "language"]
    {
        for direction in ["asc", "desc"] {
            let sql = format!(
                "explain (format json) select id from crm.contacts where tenant_id = '{tenant}'
                  order by {column} {direction}, id {direction} limit 51"
            );
            let plan: serde_json::Value = app.query_one(&sql, &[]).await.unwrap().get(0);
            let plan = plan.to_string();
            assert!(plan.contains("Index") && !plan.contains("Sort") && !plan.contains("Seq Scan"), "{column}: {plan}");
        }
    }
    people.engine.stop().await;
}

/// Whatever is asked of whichever field, the database answers: no value is taken for SQL, and no operator meets a column of
/// another type.
#[tokio::test]
async fn the_database_answers_every_filter_that_can_be_read() {
    let people = people().await;
    let texts = [
        "ana",
        "'; drop table crm.contacts; --",
        "%_\\",
        "$1",
        "\"",
        "a\u{301}",
        "{}",
        "00000000-0000-0000-0000-000000000001",
    ];
    let dates = ["2026-01-01", "9999-12-31T23:59:59Z", "customer"];
    let scalars: Vec<_> = texts.into_iter().chain(dates).map(Value::from).chain([json!(true), json!(-5)]).collect();
    let pairs = scalars.iter().map(|value| json!([value, value]));
    let values: Vec<_> = scalars.iter().cloned().chain(pairs).collect();
    let ops = ["=", "!=", "<", "<=", ">", ">=", "contains", "starts_with", "ends_with", "in", "between", "is_null"];
    let mut asked = 0;
    for field in Contact::FIELDS {
        let conditions = ops
            .iter()
            .flat_map(|op| values.iter().map(move |value| json!({ "field": field.name, "op": op, "value": value })));
        let readable: Vec<_> = conditions.filter(|json| Filter::from_json(json, Contact::FIELDS).is_ok()).collect();
        assert!(!readable.is_empty(), "{}", field.name);
        asked += readable.len();
        for one in &readable {
            people.answers(one).await;
        }
        // All at once, as far as they fit, and what they leave out.
        for some in readable.chunks(24) {
            people.answers(&json!({ "any": some })).await;
            people.answers(&json!({ "not": { "all": some } })).await;
        }
    }
    assert!(asked > 500, "{asked}");
    assert_eq!(people.found("", "created", 200).await.len(), 5, "all are still there");
    people.engine.stop().await;
}

impl People {
    async fn answers(&self, json: &Value) {
        let filter = Filter::from_json(json, Contact::FIELDS).unwrap();
        let sort = Sort::parse("birthday", Contact::FIELDS).unwrap();
        let query = ListQuery { filter, search: None, sort, limit: 5, after: None };
        let page = self.engine.contacts.page(&self.cx, &query).await;
        assert!(page.is_ok(), "{json}: {page:?}");
    }
}
