//! Companies: their list, as the restricted role, and what it costs; and how two become one in the database.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_application::{
    AppError, Expected, Outcome, Wanted,
    access::{Authorized, System as Everything},
    crm::{CompaniesWrite, merge_companies},
    list::{Filter, ListQuery, Listed, Lists, Search, Sort},
};
use fairlead_domain::{
    crm::{Ancestry, Company, CompanyCommand, CompanyProfile, Schema},
    ids::CompanyId,
    kernel::Aggregate,
    values::{DomainName, Label, LifecycleStage, PhoneNumber, Tag, Title},
};
use fairlead_postgres::lists;
use fairlead_testing::{
    database::{TestDatabase, connect},
    engine::{Engine, caller},
};
use uuid::Uuid;

fn named(name: &str) -> CompanyProfile {
    CompanyProfile::named(Title::new(name).unwrap())
}

fn domain(text: &str) -> DomainName {
    DomainName::new(text).unwrap()
}

struct Firms {
    database: TestDatabase,
    engine: Engine,
    list: Lists<Company>,
    cx: Authorized<Everything>,
    names: BTreeMap<Uuid, &'static str>,
}

/// A handful of companies, and the same in another organization.
async fn firms() -> Firms {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let (cx, other) = (caller(), caller());
    let firms = [
        ("Lima Shipping", &["lima.example", "lima.test"][..], Some("Logistics"), Some(140), Some(LifecycleStage::Lead)),
        ("Lima & Filhos", &[], Some("Retail"), Some(3), Some(LifecycleStage::Customer)),
        ("Porto 100%", &["porto.example"], None, None, None),
        ("Émile Frères", &[], Some("Logistics & more"), Some(0), Some(LifecycleStage::Lead)),
    ];
    let (mut names, mut token, mut parent) = (BTreeMap::new(), None, None);
    for (n, (name, domains, industry, employees, lifecycle_stage)) in firms.into_iter().enumerate() {
        let profile = CompanyProfile {
            domains: domains.iter().map(|text| domain(text)).collect(),
            industry: industry.map(|text| Label::new(text).unwrap()),
            employees,
            lifecycle_stage,
            phone: Some(PhoneNumber::new(&format!("+35121000000{n}")).unwrap()),
            tags: (n % 2 == 0).then(|| Tag::new("even").unwrap()).into_iter().collect(),
            parent_id: parent,
            owner_id: (n == 1).then(|| Uuid::from_u128(1).into()),
            ..named(name)
        };
        let id = engine.app.fresh::<Uuid>();
        let command = CompanyCommand::Create(Box::new(profile), Ancestry::Sound, Schema::default());
        let stored = engine.app.execute::<Company>(&cx, id.into(), Expected::New, command.clone()).await.unwrap();
        engine.app.execute::<Company>(&other, id.into(), Expected::New, command).await.unwrap();
        (token, parent) = (stored.token, Some(parent.unwrap_or(CompanyId::from(id))));
        names.insert(id, name);
    }
    let mut cx = (*cx).clone();
    cx.read_after = token;
    let list = lists(&engine.requests).of::<Company>().unwrap().clone();
    Firms { database, engine, list, cx: cx.authorize().unwrap(), names }
}

impl Firms {
    async fn found(&self, filter: &str, q: Option<&str>, sort: &str, limit: u16) -> Vec<&'static str> {
        let mut query = ListQuery {
            filter: Filter::parse(filter, Company::FIELDS).unwrap(),
            search: q.map(|q| Search::parse(q).unwrap()),
            sort: Sort::parse(sort, Company::FIELDS).unwrap(),
            limit,
            after: None,
        };
        let mut found = Vec::new();
        loop {
            let page = self.list.page(&self.cx, &query).await.unwrap();
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
async fn companies_are_found_by_each_of_their_fields() {
    let firms = firms().await;
    let (lima, filhos, porto, emile) = ("Lima Shipping", "Lima & Filhos", "Porto 100%", "Émile Frères");
    let first = firms.names.iter().find(|(_, name)| **name == lima).unwrap().0;
    let (parent, owner) = (format!("parent:{first}"), format!("owner:{}", Uuid::from_u128(1)));
    let cases: [(&str, &[&str]); 19] = [
        ("name:~lima", &[lima, filhos]),
        ("name:~%", &[porto]),
        ("name:^émile", &[emile]),
        ("domain:LIMA.example", &[lima]),
        ("domain:lima.test domain:lima.example", &[lima]),
        ("domain:null", &[filhos, emile]),
        ("domain:[porto.example,lima.test]", &[lima, porto]),
        ("industry:~logistic", &[lima, emile]),
        ("industry:retail", &[filhos]),
        ("industry:null", &[porto]),
        ("lifecycle_stage:lead", &[lima, emile]),
        ("lifecycle_stage:!lead", &[filhos, porto]),
        ("employees:>=3", &[lima, filhos]),
        ("employees:0..3", &[filhos, emile]),
        ("employees:null", &[porto]),
        ("tag:even", &[lima, porto]),
        (&parent, &[filhos, porto, emile]),
        (&owner, &[filhos]),
        ("created:>2026-01-01 updated:<9999-01-01 not tag:even", &[filhos, emile]),
    ];
    for (filter, expected) in cases {
        assert_eq!(firms.found(filter, None, "created", 200).await, expected, "{filter}");
    }
    for (q, expected) in
        [("lima", &[lima, filhos][..]), ("porto.ex", &[porto]), ("0002", &[porto]), ("logistics", &[lima, emile])]
    {
        assert_eq!(firms.found("", Some(q), "created", 200).await, expected, "{q}");
    }
    for field in Company::FIELDS.iter().filter(|field| field.sortable) {
        for sort in [field.name.to_string(), format!("-{}", field.name)] {
            let all = firms.found("", None, &sort, 200).await;
            assert_eq!(all.len(), 4, "{sort}");
            for limit in 1..=4 {
                assert_eq!(firms.found("", None, &sort, limit).await, all, "{sort} by {limit}");
            }
        }
    }
    assert_eq!(firms.found("", None, "employees", 3).await, [emile, filhos, lima, porto]);
    assert_eq!(firms.found("", None, "-employees", 3).await, [lima, filhos, emile, porto]);
    assert_eq!(firms.found("", None, "name", 2).await, [filhos, lima, porto, emile]);
    firms.engine.stop().await;
}

/// As the restricted role, among many rows: every order and every filter that has an index goes by it.
#[tokio::test]
async fn an_index_serves_every_order_and_filter_of_companies() {
    let firms = firms().await;
    assert_eq!(firms.found("", None, "name", 200).await.len(), 4, "the projection has caught up");
    let (admin, tenant) = (firms.database.admin().await, Uuid::from(firms.cx.tenant()));
    let fill = "insert into crm.companies
                select tenant_id, gen_random_uuid(), gen_random_uuid(), 1, 'n' || g, array['d' || g], 'i' || g % 50,
                       case when g % 200 = 0 then 'customer' end, g, '{}', case when g % 100 = 0 then id end, null, null,
                       now() - g * interval '1 s', now() - g * interval '1 s', '{}', ''
                  from crm.companies, generate_series(1, 6000) g where tenant_id = $1 and name = 'lima shipping'";
    assert_eq!(admin.execute(fill, &[&tenant]).await.unwrap(), 6000);
    admin.batch_execute("vacuum analyze crm.companies").await.unwrap();
    let app = connect(&firms.database.app_url()).await;
    app.batch_execute(&format!("select set_config('app.tenant_id', '{tenant}', false)")).await.unwrap();
    let served = async |what: &str, rest: String, index: &str| {
        let sql = format!("explain (format json) select id from crm.companies where tenant_id = '{tenant}' {rest}");
        let plan = app.query_one(&sql, &[]).await.unwrap().get::<_, serde_json::Value>(0).to_string();
        let good = plan.contains(index) && !plan.contains("Sort") && !plan.contains("Seq Scan");
        assert!(good, "{what}: {plan}");
    };
    for (column, index) in
        [("created_at", "companies_created"), ("updated_at", "companies_updated"), ("name", "companies_name")]
    {
        for direction in ["asc", "desc"] {
            let order = format!("order by {column} {direction}, id {direction} limit 51");
            served(&format!("{column} {direction}"), order, index).await;
        }
    }
    // Those without a value come after the others, by a statement of their own.
    for direction in ["asc", "desc"] {
        let present = format!("and employees is not null order by employees {direction}, id {direction} limit 51");
        served(&present.clone(), present, "companies_employees").await;
    }
    let by_creation = "order by created_at, id limit 51";
    let id = Uuid::from_u128(1);
    for (condition, index) in [
        ("lifecycle_stage = 'customer'".to_owned(), "companies_stage"),
        (format!("parent_id = '{id}'"), "companies_parent"),
        (format!("owner_id = '{id}'"), "companies_owner"),
        (format!("project_id = '{id}'"), "companies_project"),
    ] {
        served(&condition, format!("and {condition} {by_creation}"), index).await;
    }
    // What row-level security keeps from its index is looked up above the policies, within the tenant.
    let found = async |arguments: &str| -> Option<Vec<Uuid>> {
        app.query_one(&format!("select crm.company_ids({arguments}, p_most => 100)"), &[]).await.unwrap().get(0)
    };
    let none = "p_words => null, p_name => null, p_industry => null, p_tag => null";
    assert_eq!(found(&format!("{none}, p_domain => array['d77']")).await.unwrap().len(), 1);
    assert_eq!(found(&format!("{none}, p_domain => array['lima.example']")).await.unwrap(), [firms.lima()]);
    assert_eq!(found(&format!("{none}, p_domain => null")).await, None);
    let part = "p_words => null, p_tag => null, p_domain => null";
    assert_eq!(found(&format!("{part}, p_name => 'n5999', p_industry => null")).await.unwrap().len(), 1);
    let wild = found(&format!("{part}, p_name => 'ima', p_industry => '%'")).await.unwrap();
    assert_eq!(wild, [] as [Uuid; 0]);
    app.batch_execute("select set_config('app.tenant_id', '', false)").await.unwrap();
    assert_eq!(found(&format!("{none}, p_domain => array['lima.example']")).await.unwrap(), [] as [Uuid; 0]);
    firms.engine.stop().await;
}

impl Firms {
    fn lima(&self) -> Uuid {
        *self.names.iter().find(|(_, name)| **name == "Lima Shipping").unwrap().0
    }
}

async fn create(
    engine: &Engine,
    cx: &Authorized<CompaniesWrite>,
    profile: CompanyProfile,
) -> Result<Outcome, AppError> {
    let command = CompanyCommand::Create(Box::new(profile), Ancestry::default(), Schema::default());
    engine.app.ask(cx, Wanted::new(command)).await
}

/// The domains go over in one transaction, whichever stream is stored first, and are the winner's alone from then on.
#[tokio::test]
async fn the_winner_gets_the_losers_domains() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let cx: Authorized<CompaniesWrite> = (*caller()).clone().authorize().unwrap();
    let reader: Authorized<Everything> = (*cx).clone().authorize().unwrap();
    let made = async |n: usize| {
        let domains = BTreeSet::from([domain(&format!("d{n}.example"))]);
        let outcome = create(&engine, &cx, CompanyProfile { domains, ..named("Lima") }).await.unwrap();
        CompanyId::from(outcome.receipts[0].id)
    };
    for n in [0, 2] {
        let (first, second) = (made(n).await, made(n + 1).await);
        let (winner, loser) = if n == 0 { (first, second) } else { (second, first) };
        let merged = merge_companies(&engine.app, &cx, winner, loser, Expected::Any).await.unwrap();
        assert_eq!((merged.receipts.len(), merged.receipts[0].id), (1, winner.into()));
        let state = engine.app.read::<Company>(&reader, winner).await.unwrap().unwrap().state;
        assert_eq!(state.profile.domains.len(), 2);
        let gone = engine.app.read::<Company>(&reader, loser).await.unwrap().unwrap().state;
        assert_eq!((gone.successor(), gone.is_deleted()), (Some(winner), true));
    }
    for n in 0..4 {
        let domains = BTreeSet::from([domain(&format!("d{n}.example"))]);
        let taken = create(&engine, &cx, CompanyProfile { domains, ..named("Late") }).await;
        assert!(matches!(taken, Err(AppError::Taken { .. })), "{taken:?}");
    }
    engine.stop().await;
}

/// Of many who merge the same companies in every direction at once, one comes first, and the others learn of it.
#[tokio::test]
async fn of_many_merges_at_once_one_takes_effect() {
    let database = TestDatabase::create().await;
    let engine = Engine::without_projections(&database).await;
    let cx: Authorized<CompaniesWrite> = (*caller()).clone().authorize().unwrap();
    let mut ids = Vec::new();
    for n in 0..3 {
        let domains = BTreeSet::from([domain(&format!("d{n}.example"))]);
        let outcome = create(&engine, &cx, CompanyProfile { domains, ..named("Lima") }).await.unwrap();
        ids.push(CompanyId::from(outcome.receipts[0].id));
    }
    let pairs = [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)];
    let all = at_once(pairs.map(|(winner, loser)| {
        let (app, cx, winner, loser) = (engine.app.clone(), cx.clone(), ids[winner], ids[loser]);
        async move { merge_companies(&app, &cx, winner, loser, Expected::Any).await.map_err(|error| error.code()) }
    }))
    .await;
    let done = all.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(done, 2, "three become one by two merges: {all:?}");
    let fine = ["company.merged", "version.contended"];
    assert!(
        all.iter().all(|outcome| outcome.as_ref().map_or_else(|code| fine.contains(&&**code), |_| true)),
        "{all:?}"
    );
    let reader: Authorized<Everything> = (*cx).clone().authorize().unwrap();
    let mut living = Vec::new();
    for id in ids {
        living.extend(
            engine.app.read::<Company>(&reader, id).await.unwrap().filter(|company| !company.state.is_deleted()),
        );
    }
    assert_eq!((living.len(), living[0].state.profile.domains.len()), (1, 3));
    engine.stop().await;
}

async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static, const N: usize>(tasks: [F; N]) -> Vec<T> {
    let mut running: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut all = Vec::with_capacity(N);
    for task in running.drain(..) {
        all.push(task.await.unwrap());
    }
    all
}
