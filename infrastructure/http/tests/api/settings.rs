//! Settings with which there is no server.

use std::sync::Arc;

use fairlead_application::{
    App,
    administration::Operators,
    crm::{Agendas, Boards, Duplicates, Timelines},
    history::History,
    identity::{AccessLog, Audit, IdentitySettings},
};
use fairlead_http::{Parts, ServerError, Settings, server};

use crate::{
    abroad::abroad,
    audit::Entries,
    desk::Desk,
    memory::{Counting, Store, Ticking, lists},
    open_deals::OpenDeals,
    plans::{Contacts, Plans, Twins},
    service::{exports, live, people, settings, verifier},
};

fn refusal(settings: Settings) -> ServerError {
    let (store, clock) = (Arc::new(Store::default()), Arc::new(Ticking::new()));
    let app = App::new(store.clone(), clock.clone(), Arc::new(Counting::new()));
    let (keys, credentials) = verifier();
    let (identity, principals) = people(&app, &store, &keys, Arc::default(), IdentitySettings::default());
    let parts = Parts {
        providers: abroad(&identity, &clock),
        exports: exports(&app, &store),
        identity,
        audit: Audit::new(Arc::new(Entries::default()), clock.clone(), 365),
        access_log: AccessLog::default(),
        principals,
        app,
        history: History::new(store.inner.clone()),
        live: live(store.inner.clone()).0,
        lists: lists(&store),
        timelines: Timelines::new(Arc::new(Contacts(store.clone()))),
        duplicates: Duplicates::new(Arc::new(Twins(store.clone()))),
        agendas: Agendas::new(Arc::new(Plans(store.clone())), clock.clone()),
        boards: Boards::new(Arc::new(OpenDeals(store))),
        operators: Operators::new(Arc::new(Desk::default()), Arc::new(Desk::default())),
        credentials,
        keys,
        health: Vec::new(),
        clock,
    };
    server(settings, parts).err().expect("no server")
}

#[tokio::test]
async fn what_no_browser_sends_is_no_origin() {
    for origin in
        ["*", "", "app.example.com", "https://app.example.com/", "https://a@b.c", "ftp://a", "https://App.com", "null"]
    {
        let settings = Settings { cors_origins: vec![origin.to_owned()], ..settings() };
        assert!(matches!(refusal(settings), ServerError::BadOrigin(_)), "{origin}");
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = taken.local_addr().unwrap();
    let error = refusal(Settings { bind, ..settings() });
    assert!(error.to_string().contains(&bind.to_string()), "{error}");
}
