//! Keys by URL: fetched, kept, fetched again, and kept when nobody answers.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use fairlead_application::{
    identity::{
        memory::MemoryKeys,
        tokens::{Algorithm as Own, Credentials, Refusal, SigningKey},
    },
    ports::Clock,
};
use fairlead_tokens::{Verifier, fresh};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    issuers::claims,
    stage::{Time, actor, process, verifier},
};

/// What the issuer answers, and how often it was asked.
struct Answer {
    status: u16,
    body: String,
    max_age: u64,
    asked: usize,
}

struct Provider {
    answer: Arc<Mutex<Answer>>,
    handle: ServerHandle,
    url: String,
}

impl Provider {
    fn start(body: &Value, max_age: u64) -> Self {
        let answer = Answer { status: 200, body: body.to_string(), max_age, asked: 0 };
        let answer = Arc::new(Mutex::new(answer));
        let shared = answer.clone();
        let server = HttpServer::new(move || {
            let shared = shared.clone();
            App::new().default_service(web::to(move || {
                let mut answer = shared.lock().unwrap();
                answer.asked += 1;
                let mut response = HttpResponse::build(answer.status.try_into().unwrap());
                response.insert_header(("cache-control", format!("public, max-age={}", answer.max_age)));
                response.insert_header(("location", "/elsewhere"));
                let response = response.body(answer.body.clone());
                async { response }
            }))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { answer, handle, url }
    }

    fn set(&self, change: impl FnOnce(&mut Answer)) {
        change(&mut self.answer.lock().unwrap());
    }

    fn asked(&self) -> usize {
        self.answer.lock().unwrap().asked
    }

    fn verifier(&self, time: &Arc<Time>) -> Verifier {
        let ring = process(&Arc::new(MemoryKeys::default()), time, Own::EdDsa);
        let issuer = json!({
            "issuer": "https://acme.example", "audience": "fairlead", "algorithms": ["EdDSA"], "jwks_url": self.url,
        });
        verifier(&ring, vec![issuer])
    }
}

fn key(time: &Time) -> SigningKey {
    fresh(Own::EdDsa, time, time.now(), time.now()).unwrap()
}

fn set(keys: &[&SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.public.clone()).collect::<Vec<_>>() })
}

/// A token by a key; a number makes it another one.
fn token(time: &Time, key: &SigningKey, id: Option<&str>, number: usize) -> String {
    let mut claims = claims(time);
    claims["jti"] = json!(number.to_string());
    // PKCS #8 of an Ed25519 key (RFC 8410, section 7).
    let head = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let der = [&head[..], key.private.as_ref().unwrap().expose_secret()].concat();
    let header = Header { kid: id.map(str::to_owned), ..Header::new(Algorithm::EdDSA) };
    encode(&header, &claims, &EncodingKey::from_ed_der(&der)).unwrap()
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_for_one_that_is_new() {
    let time = Time::new();
    let (old, new) = (key(&time), key(&time));
    let provider = Provider::start(&set(&[&old]), 300);
    let verifier = provider.verifier(&time);
    for number in 0..3 {
        let told = actor(&verifier, &token(&time, &old, Some(&old.id), number), "contacts:read").await;
        assert_eq!(told, Ok(("ana".into(), true)));
    }
    // Without a name the only key is taken.
    assert!(verifier.verify(&token(&time, &old, None, 1)).await.is_ok());
    assert_eq!(provider.asked(), 1);
    let moved = token(&time, &new, Some(&new.id), 1);
    // A moment ago there was none of this name.
    assert_eq!(verifier.verify(&moved).await, Err(Refusal::Invalid));
    provider.set(|answer| answer.body = set(&[&new]).to_string());
    assert_eq!(verifier.verify(&moved).await, Err(Refusal::Invalid), "asked a moment ago");
    assert_eq!(provider.asked(), 1);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(10)).await;
    tokio::time::resume();
    assert!(verifier.verify(&moved).await.is_ok());
    assert_eq!(provider.asked(), 2);
    // The old key is gone, and with it what was remembered.
    assert_eq!(verifier.verify(&token(&time, &old, Some(&old.id), 1)).await, Err(Refusal::Invalid));
    assert_eq!(verifier.verify(&token(&time, &old, None, 1)).await, Err(Refusal::Invalid));
    provider.handle.stop(false).await;
}

#[tokio::test]
async fn what_is_known_goes_on_while_the_issuer_is_down() {
    let time = Time::new();
    let own = key(&time);
    let provider = Provider::start(&set(&[&own]), 1);
    let verifier = provider.verifier(&time);
    let id = Some(own.id.as_str());
    assert!(verifier.verify(&token(&time, &own, id, 0)).await.is_ok());
    for (number, (status, body)) in [
        (500, String::new()),
        (302, String::new()),
        (200, "no set".to_owned()),
        (200, format!("{}{}", set(&[&own]), " ".repeat(300 * 1024))),
    ]
    .into_iter()
    .enumerate()
    {
        provider.set(|answer| (answer.status, answer.body) = (status, body));
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
        assert!(verifier.verify(&token(&time, &own, id, number + 1)).await.is_ok(), "{status}");
        assert_eq!(provider.asked(), number + 2);
    }
    provider.handle.stop(false).await;
    let never = provider.verifier(&time);
    assert_eq!(never.verify(&token(&time, &own, id, 9)).await, Err(Refusal::Unavailable));
}

#[tokio::test]
async fn keys_for_something_else_verify_nothing() {
    let time = Time::new();
    let own = key(&time);
    let with = |name: &str, value: Value| {
        let mut key = own.public.clone();
        key[name] = value;
        key
    };
    for (keys, works) in [
        (json!([{ "kty": "unheard of" }, own.public]), true),
        (json!([with("use", json!("enc"))]), false),
        (json!([with("alg", json!("RS256"))]), false),
        (json!([with("kid", json!("other"))]), false),
        (json!([{ "kty": "oct", "k": "c2VjcmV0", "kid": own.id }]), false),
        (json!([{ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": own.id }]), false),
        (json!([]), false),
    ] {
        let provider = Provider::start(&json!({ "keys": keys }), 300);
        let outcome = provider.verifier(&time).verify(&token(&time, &own, Some(&own.id), 0)).await;
        assert_eq!(outcome.is_ok(), works, "{keys}");
        provider.handle.stop(false).await;
    }
}
