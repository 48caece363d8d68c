//! Timelines: what stands in that of a record besides its own history, for whom, and at what cost.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use fairlead_application::{
    Context, Expected,
    access::{Access, Authorized, Permission as Granted, Reveals, System as Everything},
    consistency::ConsistencyToken,
    crm::{CompaniesRead, CompaniesWrite, ContactsRead, Timelines, erase_contact, merge_companies, merge_contacts},
    ports::{IdGenerator, System},
};
use fairlead_domain::{
    crm::{
        Activity, ActivityCommand, ActivityKind, Ancestry, Company, CompanyCommand, CompanyEvent, CompanyProfile,
        Contact, ContactCommand, ContactEvent, ContactProfile, Deal, DealCommand, DealProfile, Pipeline,
        PipelineCommand, Schema, Seen,
    },
    ids::{PipelineId, ProjectId, StageId},
    kernel::Aggregate,
    values::{Grant, Over, Permission, PersonName, RecordRef, RecordType, Tag, Title},
};
use fairlead_postgres::RecordTimeline;
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller, eventually},
};
use serde_json::json;
use uuid::Uuid;

use crate::{activities::profile as activity, pipelines::pipeline};

fn id<Id: From<Uuid>>(n: u128) -> Id {
    Uuid::from_u128(n).into()
}

/// Owner and project, as numbers; 0 is none.
type Owned = (u128, u128);

fn some<Id: From<Uuid>>(n: u128) -> Option<Id> {
    (n > 0).then(|| id(n))
}

fn company(id: Uuid) -> RecordRef {
    RecordRef { record_type: RecordType::Company, id }
}

/// A pipeline 10 with the stages 11 and 12, as commands on deals see it.
fn seen_pipeline() -> Pipeline {
    Pipeline { profile: pipeline("New", &[20, 50], None), retired: Default::default(), deleted: false }
}

struct Stage {
    database: TestDatabase,
    engine: Engine,
    cx: Authorized<Everything>,
    timelines: Timelines,
    written: std::cell::Cell<Option<ConsistencyToken>>,
}

impl Stage {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let engine = Engine::start(&database).await;
        let timelines = Timelines::new(Arc::new(RecordTimeline::new(database.app())));
        let stage = Self { database, engine, cx: caller(), timelines, written: None.into() };
        let create = PipelineCommand::Create(Box::new(seen_pipeline().profile));
        stage.execute::<Pipeline>(id::<PipelineId>(10).into(), create).await;
        stage
    }

    async fn execute<A: Aggregate>(&self, id: Uuid, command: A::Command) {
        let outcome = self.engine.app.execute::<A>(&self.cx, id.into(), Expected::Any, command).await.unwrap();
        self.written.set(outcome.token);
    }

    async fn contact(&self, name: &str, (owner, project): Owned) -> Uuid {
        let mut profile = ContactProfile::named(PersonName::new(name).unwrap());
        (profile.owner_id, profile.project_id) = (some(owner), some(project));
        let id = System.next();
        self.execute::<Contact>(id, ContactCommand::Create(Box::new(profile), Schema::default())).await;
        id
    }

    async fn company(&self, (owner, project): Owned) -> Uuid {
        let mut profile = CompanyProfile::named(Title::new("Firm").unwrap());
        (profile.owner_id, profile.project_id) = (some(owner), some(project));
        let id = System.next();
        self.execute::<Company>(id, CompanyCommand::Create(Box::new(profile), Ancestry::Sound, Schema::default()))
            .await;
        id
    }

    async fn deal(&self, contacts: &[Uuid], companies: &[Uuid], (owner, project): Owned) -> Uuid {
        let at: DateTime<Utc> = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let begun = DealProfile::begun(Title::new("Deal").unwrap(), id(10), id::<StageId>(11), at);
        let profile = DealProfile {
            contact_ids: contacts.iter().copied().map(Into::into).collect(),
            company_ids: companies.iter().copied().map(Into::into).collect(),
            owner_id: some(owner),
            project_id: some(project),
            ..begun
        };
        let (contacts, companies) = (profile.contact_ids.clone(), profile.company_ids.clone());
        let seen = Seen { pipeline: Some(seen_pipeline()), contacts, companies, schema: Schema::default() };
        let deal = System.next();
        self.execute::<Deal>(deal, DealCommand::Open { profile: Box::new(profile), seen: Box::new(seen) }).await;
        deal
    }

    async fn merged_contacts(&self, winner: Uuid, loser: Uuid) {
        let merged = merge_contacts(&self.engine.app, &self.cx, winner.into(), Expected::Any, loser.into()).await;
        self.written.set(merged.unwrap().token);
    }

    async fn merged_companies(&self, winner: Uuid, loser: Uuid) {
        let cx = (*self.cx).clone().authorize::<CompaniesWrite>().unwrap();
        let merged = merge_companies(&self.engine.app, &cx, winner.into(), loser.into(), Expected::Any).await;
        self.written.set(merged.unwrap().token);
    }

    async fn note(&self, about: &[RecordRef], (owner, project): Owned) -> Uuid {
        let mut profile = activity(ActivityKind::Note, "Seen", about);
        (profile.owner_id, profile.project_id) = (some(owner), some(project));
        let (id, seen) = (System.next(), profile.about.iter().copied().collect());
        self.execute::<Activity>(id, ActivityCommand::Create { profile: Box::new(profile), seen }).await;
        id
    }

    /// Somebody with these grants, who has to see the last write.
    fn reader<P: Granted>(&self, grants: &[(&str, Over)], limit: Option<&[u128]>) -> Authorized<P> {
        let grant =
            |(permission, over): &(&str, Over)| Grant { permission: Permission::new(permission).unwrap(), over: *over };
        let limit = limit.map(|projects| projects.iter().map(|n| id::<ProjectId>(*n)));
        let access = Access::new(grants.iter().map(grant), Some(id(1)), limit);
        let mut cx = Context::new(self.cx.tenant(), self.cx.actor().clone(), access);
        cx.read_after = self.written.get();
        cx.authorize().unwrap()
    }

    fn all(&self) -> Authorized<Everything> {
        self.reader(&[("*:*", Over::All)], None)
    }

    /// The whole timeline, in pages of so many: to which record what happened, the newest first.
    async fn told<A: Aggregate>(
        &self,
        cx: &Authorized<impl Reveals<A>>,
        record: Uuid,
        limit: u16,
    ) -> Vec<(Uuid, String)> {
        let record = self.engine.app.read::<A>(&self.cx, record.into()).await.unwrap().unwrap();
        let (mut told, mut before) = (Vec::new(), None);
        loop {
            let page = self.timelines.record(cx, &record, before, limit).await.unwrap();
            assert!(page.windows(2).all(|pair| pair[0].position > pair[1].position), "the newest first, each once");
            assert!(page.iter().all(|entry| before.is_none_or(|before| entry.position < before)));
            before = page.last().map(|last| last.position);
            told.extend(page.iter().map(|entry| (entry.record_id, entry.event_type.clone())));
            if page.len() < usize::from(limit) {
                return told;
            }
        }
    }
}

fn texts(expected: &[(Uuid, &str)]) -> Vec<(Uuid, String)> {
    expected.iter().map(|(id, name)| (*id, (*name).to_owned())).collect()
}

#[tokio::test]
async fn a_timeline_tells_of_the_deals_that_name_the_record_now() {
    let stage = Stage::new().await;
    let (ana, firm) = (stage.contact("Ana", (0, 0)).await, stage.company((0, 0)).await);
    let (both, gone) = (stage.deal(&[ana], &[firm], (0, 0)).await, stage.deal(&[ana], &[], (0, 0)).await);
    let other = stage.deal(&[], &[firm], (0, 0)).await;
    let note = stage.note(&[RecordRef::contact(ana), company(firm)], (0, 0)).await;
    stage.execute::<Deal>(both, DealCommand::Tag([Tag::new("vip").unwrap()].into())).await;
    stage.execute::<Deal>(gone, DealCommand::UnlinkContacts([ana.into()].into())).await;
    // What is about a deal is told in the deal's timeline.
    let of_deal = stage.note(&[RecordRef { record_type: RecordType::Deal, id: both }], (0, 0)).await;
    let contact =
        texts(&[(both, "deal.tagged"), (note, "activity.created"), (both, "deal.opened"), (ana, "contact.created")]);
    let firms = texts(&[
        (both, "deal.tagged"),
        (note, "activity.created"),
        (other, "deal.opened"),
        (both, "deal.opened"),
        (firm, "company.created"),
    ]);
    let deals = texts(&[(of_deal, "activity.created"), (both, "deal.tagged"), (both, "deal.opened")]);
    for limit in [1, 2, 3, 200] {
        assert_eq!(stage.told::<Contact>(&stage.all(), ana, limit).await, contact, "{limit}");
        assert_eq!(stage.told::<Company>(&stage.all(), firm, limit).await, firms, "{limit}");
        assert_eq!(stage.told::<Deal>(&stage.all(), both, limit).await, deals, "{limit}");
    }
    stage.engine.stop().await;
}

#[tokio::test]
async fn a_timeline_tells_of_what_became_part_of_the_record() {
    let stage = Stage::new().await;
    let mut people = Vec::new();
    for name in ["Ana", "Anna", "Anne"] {
        people.push(stage.contact(name, (0, 0)).await);
    }
    let [ana, anna, anne] = people[..] else { unreachable!() };
    let deal = stage.deal(&[anne], &[], (0, 0)).await;
    let note = stage.note(&[RecordRef::contact(ana), RecordRef::contact(anne)], (0, 0)).await;
    stage.merged_contacts(anna, anne).await;
    stage.merged_contacts(ana, anna).await;
    // No policy works here: the deal and the note still name the one that is part of another now.
    let told = stage.told::<Contact>(&stage.all(), ana, 2).await;
    let count = |record: Uuid, name: &str| told.iter().filter(|(id, told)| *id == record && told == name).count();
    for (record, name) in [
        (ana, "contact.created"),
        (anna, "contact.created"),
        (anne, "contact.created"),
        (ana, "contact.absorbed"),
        (anna, "contact.absorbed"),
        (anna, "contact.merged"),
        (anne, "contact.merged"),
        (deal, "deal.opened"),
        (note, "activity.created"),
    ] {
        assert_eq!(count(record, name), 1, "{name}: {told:?}");
    }
    assert_eq!(told.len(), 9, "{told:?}");
    // A part's own timeline tells of what it took in, and not of what took it in.
    let part = stage.told::<Contact>(&stage.all(), anna, 200).await;
    assert!(part.iter().all(|(id, _)| *id != ana) && part.iter().any(|(id, _)| *id == anne), "{part:?}");

    let mut firms = Vec::new();
    for _ in 0..3 {
        firms.push(stage.company((0, 0)).await);
    }
    stage.merged_companies(firms[1], firms[2]).await;
    stage.merged_companies(firms[0], firms[1]).await;
    let told = stage.told::<Company>(&stage.all(), firms[0], 200).await;
    let created: BTreeSet<_> = told.iter().filter(|(_, name)| name == "company.created").map(|(id, _)| *id).collect();
    assert_eq!(created, firms.into_iter().collect::<BTreeSet<_>>(), "{told:?}");
    stage.engine.stop().await;
}

/// What the statement takes from events, as the domain writes it.
#[test]
fn events_name_what_was_absorbed() {
    let person = ContactProfile::named(PersonName::new("Ana").unwrap());
    let absorbed = ContactEvent::Absorbed { contact_ids: [id(1)].into(), profile: Box::new(person) };
    let event = serde_json::to_value(absorbed).unwrap();
    assert_eq!((&event["type"], &event["data"]["contact_ids"]), (&json!("contact.absorbed"), &json!([id::<Uuid>(1)])));
    let firm = CompanyProfile::named(Title::new("Firm").unwrap());
    let event = serde_json::to_value(CompanyEvent::Absorbed { company_id: id(1), profile: Box::new(firm) }).unwrap();
    assert_eq!((&event["type"], &event["data"]["company_id"]), (&json!("company.absorbed"), &json!(id::<Uuid>(1))));
}

#[tokio::test]
async fn a_timeline_tells_nobody_of_what_is_beyond_reach() {
    let stage = Stage::new().await;
    let ana = stage.contact("Ana", (1, 7)).await;
    let owners: [Owned; 4] = [(1, 7), (2, 7), (1, 0), (0, 0)];
    let (mut others, mut contacts) = (Vec::new(), BTreeSet::from([ana]));
    for (n, owned) in owners.into_iter().enumerate() {
        let anna = stage.contact(&format!("Anna {n}"), owned).await;
        let deal = stage.deal(&[if n % 2 == 0 { ana } else { anna }], &[], owned).await;
        let note = stage.note(&[RecordRef::contact(ana)], owned).await;
        others.push((owned, [anna, deal, note]));
        contacts.insert(anna);
        stage.merged_contacts(ana, anna).await;
    }
    type Grants = &'static [(&'static str, Over)];
    type Within = fn(Owned) -> bool;
    let cases: [(Grants, Option<&[u128]>, Within); 5] = [
        (&[("*:*", Over::All)], None, |_| true),
        (&[("*:*", Over::Own)], None, |(owner, _)| owner == 1),
        (&[("*:*", Over::All)], Some(&[7]), |(_, project)| project == 7),
        (&[("*:*", Over::Own)], Some(&[7]), |owned| owned == (1, 7)),
        (&[("*:*", Over::Projects)], None, |_| true),
    ];
    for (n, (grants, limit, within)) in cases.into_iter().enumerate() {
        let reached = others.iter().filter(|(owned, _)| within(*owned)).flat_map(|(_, all)| *all);
        let expected: BTreeSet<_> = reached.chain([ana]).collect();
        for page in [2, 200] {
            let told = stage.told::<Contact>(&stage.reader::<Everything>(grants, limit), ana, page).await;
            assert_eq!(told.into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>(), expected, "{n}");
        }
    }
    // Who may read contacts alone is told of contacts.
    let reader = stage.reader::<ContactsRead>(&[("contacts:read", Over::All)], None);
    let told = stage.told::<Contact>(&reader, ana, 200).await;
    assert_eq!(told.into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>(), contacts);
    // Another organization, in which nobody has these ids, is told nothing.
    let record = stage.engine.app.read::<Contact>(&stage.cx, ana.into()).await.unwrap().unwrap();
    assert_eq!(stage.timelines.record(&caller(), &record, None, 200).await.unwrap(), []);
    stage.engine.stop().await;
}

#[tokio::test]
async fn the_timeline_of_who_was_erased_shows_nothing_personal_of_any_part() {
    let stage = Stage::new().await;
    let (ana, anna) = (stage.contact("Quixana", (0, 0)).await, stage.contact("Quixanna", (0, 0)).await);
    stage.deal(&[ana], &[], (0, 0)).await;
    stage.merged_contacts(ana, anna).await;
    let erased = erase_contact(&stage.engine.app, &stage.cx, ana.into(), Expected::Any).await.unwrap();
    stage.written.set(erased.token);
    let record = stage.engine.app.read::<Contact>(&stage.cx, ana.into()).await.unwrap().unwrap();
    let page = stage.timelines.record(&stage.all(), &record, None, 200).await.unwrap();
    let names: Vec<_> = page.iter().map(|entry| (entry.record_id, &*entry.event_type)).collect();
    for shown in [(ana, "contact.erased"), (anna, "contact.erased"), (anna, "contact.created")] {
        assert!(names.contains(&shown), "{names:?}");
    }
    assert!(names.iter().any(|(_, name)| *name == "deal.opened"), "{names:?}");
    let text = format!("{page:?}");
    assert!(!text.contains("Quix") && text.contains("erased"), "{text}");
    stage.engine.stop().await;
}

/// Rows that indexes of timelines, references and streams gave, and those that were read one after the other.
async fn reads(admin: &tokio_postgres::Client) -> (i64, i64) {
    let sql = "select sum(coalesce(idx_tup_fetch, 0))::bigint, sum(seq_tup_read)::bigint from pg_stat_user_tables
                where relid in ('crm.timeline'::regclass, 'engine.record_references'::regclass, 'engine.streams'::regclass)";
    let row = admin.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

/// A company of 2,000 deals with 20 events each, 20,000 of its own, and parts; among 100,000 rows of others.
#[tokio::test]
async fn no_page_reads_more_than_the_newest_of_each_record() {
    let stage = Stage::new().await;
    let (firm, part) = (stage.company((0, 0)).await, stage.company((0, 0)).await);
    stage.merged_companies(firm, part).await;
    assert_eq!(stage.told::<Company>(&stage.all(), firm, 200).await.len(), 4);
    let admin = stage.database.admin().await;
    let tenant = Uuid::from(stage.cx.tenant());
    // Every second deal is that of user 1.
    let fill = "
        insert into engine.streams (tenant_id, stream_id, aggregate, version, state, state_version, created_at, updated_at,
                                    incarnation, xid)
        select $1, deal, 'deal', 20, jsonb_build_object('owner_id', ('00000000-0000-0000-0000-00000000000' || n % 2)), 1, now(),
               now(), 1, pg_current_xact_id()
          from generate_series(1, 2000) n, lateral (select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid) d (deal)";
    admin.execute(fill, &[&tenant]).await.unwrap();
    let fill = "
        insert into engine.record_references (tenant_id, target_id, aggregate, stream_id)
        select $1, $2, 'deal', ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid from generate_series(1, 2000) n";
    admin.execute(fill, &[&tenant, &firm]).await.unwrap();
    let fill = "
        insert into crm.timeline (tenant_id, record_id, event_id, subject_id, position, version, type, occurred_at, actor, data)
        select $1, case when n <= 40000 then ('00000000-0000-7000-8000-' || lpad((n % 2000 + 1)::text, 12, '0'))::uuid
                        when n <= 60000 then $2 else md5((n % 5000)::text)::uuid end,
               gen_random_uuid(), $2, 1000000 + (n::bigint * 7919) % 160000, 1, 'deal.moved', now(), 'ana', '{}'
          from generate_series(1, 160000) n";
    admin.execute(fill, &[&tenant, &firm]).await.unwrap();
    admin.batch_execute("analyze crm.timeline, engine.streams, engine.record_references").await.unwrap();
    let record = stage.engine.app.read::<Company>(&stage.cx, firm.into()).await.unwrap().unwrap();
    let newest = "select array(select t.position from crm.timeline t where t.tenant_id = $1 and t.position < $4
                     and (t.record_id = $2 or exists (select from engine.record_references r
                            join engine.streams s on s.tenant_id = $1 and s.stream_id = r.stream_id
                           where r.target_id = $2 and r.stream_id = t.record_id and r.stream_id > $5
                             and ($3::text is null or s.state ->> 'owner_id' = $3)))
                   order by t.position desc limit 50)";
    // The 500 newest deals, of all and of user 1.
    let deal = |n: i32| format!("00000000-0000-7000-8000-{n:012}").parse::<Uuid>().unwrap();
    let owned = deal(1).to_string().replace("-7000-8", "-0000-0");
    let cases = [
        (stage.reader::<CompaniesRead>(&[("*:*", Over::All)], None), None, deal(1500)),
        (stage.reader(&[("companies:read", Over::All), ("deals:read", Over::Own)], None), Some(owned), deal(1000)),
    ];
    for (cx, owner, oldest) in cases {
        for before in [i64::MAX, 1_100_000] {
            let row = admin.query_one(newest, &[&tenant, &firm, &owner, &before, &oldest]).await.unwrap();
            let expected: Vec<i64> = row.get(0);
            // A session reports what it has read when it ends, if not earlier.
            admin.batch_execute("select pg_stat_force_next_flush()").await.unwrap();
            admin.batch_execute("select pg_stat_clear_snapshot()").await.unwrap();
            let timelines = Timelines::new(Arc::new(RecordTimeline::new(stage.database.app())));
            let begun = reads(&admin).await;
            let page = timelines.record(&cx, &record, Some(before), 50).await.unwrap();
            drop(timelines);
            assert_eq!(page.iter().map(|entry| entry.position).collect::<Vec<_>>(), expected, "{before}");
            eventually("the session has reported", async || reads(&admin).await.0 > begun.0).await;
            let ended = reads(&admin).await;
            let read = (ended.0 - begun.0, ended.1 - begun.1);
            assert!(read.1 == 0 && read.0 < 15_000, "{read:?} rows");
        }
    }
    stage.engine.stop().await;
}
