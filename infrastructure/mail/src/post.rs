//! The consumer that answers events with letters.

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::Pool;
use fairlead_application::identity::{Correspondence, MailError, Mailer, Purpose, Request};
use fairlead_consumer::{Builder, Consumer, Event, Failure, Handler, Payload, Transaction, Undecodable};
use fairlead_domain::identity::{Membership, MembershipEvent, User, UserEvent};
use metrics::counter;
use serde_json::Value;
use tracing::{info, warn};

/// The consumer's name: that of its queue, and its key in the inbox.
pub const CONSUMER: &str = "identity.mail";
/// What it reads, by routing keys.
pub const BINDINGS: [&str; 3] =
    ["identity.membership.invited", "identity.user.verification_requested", "identity.user.password_reset_requested"];
/// Where the migrations put the consumer kit's tables.
const SCHEMA: &str = "engine";
/// How many letters are on their way at once.
const LANES: usize = 2;

/// Answers events with letters, each once.
pub struct Post {
    correspondence: Correspondence,
    mailer: Arc<dyn Mailer>,
}

impl Post {
    /// Letters are written by the one and sent by the other.
    pub fn new(correspondence: Correspondence, mailer: Arc<dyn Mailer>) -> Self {
        Self { correspondence, mailer }
    }
}

/// The consumer, but for its handler, which is a [`Post`]: with its queue at the broker of this URL, and its inbox in
/// Fairlead's own database, reached as the engine. It takes 8 connections at most.
pub fn builder(broker: &str, database: Pool) -> Builder {
    let builder = Consumer::builder(CONSUMER).broker(broker).database(database, SCHEMA).lanes(LANES);
    BINDINGS.into_iter().fold(builder, Builder::bind)
}

/// Events of users and of memberships, read as what asks for a letter.
pub struct Asks;

/// What asks for a letter, and the number of the link in it; `None` in events that ask for none.
type Asked = Option<(Purpose, u32)>;

impl Payload for Asks {
    type Data = Asked;

    fn decode(event_type: &str, schema_version: i16, data: Value) -> Result<Asked, Undecodable> {
        if event_type.starts_with("membership.") {
            let event = Membership::decode(event_type, schema_version, data)?;
            return Ok(match event {
                MembershipEvent::Invited { number, .. } => Some((Purpose::AcceptInvitation, number)),
                _ => None,
            });
        }
        Ok(match User::decode(event_type, schema_version, data)? {
            UserEvent::VerificationRequested { number, .. } => Some((Purpose::VerifyEmail, number)),
            UserEvent::PasswordResetRequested { number, .. } => Some((Purpose::ResetPassword, number)),
            _ => None,
        })
    }
}

#[async_trait]
impl Handler for Post {
    type Reads = Asks;

    async fn handle(&self, _: &Transaction<'_>, event: &Event<Asked>) -> Result<(), Failure> {
        let Some((purpose, number)) = event.data else { return Ok(()) };
        let request = Request {
            event: event.id,
            occurred_at: event.occurred_at,
            tenant: event.tenant,
            user: event.stream.into(),
            purpose,
            number,
        };
        let outcome = match self.correspondence.letter(&request).await? {
            None => {
                info!("the letter would be void; not sent");
                Ok("void")
            }
            Some(letter) => self.mailer.send(&letter).await.map(|()| "sent"),
        };
        let (outcome, handled) = match outcome {
            Ok(outcome) => (outcome, Ok(())),
            Err(MailError::Transient(why)) => ("failed", Err(Failure::Retry(why))),
            Err(MailError::Permanent(why)) => ("refused", Err(Failure::Reject(why))),
        };
        counter!("fairlead_mail_sent_total", "outcome" => outcome).increment(1);
        if let Err(Failure::Retry(why) | Failure::Reject(why)) = &handled {
            warn!(outcome, why, "a letter was not sent");
        }
        handled
    }
}

#[cfg(test)]
mod tests {
    use fairlead_application::identity::Purpose;
    use fairlead_consumer::{Payload, Undecodable};
    use serde_json::json;

    use super::Asks;

    #[test]
    fn what_asks_for_a_letter_is_told_from_what_does_not() {
        let asked = |name, data| Asks::decode(name, 1, data).unwrap();
        let link = json!({ "number": 3, "expires_at": "2026-03-04T05:06:07Z" });
        assert_eq!(asked("user.verification_requested", link.clone()), Some((Purpose::VerifyEmail, 3)));
        assert_eq!(asked("user.password_reset_requested", link), Some((Purpose::ResetPassword, 3)));
        let invited = json!({
            "number": 2, "roles": ["viewer"], "invited_by": null, "expires_at": "2026-03-04T05:06:07Z"
        });
        assert_eq!(asked("membership.invited", invited), Some((Purpose::AcceptInvitation, 2)));
        assert_eq!(asked("user.deactivated", json!({})), None);
        let newer = Asks::decode("user.verification_requested", 99, json!({}));
        assert!(matches!(newer, Err(Undecodable::Newer { .. })));
    }
}
