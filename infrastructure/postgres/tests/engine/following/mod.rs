//! What names a record that is merged, or a stage that is retired, names the one in its place: whichever came first.

mod members;
mod races;
mod records;

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use fairlead_application::{
    Expected,
    access::{Authorized, System as Everything},
    administration::SubscriptionAdministration,
    crm::{
        FollowActivities, FollowCompanies, FollowContacts, FollowDeals, FollowMembers, FollowStages, ForgetContacts,
        merge_companies, merge_contacts,
    },
    policy::AnyPolicy,
    ports::{IdGenerator, System},
};
use fairlead_domain::{
    crm::{
        Activity, ActivityCommand, ActivityKind, Ancestry, Company, CompanyChange, CompanyCommand, CompanyProfile,
        Contact, ContactCommand, ContactProfile, Deal, DealCommand, DealProfile, Pipeline, PipelineCommand,
        PipelineProfile, Schema, Seen, Stage as PipelineStage,
    },
    kernel::{Aggregate, Patch},
    values::{Label, Percent, PersonName, RecordRef, Title},
};
use fairlead_postgres::PostgresAdministration;
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{
    activities::profile as activity,
    policies::{Worker, begun},
    verify::told,
};

fn fresh() -> Uuid {
    System.next()
}

fn at() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn all<Id: From<Uuid> + Ord>(ids: &[Uuid]) -> BTreeSet<Id> {
    ids.iter().copied().map(Id::from).collect()
}

/// An engine, and the policies by which names follow.
struct Stage {
    database: TestDatabase,
    engine: Engine,
    admin: Client,
    worker: Option<Worker>,
    cx: Authorized<Everything>,
}

impl Stage {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let engine = Engine::without_projections(&database).await;
        let admin = database.admin().await;
        let mut stage = Self { database, engine, admin, worker: None, cx: caller() };
        stage.work().await;
        stage
    }

    async fn work(&mut self) {
        let policies: [Arc<dyn AnyPolicy>; 7] = [
            Arc::new(FollowContacts::new()),
            Arc::new(FollowCompanies::new()),
            Arc::new(FollowDeals::new()),
            Arc::new(FollowActivities::new()),
            Arc::new(FollowMembers::new()),
            Arc::new(FollowStages::new()),
            Arc::new(ForgetContacts::new()),
        ];
        let names = policies.each_ref().map(|policy| policy.name());
        self.worker = Some(Worker::start(&self.engine, policies));
        for name in names {
            begun(&self.admin, name).await;
        }
    }

    /// What happens from now on is met later.
    async fn rest(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.stop().await;
        }
    }

    async fn execute<A: Aggregate>(&self, id: Uuid, command: A::Command) {
        self.engine.app.execute::<A>(&self.cx, id.into(), Expected::Any, command).await.unwrap();
    }

    async fn read<A: Aggregate>(&self, id: Uuid) -> A {
        self.engine.app.read::<A>(&self.cx, id.into()).await.unwrap().unwrap().state
    }

    async fn contact(&self, name: &str) -> Uuid {
        let (id, profile) = (fresh(), ContactProfile::named(PersonName::new(name).unwrap()));
        self.execute::<Contact>(id, ContactCommand::Create(Box::new(profile), Schema::default())).await;
        id
    }

    async fn company(&self, parent: Option<Uuid>) -> Uuid {
        let mut profile = CompanyProfile::named(Title::new("Firm").unwrap());
        profile.parent_id = parent.map(Into::into);
        let id = fresh();
        self.execute::<Company>(id, CompanyCommand::Create(Box::new(profile), Ancestry::Sound, Schema::default()))
            .await;
        id
    }

    async fn child_of(&self, child: Uuid, parent: Uuid) {
        let parent_id = Patch::Set(Some(parent.into()));
        let change = CompanyChange { parent_id, ancestry: Ancestry::Sound, ..CompanyChange::default() };
        self.execute::<Company>(child, CompanyCommand::Change(Box::new(change))).await;
    }

    async fn parent(&self, company: Uuid) -> Option<Uuid> {
        self.read::<Company>(company).await.profile.parent_id.map(Uuid::from)
    }

    /// With three stages.
    async fn pipeline(&self) -> (Uuid, [Uuid; 3]) {
        let (id, stages) = (fresh(), [fresh(), fresh(), fresh()]);
        let stage = |(n, id): (usize, &Uuid)| PipelineStage {
            id: (*id).into(),
            name: Label::new(&format!("Stage {n}")).unwrap(),
            probability: Percent::new(50).unwrap(),
            rotting_days: None,
        };
        let profile = PipelineProfile {
            name: Label::new(&id.to_string()).unwrap(),
            description: None,
            stages: stages.iter().enumerate().map(stage).collect(),
            win_reasons: vec![],
            loss_reasons: vec![],
        };
        self.execute::<Pipeline>(id, PipelineCommand::Create(Box::new(profile))).await;
        (id, stages)
    }

    async fn retire(&self, pipeline: Uuid, stage: Uuid, to: Uuid) {
        let retire = PipelineCommand::RetireStage { stage_id: stage.into(), move_deals_to: to.into() };
        self.execute::<Pipeline>(pipeline, retire).await;
    }

    async fn deal_in(&self, (pipeline, stage): (Uuid, Uuid), contacts: &[Uuid], companies: &[Uuid]) -> Uuid {
        let mut profile = DealProfile::begun(Title::new("40 forklifts").unwrap(), pipeline.into(), stage.into(), at());
        (profile.contact_ids, profile.company_ids) = (all(contacts), all(companies));
        let seen = Seen {
            schema: Schema::default(),
            // As it was before: the deal comes with the retirement.
            pipeline: Some(Pipeline {
                profile: PipelineProfile {
                    stages: vec![PipelineStage {
                        id: stage.into(),
                        name: Label::new("As seen").unwrap(),
                        probability: Percent::new(50).unwrap(),
                        rotting_days: None,
                    }],
                    ..self.read::<Pipeline>(pipeline).await.profile
                },
                retired: [].into(),
                deleted: false,
            }),
            contacts: all(contacts),
            companies: all(companies),
        };
        let id = fresh();
        self.execute::<Deal>(id, DealCommand::Open { profile: Box::new(profile), seen: Box::new(seen) }).await;
        id
    }

    async fn deal(&self, contacts: &[Uuid], companies: &[Uuid]) -> Uuid {
        let (pipeline, [stage, ..]) = self.pipeline().await;
        self.deal_in((pipeline, stage), contacts, companies).await
    }

    async fn note(&self, about: &[RecordRef]) -> Uuid {
        let (id, profile) = (fresh(), activity(ActivityKind::Note, "Seen", about));
        let create = ActivityCommand::Create { profile: Box::new(profile), seen: about.iter().copied().collect() };
        self.execute::<Activity>(id, create).await;
        id
    }

    async fn merge_contacts(&self, winner: Uuid, loser: Uuid) {
        let merge = merge_contacts(&self.engine.app, &self.cx, winner.into(), Expected::Any, loser.into());
        merge.await.unwrap();
    }

    async fn merge_companies(&self, winner: Uuid, loser: Uuid) {
        let cx = (*self.cx).clone().authorize().unwrap();
        merge_companies(&self.engine.app, &cx, winner.into(), loser.into(), Expected::Any).await.unwrap();
    }

    async fn deal_names(&self, deal: Uuid, contacts: &[Uuid], companies: &[Uuid]) {
        let profile = self.read::<Deal>(deal).await.profile;
        assert_eq!((profile.contact_ids, profile.company_ids), (all(contacts), all(companies)));
    }

    /// Waits until everything is handled, and looks whether all is as it should be.
    async fn settled(&self) {
        let operator = PostgresAdministration::new(self.database.engine());
        let sql = "select (select count(*) from engine.outbox) = (select count(*) from engine.events)";
        eventually("everything is handled", async || {
            let status = operator.subscriptions().await.unwrap();
            let handled = status.iter().flat_map(|status| &status.partitions).all(|partition| partition.behind == 0);
            handled && self.admin.query_one(sql, &[]).await.unwrap().get(0)
        })
        .await;
        let count = async |table: &str| -> i64 {
            let sql = format!("select count(*) from engine.{table}");
            self.admin.query_one(&sql, &[]).await.unwrap().get(0)
        };
        assert_eq!((count("refusals").await, count("parked").await), (0, 0));
        assert_eq!(told(&self.database).await, BTreeSet::new());
    }

    async fn events(&self, stream: Uuid) -> i64 {
        let sql = "select count(*) from engine.events where stream_id = $1";
        self.admin.query_one(sql, &[&stream]).await.unwrap().get(0)
    }
}
