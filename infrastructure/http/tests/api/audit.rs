//! The audit log over HTTP: what is asked and answered, and what is noted about requests.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Mutex,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use fairlead_application::{
    AppError, Context,
    identity::{AccessAction, AccessNote, AuditEntry, AuditPort, AuditQuery, NotePlace},
};
use fairlead_domain::ids::OrganizationId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    house::{PASSWORD, somebody},
    service::{Ask, START, Service, organization, token},
};

/// An audit log in memory, of organization 1. How entries are chosen is the database's business, and tried there; here it is
/// kept what was asked.
#[derive(Default)]
pub(crate) struct Entries {
    all: Mutex<Vec<AuditEntry>>,
    asked: Mutex<Vec<(DateTime<Utc>, AuditQuery)>>,
}

#[async_trait]
impl AuditPort for Entries {
    async fn entries(
        &self,
        cx: &Context,
        since: DateTime<Utc>,
        query: &AuditQuery,
    ) -> Result<Vec<AuditEntry>, AppError> {
        self.asked.lock().unwrap().push((since, query.clone()));
        let all = self.all.lock().unwrap();
        let own = all.iter().filter(|_| cx.tenant() == organization(1).into());
        let behind = own.filter(|entry| query.behind.is_none_or(|behind| (entry.occurred_at, entry.id) < behind));
        Ok(behind.take(query.limit.into()).cloned().collect())
    }
}

impl Entries {
    fn last_query(&self) -> (DateTime<Utc>, AuditQuery) {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

fn start() -> DateTime<Utc> {
    START.parse().unwrap()
}

fn entry(n: u128) -> AuditEntry {
    AuditEntry {
        id: Uuid::from_u128(n),
        occurred_at: start() + TimeDelta::microseconds(i64::try_from(n / 2).unwrap()),
        actor: format!("user:{}", Uuid::from_u128(1)),
        action: "contact.renamed".to_owned(),
        resource_type: Some("contact".to_owned()),
        resource_id: Some(Uuid::from_u128(7)),
        version: Some(2),
        correlation_id: None,
        changes: vec!["name".to_owned()],
        permission: Some("contacts:write".to_owned()),
        code: None,
        address: Some(IpAddr::from([192, 0, 2, 1])),
        user_agent: Some("Zebra".to_owned()),
    }
}

fn filled(service: &Service, count: u128) {
    *service.audit.all.lock().unwrap() = (0..count).rev().map(entry).collect();
}

fn ids(rows: &[Value]) -> Vec<u128> {
    rows.iter().map(|row| row["id"].as_str().unwrap().parse::<Uuid>().unwrap().as_u128()).collect()
}

#[tokio::test]
async fn pages_follow_one_another_and_an_export_has_them_all() {
    let service = Service::start().await;
    filled(&service, 1_203);
    let mut path = "/v1/audit?limit=200".to_owned();
    let mut found = Vec::new();
    loop {
        let page = service.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        found.extend(ids(page.body["data"].as_array().unwrap()));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        path = format!("/v1/audit?limit=200&cursor={cursor}");
        // It holds for the same question alone.
        let other = service.get(&format!("{path}&outcome=done")).await;
        assert_eq!(other.is_problem(422, "request.invalid").faults(), [("cursor", "cursor.invalid")]);
    }
    let all: Vec<_> = (0..1_203).rev().collect();
    assert_eq!(found, all);
    let export = service.get("/v1/audit/export").await;
    assert_eq!((export.status.as_u16(), export.header("content-type")), (200, "application/x-ndjson"));
    let text = export.body.as_str().unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(ids(&lines), all);
    assert!(text.ends_with('\n'));
    let head = service.request("HEAD", "/v1/audit/export").answer().await;
    assert_eq!((head.status.as_u16(), head.body), (200, json!("")));
    let row = &lines[1];
    assert_eq!(
        (&row["actor_kind"], &row["outcome"], &row["address"]),
        (&json!("user"), &json!("done"), &json!("192.0.2.1"))
    );
    assert_eq!((&row["changes"], row.get("code")), (&json!(["name"]), None));
}

#[tokio::test]
async fn what_is_asked_comes_to_the_log_as_it_was_meant() {
    let service = Service::start().await;
    let record = Uuid::from_u128(7);
    let path = format!(
        "actor=user:1&action=contact.deleted&resource_type=contact&resource_id={record}&outcome=refused\
         &from=2026-01-01&to=2026-02-01T00:00:00Z"
    );
    for operation in ["", "/export"] {
        assert_eq!(service.get(&format!("/v1/audit{operation}?{path}")).await.status, 200);
        let (since, query) = service.audit.last_query();
        let asked = (query.actor.as_deref(), query.action.as_deref(), query.resource_type.as_deref());
        assert_eq!(asked, (Some("user:1"), Some("contact.deleted"), Some("contact")));
        assert_eq!((query.resource_id, query.refused), (Some(record), Some(true)));
        let day = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!((since, query.until), (day("2026-01-01T00:00:00Z"), Some(day("2026-02-01T00:00:00Z"))));
    }
    // Nothing is told that has had its time.
    service.get("/v1/audit?from=1990-01-01").await;
    assert!(service.audit.last_query().0 > start() - TimeDelta::days(366));
    for (query, parameter) in [
        ("actor=", "actor"),
        ("action=%00", "action"),
        ("resource_id=ana", "resource_id"),
        ("outcome=maybe", "outcome"),
        ("from=yesterday", "from"),
        ("to=1", "to"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
    ] {
        let answer = service.get(&format!("/v1/audit?{query}")).await;
        assert_eq!(answer.is_problem(422, "request.invalid").faults()[0].0, parameter);
    }
}

/// The notes that were taken, with an agent of their own.
async fn notes(service: &Service) -> Vec<AccessNote> {
    service.notes.lock().await.rest()
}

#[tokio::test]
async fn commands_and_refusals_are_noted_and_nothing_else() {
    let service = Service::start().await;
    let path = service.contact("Ana").await;
    let id: Uuid = path.rsplit('/').next().unwrap().parse().unwrap();
    service.get(&path).await;
    service.bare("DELETE", &path).answer().await.is_problem(401, "access.unauthenticated");
    service.post("/v1/contacts", json!({ "name": 7 })).await.is_problem(422, "request.invalid");
    let reader = token(1, "contacts:read");
    let refused = service.bare("DELETE", &path).bearer_auth(reader).header("user-agent", "Zebra").answer().await;
    refused.is_problem(403, "access.forbidden");
    let stranger = token(2, "deals:read");
    service.bare("GET", "/v1/events").bearer_auth(stranger).answer().await.is_problem(403, "access.forbidden");
    let notes = notes(&service).await;
    let found: Vec<_> = notes
        .iter()
        .map(|note| (note.place, note.permission, note.action, note.code.as_deref(), note.resource.clone()))
        .collect();
    let place = |n| NotePlace::Organization(OrganizationId::from(organization(n)));
    let (refusal, forbidden) = (Some(AccessAction::AccessRefused), Some("access.forbidden"));
    assert_eq!(
        found,
        [
            (place(1), Some("contacts:write"), None, None, (None, None)),
            (place(1), Some("contacts:write"), refusal, forbidden, (Some("contact".to_owned()), Some(id))),
            (place(2), Some("events:read"), refusal, forbidden, (Some("events".to_owned()), None)),
        ]
    );
    assert_eq!((notes[1].actor.as_str(), notes[1].origin.user_agent()), ("ana", Some("Zebra")));
    assert_eq!(notes[1].origin.address, Some(Ipv4Addr::LOCALHOST.into()));
    assert_eq!(notes[1].correlation_id.map(|id| json!(id)), Some(refused.body["request_id"].clone()));
}

#[tokio::test]
async fn signing_in_is_noted_whether_it_succeeds_or_not() {
    let service = Service::start().await;
    let ana = somebody(&service).await;
    let begun = notes(&service).await;
    assert_eq!(begun.last().and_then(|note| note.action), Some(AccessAction::SessionStarted));
    let user = ana.user.parse::<Uuid>().unwrap();
    let place = NotePlace::Organization(ana.organization.parse::<Uuid>().unwrap().into());
    for (email, password, expected, actor) in [
        (&*ana.email, PASSWORD, (place, Some(AccessAction::SessionStarted)), format!("user:{user}")),
        (
            &*ana.email,
            "wrong password",
            (NotePlace::OrganizationsOf(user.into()), Some(AccessAction::SessionRefused)),
            format!("user:{user}"),
        ),
        (
            "nobody@example.com",
            PASSWORD,
            (NotePlace::Organization(OrganizationId::DIRECTORY), Some(AccessAction::SessionRefused)),
            "anonymous".to_owned(),
        ),
    ] {
        let body = json!({ "email": email, "password": password });
        service.bare("POST", "/v1/sessions").json(&body).answer().await;
        let notes = notes(&service).await;
        let [note] = &notes[..] else { panic!("{email}: {notes:?}") };
        assert_eq!((note.place, note.action), expected, "{email}");
        assert_eq!(note.actor.as_str(), actor, "{email}");
        assert!(note.origin.address.is_some() && note.correlation_id.is_some());
    }
}
