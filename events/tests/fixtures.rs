//! Every event that was ever published, in every version, as a reader gets it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use std::fmt::Debug;

use fairlead_application::ports::Metadata;
use fairlead_domain::{for_each_aggregate, kernel::Aggregate};
use fairlead_events::{Event, Payload};
use fairlead_testing::fixtures::{fixtures, published};
use uuid::Uuid;

fn reads_its_fixtures<A: Aggregate + Payload<Data: Debug>>() {
    let prefix = format!("{}.", A::TYPE);
    let own: Vec<_> = fixtures().into_iter().filter(|(name, _)| name.starts_with(&prefix)).collect();
    assert!(!own.is_empty(), "{} has no fixtures", A::TYPE);
    for (_, fixture) in own {
        let actor = "policy:welcome".to_owned();
        let metadata = Metadata { actor, correlation_id: None, causation_id: None, hops: 0, traceparent: None };
        let written = published(&fixture, metadata);
        let event = Event::parse(&serde_json::to_vec(&written.cloud_event()).unwrap()).unwrap();
        assert_eq!((event.id, event.version, event.position), (written.event.id, 3, 7));
        assert_eq!((event.stream, event.occurred_at), (written.stream, written.event.occurred_at));
        assert_eq!((Uuid::from(event.tenant), &*event.actor), (written.tenant, "policy:welcome"));
        let typed = event.decode::<A>().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(typed.event_type, fixture["type"].as_str().unwrap());
    }
}

macro_rules! all {
    ($($aggregate:ty),+ $(,)?) => {
        #[test]
        fn whatever_was_published_is_read() {
            $(reads_its_fixtures::<$aggregate>();)+
        }
    };
}
for_each_aggregate!(all);
