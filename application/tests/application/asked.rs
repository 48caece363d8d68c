//! What is asked of many companies at once is what would be done one by one, whatever they name of one another.

use std::collections::BTreeMap;

use fairlead_application::{
    Actor, App, Context, Expected, StepAnswer, Target, Wanted,
    access::{Access, Authorized, System as Everything},
    batch::Mode,
    memory::MemoryStore,
    ports::{EventStore, System},
};
use fairlead_domain::{
    crm::{Ancestry, Company, CompanyChange, CompanyCommand, CompanyProfile, CompanyUpsert, Schema},
    ids::CompanyId,
    kernel::Patch,
    values::{DomainName, Tag, Title},
};
use proptest::prelude::*;
use uuid::Uuid;

struct World {
    app: App,
    cx: Authorized<Everything>,
    store: std::sync::Arc<MemoryStore>,
}

impl World {
    fn new() -> Self {
        let store = std::sync::Arc::new(MemoryStore::default());
        let app = App::new(store.clone(), std::sync::Arc::new(System), std::sync::Arc::new(System));
        let cx = Context::new(Uuid::from_u128(1).into(), Actor::new("a"), Access::parse("*:*"));
        Self { app, cx: cx.authorize().unwrap(), store }
    }

    async fn at_once(&self, all: &[Wanted<CompanyCommand>], mode: Mode) -> Result<Vec<String>, usize> {
        match self.app.ask_all(&self.cx, all, mode).await {
            Ok(outcome) => Ok(outcome.answers.iter().map(told).collect()),
            Err(error) => Err(error.index.unwrap()),
        }
    }

    async fn one_by_one(&self, all: &[Wanted<CompanyCommand>]) -> Vec<String> {
        let mut answers = Vec::new();
        for one in all {
            answers.extend(self.at_once(std::slice::from_ref(one), Mode::Each).await.unwrap());
        }
        answers
    }

    async fn present(&self, id: Uuid) -> Option<String> {
        let company = self.app.read::<Company>(&self.cx, id.into()).await.unwrap()?;
        Some(format!("{} {:?}", company.version, company.state))
    }

    /// All that is there: companies by their numbers, and those that have a domain, however they came to be.
    async fn there(&self) -> BTreeMap<String, Option<String>> {
        let mut all = BTreeMap::new();
        for n in 0..NUMBERS {
            all.insert(format!("company {n}"), self.present(id(n).into()).await);
        }
        for n in 0..DOMAINS {
            let holders = self.store.holders(&self.cx, &[Company::domain_key(&domain(n))]).await.unwrap();
            let Some(holder) = holders[0] else { continue };
            all.insert(format!("domain {n}"), self.present(holder).await);
        }
        all
    }
}

/// The answer without the id, which is another one each time.
fn told(answer: &StepAnswer) -> String {
    match answer {
        StepAnswer::Done(receipt) => format!("{} {}", if receipt.made { "made" } else { "done" }, receipt.version),
        StepAnswer::Refused(refusal) => refusal.code.clone(),
    }
}

const NUMBERS: u8 = 4;
const DOMAINS: u8 = 3;

fn id(n: u8) -> CompanyId {
    Uuid::from_u128(100 + u128::from(n)).into()
}

fn domain(n: u8) -> DomainName {
    DomainName::new(&format!("d{n}.example")).unwrap()
}

/// What is asked, in a form that can be shown.
#[derive(Debug, Clone)]
enum Wish {
    Create { n: u8, parent: Option<u8>, domain: Option<u8> },
    Move { n: u8, parent: Option<u8> },
    Domain { n: u8, domain: Option<u8> },
    Upsert { domain: u8, name: bool, parent: Option<u8> },
    Tag { n: u8 },
    Delete { n: u8 },
    Restore { n: u8 },
}

fn wanted(wish: &Wish) -> Wanted<CompanyCommand> {
    let of = |n: u8, command| Wanted::of(id(n), Expected::Any, command);
    let change = |change| CompanyCommand::Change(Box::new(change));
    match *wish {
        Wish::Create { n, parent, domain: held } => {
            let mut profile = CompanyProfile::named(Title::new("A").unwrap());
            (profile.parent_id, profile.domains) = (parent.map(id), held.map(domain).into_iter().collect());
            of(n, CompanyCommand::Create(Box::new(profile), Ancestry::default(), Schema::default()))
        }
        Wish::Move { n, parent } => {
            of(n, change(CompanyChange { parent_id: Patch::Set(parent.map(id)), ..CompanyChange::default() }))
        }
        Wish::Domain { n, domain: held } => {
            let domains = Some(held.map(domain).into_iter().collect());
            of(n, change(CompanyChange { domains, ..CompanyChange::default() }))
        }
        Wish::Upsert { domain: held, name, parent } => {
            let name = name.then(|| Title::new("B").unwrap());
            let parent_id = parent.map_or(Patch::Keep, |parent| Patch::Set(Some(id(parent))));
            let change = CompanyChange { name, parent_id, ..CompanyChange::default() };
            let upsert = CompanyUpsert { by: domain(held), change, tags: [Tag::new("new").unwrap()].into() };
            let (target, expected) = (Target::Holder(Company::domain_key(&domain(held))), Expected::Any);
            Wanted { target, expected, asked: CompanyCommand::Upsert(Box::new(upsert)) }
        }
        Wish::Tag { n } => of(n, CompanyCommand::Tag([Tag::new("vip").unwrap()].into())),
        Wish::Delete { n } => of(n, CompanyCommand::Delete),
        Wish::Restore { n } => of(n, CompanyCommand::Restore),
    }
}

fn wish() -> impl Strategy<Value = Wish> {
    let (n, some) = (|| 0..NUMBERS, |most: u8| proptest::option::weighted(0.7, 0..most));
    prop_oneof![
        3 => (n(), some(NUMBERS), some(DOMAINS)).prop_map(|(n, parent, domain)| Wish::Create { n, parent, domain }),
        5 => (n(), some(NUMBERS)).prop_map(|(n, parent)| Wish::Move { n, parent }),
        3 => (n(), some(DOMAINS)).prop_map(|(n, domain)| Wish::Domain { n, domain }),
        5 => (0..DOMAINS, any::<bool>(), some(NUMBERS))
            .prop_map(|(domain, name, parent)| Wish::Upsert { domain, name, parent }),
        1 => n().prop_map(|n| Wish::Tag { n }),
        2 => n().prop_map(|n| Wish::Delete { n }),
        2 => n().prop_map(|n| Wish::Restore { n }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn many_at_once_are_the_same_as_one_by_one(
        before in proptest::collection::vec(wish(), 0..8),
        all in proptest::collection::vec(wish(), 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (before, all): (Vec<_>, Vec<_>) = (before.iter().map(wanted).collect(), all.iter().map(wanted).collect());
        runtime.block_on(async {
            let (one, many, atomic) = (World::new(), World::new(), World::new());
            for world in [&one, &many, &atomic] {
                world.one_by_one(&before).await;
            }
            let untouched = atomic.there().await;
            let answers = one.one_by_one(&all).await;
            prop_assert_eq!(many.at_once(&all, Mode::Each).await.unwrap(), answers.clone());
            prop_assert_eq!(many.there().await, one.there().await);
            // And atomically: everything, or nothing and the first that is refused.
            let refused = |answer: &String| !answer.starts_with("made ") && !answer.starts_with("done ");
            match (atomic.at_once(&all, Mode::Atomic).await, answers.iter().position(refused)) {
                (Ok(told), None) => {
                    prop_assert_eq!(told, answers);
                    prop_assert_eq!(atomic.there().await, one.there().await);
                }
                (Err(index), Some(first)) => {
                    prop_assert_eq!(index, first);
                    prop_assert_eq!(atomic.there().await, untouched);
                }
                (told, first) => prop_assert!(false, "{:?} though {:?}", told, first),
            }
            Ok(())
        })?;
    }
}
