//! Both event stores under the one contract, and every aggregate on both.

use std::sync::Arc;

use fairlead_application::{memory::MemoryStore, ports::EventStore};
use fairlead_domain::for_each_aggregate;
use fairlead_postgres::{Nudge, PostgresStore};
use fairlead_testing::{conformance::Conformance, database::TestDatabase};

async fn postgres() -> (TestDatabase, Arc<dyn EventStore>) {
    let database = TestDatabase::create().await;
    let store = PostgresStore::new(database.app(), Arc::new(Nudge::default()));
    (database, Arc::new(store))
}

async fn memory() -> ((), Arc<dyn EventStore>) {
    ((), Arc::new(MemoryStore::default()))
}

mod contract_in_postgres {
    fairlead_testing::store_contract_tests!(super::postgres());
}

mod contract_in_memory {
    fairlead_testing::store_contract_tests!(super::memory());
}

macro_rules! conform {
    ($($aggregate:ty),+ $(,)?) => {
        #[tokio::test]
        async fn every_aggregate_conforms_in_postgres() {
            let (_alive, store) = postgres().await;
            $(Conformance::new(store.clone()).check::<$aggregate>().await;)+
        }

        #[tokio::test]
        async fn every_aggregate_conforms_in_memory() {
            let ((), store) = memory().await;
            $(Conformance::new(store.clone()).check::<$aggregate>().await;)+
        }
    };
}
for_each_aggregate!(conform);
