//! Custom attributes: what lists are filtered and sorted by besides.

use std::collections::BTreeMap;

use fairlead_application::{
    Expected, Wanted,
    access::{Authorized, System as Everything},
    administration::{RebuildState, SubscriptionAdministration},
    crm::attribute_fields,
    list::{Field, FieldKind, Fields, Filter, ListQuery, Listed, Lists, Sort},
};
use fairlead_domain::{
    crm::{
        AttributeKind, Contact, ContactChange, ContactCommand, ContactProfile, CustomField, CustomFieldCommand,
        CustomFieldProfile, FieldOption, Schema,
    },
    values::{AttributeKey, AttributeValue, Label, PersonName, RecordType},
};
use fairlead_postgres::{PostgresAdministration, lists};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::search::crowd;

fn key(text: &str) -> AttributeKey {
    AttributeKey::new(text).unwrap()
}

fn field(name: &str, value_type: AttributeKind) -> CustomFieldProfile {
    let options =
        ["gold", "silver"].map(|name| FieldOption { key: key(name), name: Label::new(name).unwrap(), retired: false });
    CustomFieldProfile {
        options: if value_type.is_choice() { options.to_vec() } else { vec![] },
        ..CustomFieldProfile::new(RecordType::Contact, key(name), Label::new(name).unwrap(), value_type)
    }
}

struct Stage {
    database: TestDatabase,
    engine: Engine,
    cx: Authorized<Everything>,
    ids: BTreeMap<Uuid, &'static str>,
}

impl Stage {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let engine = Engine::start(&database).await;
        let mut stage = Self { database, engine, cx: caller(), ids: BTreeMap::new() };
        for (name, value_type) in [
            ("note", AttributeKind::Text),
            ("size", AttributeKind::Number),
            ("budget", AttributeKind::Money),
            ("since", AttributeKind::Date),
            ("seen", AttributeKind::Time),
            ("member", AttributeKind::Boolean),
            ("tier", AttributeKind::Select),
            ("badges", AttributeKind::MultiSelect),
        ] {
            stage.define(field(name, value_type)).await;
        }
        let people = [
            (
                "Ana",
                json!({ "note": "Big BOAT", "size": 38, "budget": { "amount": 100, "currency": "EUR" }, "tier": "gold",
                            "seen": "2026-01-01T10:00:00Z", "badges": ["gold", "silver"] }),
            ),
            (
                "Bo",
                json!({ "note": "small boat", "size": 9.5, "since": "2020-02-29", "tier": "silver",
                           "seen": "2026-01-01T10:00:00.5Z", "member": true, "badges": ["silver"] }),
            ),
            (
                "Cy",
                json!({ "size": 100, "since": "2019-12-31", "member": false,
                           "budget": { "amount": -5, "currency": "USD" } }),
            ),
            ("Di", json!({})),
        ];
        for (name, attributes) in people {
            let mut profile = ContactProfile::named(PersonName::new(name).unwrap());
            let Value::Object(attributes) = attributes else { unreachable!() };
            profile.attributes = attributes
                .into_iter()
                .map(|(name, json)| (key(&name), AttributeValue::new(json).unwrap().into()))
                .collect();
            let id = stage.engine.app.fresh::<Uuid>();
            let create = ContactCommand::Create(Box::new(profile), Schema::default());
            stage.execute(id, Expected::New, create).await;
            stage.ids.insert(id, name);
        }
        stage
    }

    async fn define(&mut self, field: CustomFieldProfile) {
        let command = CustomFieldCommand::Define(Box::new(field));
        let app = &self.engine.app;
        app.execute::<CustomField>(&self.cx, app.fresh(), Expected::New, command).await.unwrap();
    }

    /// Executes a command, which later reads see.
    async fn execute(&mut self, id: Uuid, expected: Expected, command: ContactCommand) {
        let outcome = self.engine.app.ask(&self.cx, Wanted::of(id.into(), expected, command)).await;
        let mut cx = (*self.cx).clone();
        cx.read_after = outcome.unwrap().token;
        self.cx = cx.authorize().unwrap();
    }

    async fn set(&mut self, name: &str, attribute: &str, value: Option<Value>) {
        let id = *self.ids.iter().find(|(_, other)| **other == name).unwrap().0;
        let value = value.map(|json| AttributeValue::new(json).unwrap());
        let change = ContactChange { attributes: [(key(attribute), value)].into(), ..Default::default() };
        self.execute(id, Expected::Any, ContactCommand::Change(Box::new(change))).await;
    }

    /// The names that a filter lets through, over pages of `limit`.
    async fn found(&self, filter: &str, sort: &str, limit: u16) -> Vec<&'static str> {
        let custom = attribute_fields(&self.engine.app, &self.cx, RecordType::Contact).await.unwrap();
        let fields = Fields::new(Contact::FIELDS, &custom);
        let mut query = ListQuery {
            filter: Filter::parse(filter, fields).unwrap(),
            search: None,
            sort: Sort::parse(sort, fields).unwrap(),
            limit,
            after: None,
        };
        let mut found = Vec::new();
        loop {
            let page = self.engine.contacts.page(&self.cx, &query).await.unwrap();
            found.extend(page.rows.iter().map(|row| self.ids[&row.id]));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return found,
            }
        }
    }
}

#[tokio::test]
async fn lists_are_filtered_by_custom_fields() {
    let stage = Stage::new().await;
    for (filter, expected) in [
        ("attributes.note:\"big boat\"", &["Ana"][..]),
        ("attributes.note:~boat", &["Ana", "Bo"]),
        ("attributes.note:^small", &["Bo"]),
        ("attributes.note:!\"big boat\"", &["Bo", "Cy", "Di"]),
        ("attributes.note:null", &["Cy", "Di"]),
        ("attributes.note:!null attributes.size:>10", &["Ana"]),
        ("attributes.size:9.5", &["Bo"]),
        ("attributes.size:[38,100]", &["Ana", "Cy"]),
        ("attributes.size:9..38", &["Ana", "Bo"]),
        ("not attributes.size:>=38", &["Bo", "Di"]),
        ("attributes.budget:<0", &["Cy"]),
        ("attributes.since:<2020-01-01", &["Cy"]),
        ("attributes.since:2020-02-29", &["Bo"]),
        ("attributes.seen:>2026-01-01T10:00:00Z", &["Bo"]),
        ("attributes.seen:>=2026-01-01T11:00:00+01:00", &["Ana", "Bo"]),
        ("attributes.member:false", &["Cy"]),
        ("attributes.tier:gold or attributes.member:false", &["Ana", "Cy"]),
        ("attributes.badges:silver", &["Ana", "Bo"]),
        ("attributes.badges:silver attributes.badges:gold", &["Ana"]),
        ("attributes.badges:!gold", &["Bo", "Cy", "Di"]),
        ("name:di attributes.tier:null", &["Di"]),
    ] {
        assert_eq!(stage.found(filter, "created", 200).await, expected, "{filter}");
    }
    stage.engine.stop().await;
}

#[tokio::test]
async fn lists_are_sorted_by_custom_fields_page_by_page() {
    let stage = Stage::new().await;
    for (sort, expected) in [
        ("attributes.size", ["Bo", "Ana", "Cy", "Di"]),
        ("-attributes.size", ["Cy", "Ana", "Bo", "Di"]),
        ("attributes.seen", ["Ana", "Bo", "Cy", "Di"]),
        ("attributes.note", ["Ana", "Bo", "Cy", "Di"]),
        ("attributes.since", ["Cy", "Bo", "Ana", "Di"]),
        ("attributes.budget", ["Cy", "Ana", "Bo", "Di"]),
        ("-attributes.tier", ["Bo", "Ana", "Di", "Cy"]),
    ] {
        for limit in [1, 2, 3, 200] {
            assert_eq!(stage.found("", sort, limit).await, expected, "{sort} by {limit}");
        }
        let least = stage.found("attributes.size:>=0", sort, 1).await;
        assert_eq!(least, expected.into_iter().filter(|name| *name != "Di").collect::<Vec<_>>(), "{sort}");
    }
    stage.engine.stop().await;
}

/// Whatever a field's kind is, the database answers every filter that can be read.
#[tokio::test]
async fn the_database_answers_every_filter_over_attributes() {
    let stage = Stage::new().await;
    let custom = attribute_fields(&stage.engine.app, &stage.cx, RecordType::Contact).await.unwrap();
    let id = Field::of_attribute("partner", FieldKind::Id, false);
    let custom: Vec<_> = custom.into_iter().chain([id]).collect();
    let values =
        ["ana", "'; drop table crm.contact_values; --", "%_\\", "00000000-0000-0000-0000-000000000001", "2026-01-01"];
    let values: Vec<Value> = values.into_iter().map(Value::from).chain([json!(true), json!(-5)]).collect();
    let pairs = values.iter().map(|value| json!([value, value]));
    let values: Vec<_> = values.iter().cloned().chain(pairs).collect();
    let mut asked = 0;
    for field in &custom {
        for op in ["=", "!=", "<", "<=", ">", ">=", "contains", "starts_with", "ends_with", "in", "between", "is_null"]
        {
            for value in &values {
                let fields = Fields::new(Contact::FIELDS, &custom);
                let condition = json!({ "field": field.name, "op": op, "value": value });
                let Ok(filter) = Filter::from_json(&condition, fields) else { continue };
                let sort = Sort::parse("created", Contact::FIELDS).unwrap();
                let query = ListQuery { filter, search: None, sort, limit: 5, after: None };
                let page = stage.engine.contacts.page(&stage.cx, &query).await;
                assert!(page.is_ok(), "{condition}: {page:?}");
                asked += 1;
            }
        }
    }
    assert!(asked > 100, "{asked}");
    stage.engine.stop().await;
}

#[tokio::test]
async fn values_follow_the_record_and_go_with_it() {
    let mut stage = Stage::new().await;
    stage.set("Ana", "size", Some(json!(50))).await;
    stage.set("Ana", "badges", Some(json!(["silver"]))).await;
    stage.set("Bo", "size", None).await;
    assert_eq!(stage.found("attributes.size:50", "created", 200).await, ["Ana"]);
    assert_eq!(stage.found("attributes.size:38 or attributes.badges:gold", "created", 200).await, [""; 0]);
    assert_eq!(stage.found("attributes.size:null", "created", 200).await, ["Bo", "Di"]);
    let id = |name| *stage.ids.iter().find(|(_, other)| **other == name).unwrap().0;
    let (ana, cy) = (id("Ana"), id("Cy"));
    stage.execute(ana, Expected::Any, ContactCommand::Delete).await;
    stage.execute(cy, Expected::Any, ContactCommand::Erase).await;
    assert_eq!(stage.found("attributes.size:!null", "created", 200).await, [""; 0]);
    let admin = stage.database.admin().await;
    assert_eq!(rows(&admin).await, [("Bo".to_owned(), 6)], "nobody else has values");
    stage.execute(ana, Expected::Any, ContactCommand::Restore).await;
    assert_eq!(stage.found("attributes.size:50", "created", 200).await, ["Ana"]);
    stage.engine.stop().await;
}

/// How many values each listed contact has, and whatever has values without being listed.
async fn rows(admin: &Client) -> Vec<(String, i64)> {
    let sql = "select coalesce(c.state ->> 'name', '?'), count(*) from crm.contact_values v
                 left join crm.contacts c using (tenant_id, id) group by 1 order by 1";
    admin.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_rebuild_makes_the_values_anew() {
    let stage = Stage::new().await;
    assert_eq!(stage.found("attributes.size:38", "created", 200).await, ["Ana"]);
    let admin = stage.database.admin().await;
    let before = rows(&admin).await;
    admin
        .batch_execute("update crm.contact_values set number = 1; delete from crm.contact_values where key = 'note'")
        .await
        .unwrap();
    let operator = PostgresAdministration::new(stage.database.engine());
    operator.rebuild("crm.contacts").await.unwrap();
    eventually("it is in place", async || operator.rebuilds().await.unwrap()[0].state == RebuildState::Done).await;
    assert_eq!(rows(&admin).await, before);
    assert_eq!(stage.found("attributes.size:38", "attributes.note", 200).await, ["Ana"]);
    let left = "select count(*) from pg_class where relname like '%rebuilt%' and relkind = 'r'";
    assert_eq!(admin.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    stage.engine.stop().await;
}

/// Rows that were read one after the other, and by an index, and how often an index was used, of contacts and their values.
async fn reads(admin: &Client) -> (i64, i64, i64) {
    let sql = "select sum(seq_tup_read)::bigint, sum(coalesce(idx_tup_fetch, 0))::bigint, sum(idx_scan)::bigint
                 from pg_stat_user_tables
                where relid in ('crm.contacts'::regclass, 'crm.contact_values'::regclass)";
    let row = admin.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1), row.get(2))
}

/// Among 100,000 contacts of two tenants, with three values each.
#[tokio::test]
async fn no_list_by_attributes_reads_all_rows() {
    let database = TestDatabase::create().await;
    let admin = database.admin().await;
    let [tenant, _] = crowd(&admin, 50_000).await;
    let fill = "insert into crm.contact_values (tenant_id, id, key, n, text, number)
                select c.tenant_id, c.id, v.key, 0, v.text, v.number
                  from (select tenant_id, id, split_part(name, ' ', 2)::integer as g from crm.contacts) c
                 cross join lateral (values ('size', null, g::double precision), ('tier', case when g % 2 = 0 then 'gold' else 'silver' end, null),
                                            ('note', 'n' || g, null)) v (key, text, number)
                 where v.key <> 'size' or g % 5 <> 0";
    admin.execute(fill, &[]).await.unwrap();
    for table in ["crm.contacts", "crm.contact_values"] {
        admin.batch_execute(&format!("vacuum analyze {table}")).await.unwrap();
    }
    let cx = fairlead_application::Context::new(
        tenant.into(),
        caller().actor().clone(),
        fairlead_application::access::Access::parse("*:*"),
    );
    let cx = cx.authorize::<Everything>().unwrap();
    let custom = [
        Field::of_attribute("size", FieldKind::Number, true),
        Field::of_attribute("tier", FieldKind::Term, true),
        Field::of_attribute("note", FieldKind::Text, true),
    ];
    let sized = |g: &i64| g % 5 != 0;
    let up = |keep: &dyn Fn(&i64) -> bool| (1..=50_000).filter(keep).take(50).collect::<Vec<i64>>();
    let down = |keep: &dyn Fn(&i64) -> bool| (1..=50_000).rev().filter(keep).take(50).collect::<Vec<i64>>();
    let cases: [(&str, &str, Vec<i64>); 12] = [
        ("", "attributes.size", up(&sized)),
        ("", "-attributes.size", down(&sized)),
        ("attributes.size:4711", "-created", vec![4711]),
        ("attributes.size:>49990", "-created", up(&|g| sized(g) && *g > 49_990)),
        ("attributes.size:>100", "-created", up(&|g| sized(g) && *g > 100)),
        ("attributes.size:100..120", "attributes.size", up(&|g| sized(g) && (100..=120).contains(g))),
        ("attributes.size:null", "-created", up(&|g| !sized(g))),
        ("attributes.tier:gold", "-created", up(&|g| g % 2 == 0)),
        ("attributes.tier:gold", "attributes.size", up(&|g| sized(g) && g % 2 == 0)),
        ("attributes.tier:gold attributes.note:n4712", "-created", vec![4712]),
        (
            "attributes.note:^n2471",
            "-created",
            vec![2471, 24_710, 24_711, 24_712, 24_713, 24_714, 24_715, 24_716, 24_717, 24_718, 24_719],
        ),
        ("attributes.tier:!gold", "-attributes.size", down(&|g| sized(g) && g % 2 == 1)),
    ];
    for (filter, sort, expected) in cases {
        let before = reads(&admin).await;
        let contacts: Lists<Contact> = lists(&database.app()).of().unwrap().clone();
        let fields = Fields::new(Contact::FIELDS, &custom);
        let query = ListQuery {
            filter: Filter::parse(filter, fields).unwrap(),
            search: None,
            sort: Sort::parse(sort, fields).unwrap(),
            limit: 50,
            after: None,
        };
        let page = contacts.page(&cx, &query).await.unwrap();
        let found: Vec<i64> = page.rows.iter().map(|row| (row.id.as_u128() & 0xffff_ffff) as i64).collect();
        assert_eq!(found, expected, "{filter} {sort}");
        // A session reports what it has read when it ends, if not earlier.
        drop(contacts);
        eventually("the session has reported", async || reads(&admin).await.2 > before.2).await;
        let after = reads(&admin).await;
        let read = (after.0 - before.0, after.1 - before.1);
        assert!(read.0 == 0 && read.1 < 10_000, "{filter} {sort} reads {read:?} rows");
    }
}
