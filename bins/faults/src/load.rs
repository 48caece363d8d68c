//! Clients of several organizations: they create contacts, change some that all of them change, send batches, and look.
//!
//! A command bears a mark, which its event repeats: the contact's `source`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    chance::Chance,
    ledger::{Answer, Ledger, Shown},
};

/// Contacts of an organization that all its clients change.
const HOT: usize = 3;
/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it repeats a command, unless it gives up before.
const INSISTENCE: Duration = Duration::from_secs(90);

/// A client of an organization.
pub(crate) struct Asking {
    pub(crate) tenant: Uuid,
    pub(crate) token: String,
    /// Where the API listens: one process of it or the other.
    pub(crate) addresses: Vec<String>,
    pub(crate) http: Client,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) chance: Chance,
    pub(crate) hot: Vec<Uuid>,
    pub(crate) done: Arc<AtomicBool>,
}

/// What a command was answered.
struct Told {
    status: u16,
    body: Value,
    consistency: Option<String>,
    /// Whether an earlier attempt may still be under way, or have taken effect.
    repeated: bool,
}

impl Told {
    /// What is to be believed of the answer to a part of the command.
    fn answer(&self, status: &Value, body: &Value) -> Answer {
        match status.as_u64().unwrap_or_default() {
            200..300 => {
                let record = body["id"].as_str().and_then(|id| id.parse().ok());
                match record.zip(body["version"].as_i64()) {
                    Some((record, version)) => Answer::Done { record, version },
                    None => Answer::Unknown,
                }
            }
            // Refusals are not kept: an attempt that was slower may find another state, and be accepted.
            400..500 if !self.repeated => Answer::Refused(code(body).to_owned()),
            _ => Answer::Unknown,
        }
    }
}

impl Asking {
    /// Makes the contacts that all clients of the organization change.
    pub(crate) async fn begin(&mut self) {
        while self.hot.len() < HOT {
            if let Some(record) = self.create().await {
                self.hot.push(record);
            }
        }
    }

    /// Asks until the load is done.
    pub(crate) async fn run(mut self) {
        while !self.done.load(Ordering::Relaxed) {
            match self.chance.below(10) {
                0..3 => drop(self.create().await),
                3..6 => self.change_hot().await,
                6 => self.batch().await,
                7 => self.compete().await,
                _ => self.look().await,
            }
            sleep(self.chance.within(1, 20)).await;
        }
    }

    /// A contact, which is looked for afterwards: whoever wrote sees it.
    async fn create(&mut self) -> Option<Uuid> {
        let mark = self.chance.uuid();
        let body = json!({ "name": "Ana", "source": mark, "email": format!("{mark}@example.com") });
        let (answer, token) = self.command(Method::POST, "/v1/contacts", None, &body).await;
        self.ledger.note(self.tenant, mark, answer.clone());
        let Answer::Done { record, .. } = answer else { return None };
        if let Some(token) = token
            && self.chance.once_in(3)
        {
            let path = format!("/v1/contacts?filter=source:{mark}");
            self.shown(&path, Some(&token), Some(record)).await;
        }
        Some(record)
    }

    /// With a version, now and then, which is right or not.
    async fn change_hot(&mut self) {
        let (mark, n) = (self.chance.uuid(), self.chance.below(self.hot.len()));
        let expected = self.chance.once_in(4).then(|| 1 + self.chance.below(50));
        let path = format!("/v1/contacts/{}", self.hot[n]);
        let (answer, _) = self.command(Method::PATCH, &path, expected, &json!({ "source": mark })).await;
        self.ledger.note(self.tenant, mark, answer);
    }

    /// Many try to have one address.
    async fn compete(&mut self) {
        let (mark, n) = (self.chance.uuid(), self.chance.below(20));
        let body = json!({ "name": "Bo", "source": mark, "email": format!("hot{n}@example.com") });
        let (answer, _) = self.command(Method::POST, "/v1/contacts", None, &body).await;
        self.ledger.note(self.tenant, mark, answer);
    }

    async fn batch(&mut self) {
        let marks: Vec<Uuid> = (0..5).map(|_| self.chance.uuid()).collect();
        let atomic = self.chance.once_in(2);
        let create = |(n, mark): (usize, &Uuid)| {
            // Of an atomic one that is refused nothing takes effect.
            let email = if n == 4 { "hot0@example.com".to_owned() } else { format!("{mark}@example.com") };
            json!({ "op": "create", "data": { "name": "Cy", "source": mark, "email": email } })
        };
        let operations: Vec<Value> = marks.iter().enumerate().map(create).collect();
        let body = json!({ "atomic": atomic, "operations": operations });
        let answers: Vec<Answer> = match self.insist(Method::POST, "/v1/contacts/batch", None, &body).await {
            Some(told) if told.status == 200 => {
                let parts = told.body["data"].as_array().into_iter().flatten();
                parts.map(|part| told.answer(&part["status"], part)).collect()
            }
            Some(told) => vec![told.answer(&json!(told.status), &told.body); marks.len()],
            None => vec![Answer::Unknown; marks.len()],
        };
        for (mark, answer) in marks.into_iter().zip(answers) {
            self.ledger.note(self.tenant, mark, answer);
        }
    }

    async fn look(&mut self) {
        let sort = ["created", "-created", "name", "-updated"][self.chance.below(4)];
        self.shown(&format!("/v1/contacts?limit=50&sort={sort}"), None, None).await;
    }

    async fn shown(&mut self, path: &str, token: Option<&str>, wanted: Option<Uuid>) {
        let mut request = self.request(Method::GET, path);
        if let Some(token) = token {
            request = request.header("fairlead-consistency", token);
        }
        // What is not answered shows nothing.
        let Ok(answer) = request.send().await else { return };
        if answer.status() != 200 {
            return;
        }
        let Ok(page) = answer.json::<Value>().await else { return };
        let ids = page["data"].as_array().into_iter().flatten().filter_map(|row| row["id"].as_str()?.parse().ok());
        self.ledger.note_shown(Shown { tenant: self.tenant, records: ids.collect(), wanted });
    }

    fn request(&mut self, method: Method, path: &str) -> RequestBuilder {
        let address = &self.addresses[self.chance.below(self.addresses.len())];
        self.http.request(method, format!("http://{address}{path}")).bearer_auth(&self.token).timeout(PATIENCE)
    }

    async fn command(
        &mut self,
        method: Method,
        path: &str,
        expected: Option<usize>,
        body: &Value,
    ) -> (Answer, Option<String>) {
        match self.insist(method, path, expected, body).await {
            Some(told) => (told.answer(&json!(told.status), &told.body), told.consistency),
            None => (Answer::Unknown, None),
        }
    }

    /// Repeats a command under its key until it is answered for sure. Some clients give up before.
    async fn insist(&mut self, method: Method, path: &str, expected: Option<usize>, body: &Value) -> Option<Told> {
        let (key, begun, mut repeated) = (self.chance.uuid().to_string(), Instant::now(), false);
        let gives_up = self.chance.once_in(4);
        loop {
            let mut request = self.request(method.clone(), path).header("idempotency-key", &key).json(body);
            if let Some(version) = expected {
                request = request.header("if-match", format!("\"{version}\""));
            }
            match request.send().await {
                Ok(answer) if is_final(&answer) => {
                    let status = answer.status().as_u16();
                    let header = answer.headers().get("fairlead-consistency");
                    let token = header.and_then(|token| token.to_str().ok()).map(str::to_owned);
                    if let Ok(body) = answer.json().await
                        && !matches!(code(&body), "idempotency.in_progress" | "version.contended")
                    {
                        return Some(Told { status, body, consistency: token, repeated });
                    }
                }
                _ => {}
            }
            if gives_up {
                return None;
            }
            repeated = true;
            assert!(begun.elapsed() < INSISTENCE, "{path} is not answered for {} s", INSISTENCE.as_secs());
            sleep(self.chance.within(10, 200)).await;
        }
    }
}

/// Whether the answer may say what became of the command. Overload says nothing.
fn is_final(answer: &Response) -> bool {
    let status = answer.status().as_u16();
    (200..500).contains(&status) && !matches!(status, 408 | 425 | 429)
}

fn code(body: &Value) -> &str {
    body["code"].as_str().unwrap_or_default()
}
