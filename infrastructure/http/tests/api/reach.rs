//! Every operation of the document on contacts and events is tried by those who reach some records alone: what is beyond
//! looks, byte for byte, as if nobody had ever used its id, and no list, log or stream tells of it.

use std::sync::Arc;

use async_trait::async_trait;
use fairlead_application::{
    Actor,
    access::Access,
    identity::tokens::{Credential, Credentials, Refusal},
};
use fairlead_domain::{
    ids::ProjectId,
    values::{Grant, Over, Permission},
};
use fairlead_tokens::Verifier;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    everything::{Operation, secured},
    live::{Stream, follow},
    service::{Answer, Ask, Service, organization},
};

/// Users who hold everything in organization 1, by their tokens: over what, and to which projects they are limited.
const HOLDERS: [(&str, Over, Option<u128>); 4] = [
    ("own", Over::Own, None),
    ("limited", Over::All, Some(7)),
    ("of-projects", Over::Projects, Some(7)),
    ("own-and-limited", Over::Own, Some(7)),
];
/// Of a record that all of them reach: user 1, project 7; and of some that none of them does.
const WITHIN: [Option<u128>; 2] = [Some(1), Some(7)];
const BEYOND: [[Option<u128>; 2]; 2] = [[Some(2), Some(8)], [None, None]];

/// Vouches for the tokens of [`HOLDERS`], and for whatever else tokens are.
pub(crate) struct Holders(pub(crate) Arc<Verifier>);

#[async_trait]
impl Credentials for Holders {
    async fn verify(&self, token: &str) -> Result<Credential, Refusal> {
        let Some((_, over, limit)) = HOLDERS.iter().find(|(name, ..)| *name == token) else {
            return self.0.verify(token).await;
        };
        let grant = Grant { permission: Permission::new("*:*").unwrap(), over: *over };
        let limit = limit.map(|project| [ProjectId::from(Uuid::from_u128(project))]);
        let access = Access::new([grant], Some(Uuid::from_u128(1).into()), limit);
        let (organization, actor) = (organization(1).into(), Actor::new("ana"));
        Ok(Credential::Granted { organization, actor, access, valid_until: None })
    }
}

fn body([owner, project]: [Option<u128>; 2]) -> Value {
    let id = |n: Option<u128>| n.map(Uuid::from_u128);
    json!({ "name": "Ana", "tags": ["vip"], "owner_id": id(owner), "project_id": id(project) })
}

/// The id of a new contact that belongs so.
async fn contact(service: &Service, belonging: [Option<u128>; 2]) -> String {
    let answer = service.post("/v1/contacts", body(belonging)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

/// Whether it shows or changes contacts, or tells what happened to them.
fn of_contacts(operation: &Operation) -> bool {
    ["/v1/contacts", "/v1/events"].iter().any(|path| operation.template.starts_with(path))
}

/// The answer without what differs from request to request.
fn told(mut answer: Answer, id: &str) -> String {
    if let Some(body) = answer.body.as_object_mut() {
        body.remove("request_id");
    }
    let varying = ["x-request-id", "date", "ratelimit"];
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !varying.contains(&name.as_str()))
        .map(|pair| format!("{pair:?}"))
        .collect();
    headers.sort_unstable();
    format!("{} {headers:?} {}", answer.status, answer.body).replace(id, "{id}")
}

/// The operation in all its forms.
fn forms(operation: &Operation, service: &Service, id: &str) -> Vec<RequestBuilder> {
    let request = || operation.request(service, id);
    let mut forms = vec![request()];
    if operation.condition {
        forms.extend(["\"1\"", "\"7\"", "*"].map(|tag| request().header("if-match", tag)));
    }
    if operation.method == "GET" {
        forms.push(request().header("if-none-match", "\"1\""));
        if operation.query.iter().any(|name| name == "deleted") {
            forms.push(service.bare("GET", &format!("{}?deleted=true", operation.path(id))));
        }
    }
    forms
}

#[tokio::test]
async fn an_id_beyond_reach_answers_as_one_that_nobody_uses() {
    let service = Service::start().await;
    let unknown = Uuid::from_u128(0x019c_a000_0000_7000_8000_0000_0000_ffff).to_string();
    for operation in secured().iter().filter(|operation| operation.of_record() && of_contacts(operation)) {
        for (token, ..) in HOLDERS {
            for belonging in BEYOND {
                let hidden = contact(&service, belonging).await;
                let asked = forms(operation, &service, &hidden).into_iter().zip(forms(operation, &service, &unknown));
                for (of_hidden, of_unknown) in asked {
                    let (answer, other) =
                        (of_hidden.bearer_auth(token).answer().await, of_unknown.bearer_auth(token).answer().await);
                    answer.is_problem(404, "contact.not_found");
                    assert_eq!(told(answer, &hidden), told(other, &unknown), "{operation} as {token}");
                }
                let shown = service.get(&format!("/v1/contacts/{hidden}")).await;
                assert_eq!((shown.status.as_u16(), &shown.body["version"]), (200, &json!(1)), "{operation} as {token}");
            }
            let within = contact(&service, WITHIN).await;
            let mut request = operation.request(&service, &within);
            if operation.template.ends_with("/merge") {
                request = request.json(&json!({ "loser_id": contact(&service, WITHIN).await }));
            }
            if operation.template.ends_with("/link_company") {
                let [owner_id, project_id] = WITHIN.map(|id| id.map(Uuid::from_u128));
                let firm = json!({ "name": "Firm", "owner_id": owner_id, "project_id": project_id });
                let firm = service.post("/v1/companies", firm).await.body["id"].clone();
                request = request.json(&json!({ "company_id": firm }));
            }
            let answer = request.bearer_auth(token).answer().await;
            assert!(answer.status.is_success(), "{operation} as {token}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn no_page_and_no_stream_tells_of_what_is_beyond() {
    let service = Service::start().await;
    let mut streams = Vec::new();
    for (token, ..) in HOLDERS {
        streams.push(Stream::open(follow(&service, token)).await);
    }
    let mut hidden = vec![contact(&service, BEYOND[0]).await, contact(&service, BEYOND[1]).await];
    let within = contact(&service, WITHIN).await;
    hidden.push(contact(&service, BEYOND[0]).await);
    for stream in &mut streams {
        let (_, event) = stream.event().await;
        assert_eq!(event["subject"], json!(within), "the first event that is heard of");
    }
    let pages = secured().into_iter().filter(|operation| {
        operation.method == "GET" && !operation.of_record() && of_contacts(operation) && !operation.stream
    });
    let mut looked_at = 0;
    for operation in pages {
        for (token, ..) in HOLDERS {
            for query in ["", "q=ana", "filter=tag:vip", "limit=1"] {
                let name = query.split('=').next().unwrap_or_default();
                if !name.is_empty() && !operation.query.iter().any(|known| known == name) {
                    continue;
                }
                let path = format!("{}?{query}", operation.template);
                let answer = service.bare("GET", &path).bearer_auth(token).answer().await;
                let text = answer.body.to_string();
                assert!(answer.status.is_success() && text.contains(&within), "{operation} as {token}: {text}");
                assert!(hidden.iter().all(|id| !text.contains(id)), "{operation} as {token}: {text}");
                looked_at += 1;
            }
        }
    }
    assert!(looked_at >= 20, "{looked_at} pages");
}

#[tokio::test]
async fn nothing_is_put_beyond_reach() {
    let service = Service::start().await;
    for (token, ..) in HOLDERS {
        let send = async |method: &str, path: &str, body: Value| {
            service.bare(method, path).bearer_auth(token).json(&body).answer().await
        };
        let within = send("POST", "/v1/contacts", body(WITHIN)).await;
        assert_eq!(within.status, 201, "{}", within.body);
        let path = format!("/v1/contacts/{}", within.body["id"].as_str().unwrap());
        for beyond @ [owner, project] in BEYOND {
            send("POST", "/v1/contacts", body(beyond)).await.is_problem(403, "access.out_of_reach");
            let moved = json!({ "owner_id": owner.map(Uuid::from_u128), "project_id": project.map(Uuid::from_u128) });
            send("PATCH", &path, moved.clone()).await.is_problem(403, "access.out_of_reach");
            let operations = json!([
                { "op": "create", "data": body(beyond) },
                { "op": "change", "id": within.body["id"], "data": moved },
                { "op": "tag", "id": contact(&service, beyond).await, "if_match": 7, "data": { "tags": ["a"] } },
            ]);
            let batch = send("POST", "/v1/contacts/batch", json!({ "operations": operations })).await;
            let codes: Vec<_> = batch.body["data"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
            assert_eq!(codes, ["access.out_of_reach", "access.out_of_reach", "contact.not_found"], "{token}");
        }
        let shown = service.get(&path).await;
        assert_eq!(shown.body["version"], json!(1), "{token}");
    }
}
