//! Pipelines: their list, as the restricted role, and what it costs.

use fairlead_application::{
    Expected,
    access::Authorized,
    crm::PipelinesRead,
    list::{Filter, ListQuery, Listed, Search, Sort},
};
use fairlead_domain::{
    crm::{Pipeline, PipelineCommand, PipelineProfile, Stage},
    values::{Label, Percent},
};
use fairlead_postgres::lists;
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller},
};
use uuid::Uuid;

/// A pipeline with stages of these probabilities, whose ids count from 11.
pub(crate) fn pipeline(name: &str, probabilities: &[i64], rotting_days: Option<u16>) -> PipelineProfile {
    let stages = (11_u128..).zip(probabilities).map(|(n, probability)| Stage {
        id: Uuid::from_u128(n).into(),
        name: Label::new(&format!("Stage {n}")).unwrap(),
        probability: Percent::new(*probability).unwrap(),
        rotting_days,
    });
    let name = Label::new(name).unwrap();
    PipelineProfile { name, description: None, stages: stages.collect(), win_reasons: vec![], loss_reasons: vec![] }
}

#[tokio::test]
async fn pipelines_are_found_by_each_of_their_fields() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let (cx, other) = (caller(), caller());
    let names = ["New business", "Émile's 100%", "Renewals"];
    let mut token = None;
    for name in names {
        for cx in [&other, &cx] {
            let create = PipelineCommand::Create(Box::new(pipeline(name, &[20], None)));
            let id = engine.app.fresh();
            token = engine.app.execute::<Pipeline>(cx, id, Expected::New, create).await.unwrap().token;
        }
    }
    let mut reading = (*cx).clone();
    reading.read_after = token;
    let reading: Authorized<PipelinesRead> = reading.authorize().unwrap();
    let list = lists(&engine.requests).of::<Pipeline>().unwrap().clone();
    let found = async |filter: &str, q: Option<&str>, sort: &str, limit: u16| {
        let mut query = ListQuery {
            filter: Filter::parse(filter, Pipeline::FIELDS).unwrap(),
            search: q.map(|q| Search::parse(q).unwrap()),
            sort: Sort::parse(sort, Pipeline::FIELDS).unwrap(),
            limit,
            after: None,
        };
        let mut found = Vec::new();
        loop {
            let page = list.page(&reading, &query).await.unwrap();
            assert!(page.rows.iter().all(|row| row.tenant == cx.tenant()));
            found.extend(page.rows.iter().map(|row| row.state.profile.name.as_str().to_owned()));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return found,
            }
        }
    };
    for (filter, expected) in [
        ("name:~business", &names[..1]),
        ("name:~%", &names[1..2]),
        ("name:renewals", &names[2..]),
        ("created:>2026-01-01 updated:<9999-01-01", &names[..]),
    ] {
        assert_eq!(found(filter, None, "created", 200).await, expected, "{filter}");
    }
    assert_eq!(found("", Some("renew"), "created", 200).await, names[2..]);
    assert_eq!(found("", Some("stage"), "created", 200).await, names, "by their stages");
    for sort in ["created", "-created", "updated", "-updated", "name", "-name"] {
        let all = found("", None, sort, 200).await;
        assert_eq!(all.len(), 3);
        assert_eq!(found("", None, sort, 1).await, all, "{sort}");
    }
    engine.stop().await;
}

/// As the restricted role, among many rows.
#[tokio::test]
async fn an_index_serves_every_order_and_filter_of_pipelines() {
    let database = TestDatabase::create().await;
    let (admin, tenant) = (database.admin().await, Uuid::from(caller().tenant()));
    let fill = "insert into crm.pipelines
                select $1, gen_random_uuid(), gen_random_uuid(), 1, 'n' || g, now() - g * interval '1 s',
                       now() - g * interval '1 s', '{}', ''
                  from generate_series(1, 6000) g";
    assert_eq!(admin.execute(fill, &[&tenant]).await.unwrap(), 6000);
    admin.batch_execute("vacuum analyze crm.pipelines").await.unwrap();
    let app = connect(&database.app_url()).await;
    app.batch_execute(&format!("select set_config('app.tenant_id', '{tenant}', false)")).await.unwrap();
    for (column, index) in
        [("created_at", "pipelines_created"), ("updated_at", "pipelines_updated"), ("name", "pipelines_name")]
    {
        for direction in ["asc", "desc"] {
            let sql = format!(
                "explain (format json) select id from crm.pipelines where tenant_id = '{tenant}'
                  order by {column} {direction}, id {direction} limit 51"
            );
            let plan = app.query_one(&sql, &[]).await.unwrap().get::<_, serde_json::Value>(0).to_string();
            assert!(plan.contains(index) && !plan.contains("Sort") && !plan.contains("Seq Scan"), "{plan}");
        }
    }
    let found = async |arguments: &str| -> Option<Vec<Uuid>> {
        app.query_one(&format!("select crm.pipeline_ids({arguments}, p_most => 100)"), &[]).await.unwrap().get(0)
    };
    assert_eq!(found("p_words => null, p_name => 'n5999'").await.unwrap().len(), 1);
    assert_eq!(found("p_words => null, p_name => '%'").await.unwrap(), [] as [Uuid; 0]);
    assert_eq!(found("p_words => null, p_name => null").await, None);
    app.batch_execute("select set_config('app.tenant_id', '', false)").await.unwrap();
    assert_eq!(found("p_words => null, p_name => 'n5999'").await.unwrap(), [] as [Uuid; 0]);
}
