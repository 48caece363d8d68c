//! A session: what one person does from one place until they sign out. Kept in the directory; its data is about the user,
//! whose erasure makes it unreadable in events.

mod event;
#[cfg(feature = "testing")]
mod story;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{OrganizationId, SessionId, UserId},
    kernel::{Aggregate, PersonalOf},
    values::{Origin, Provider},
};

pub use event::{SessionError, SessionEvent};

/// A session's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Who signed in.
    pub user_id: UserId,
    /// In which organization the person is at work now.
    pub organization_id: OrganizationId,
    /// How the person proved who they are.
    pub methods: BTreeSet<SessionMethod>,
    /// Which provider vouched for the person, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// From where the session was refreshed last; `None` once it has ended, when it is
    /// nobody's business any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<PersonalOf<Origin>>,
    /// Which refresh token is the present one: 1 is the first, and each refresh counts one up.
    pub generation: u32,
    /// When the person signed in.
    pub started_at: DateTime<Utc>,
    /// When the session was refreshed last, or started.
    pub refreshed_at: DateTime<Utc>,
    /// From when on nothing refreshes it any more.
    pub expires_at: DateTime<Utc>,
    /// Why it ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndReason>,
}

/// A way to prove who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionMethod {
    /// A password.
    Password,
    /// A code that changes with time (RFC 6238).
    Totp,
    /// A code that was written down for the case that the other one is lost.
    RecoveryCode,
    /// Another system vouches, by OpenID Connect.
    Oidc,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The person signed out in it.
    LoggedOut,
    /// The person ended it from another one.
    EndedByUser,
    /// A refresh token was used a second time: either it was stolen, or what came after it was.
    Reuse,
    /// Somebody else ended it, or something that happened to the person's account.
    Revoked,
}

/// What is known when a session starts.
#[derive(Clone)]
pub struct SessionStart {
    /// Who signs in.
    pub user_id: UserId,
    /// In which organization.
    pub organization_id: OrganizationId,
    /// How the person proved who they are.
    pub methods: BTreeSet<SessionMethod>,
    /// Which provider vouched for the person, if one did.
    pub provider: Option<Provider>,
    /// From where.
    pub origin: Origin,
    /// When.
    pub at: DateTime<Utc>,
    /// From when on nothing refreshes it any more.
    pub expires_at: DateTime<Utc>,
}

/// What can be asked of a session.
#[derive(Clone)]
pub enum SessionCommand {
    /// Sign in.
    Start(Box<SessionStart>),
    /// Go on, with the refresh token of this generation. One that was followed by another ends the session, which is an
    /// accepted decision: look at the event.
    Refresh {
        /// Which refresh token.
        generation: u32,
        /// From where.
        origin: Origin,
        /// When.
        at: DateTime<Utc>,
    },
    /// Go to work in another organization.
    Switch(OrganizationId),
    /// End it.
    End(EndReason),
}

impl Aggregate for Session {
    const CONTEXT: &'static str = "identity";
    const TYPE: &'static str = "session";
    const PLURAL: &'static str = "sessions";
    type Id = SessionId;
    type Command = SessionCommand;
    type Event = SessionEvent;
    type Error = SessionError;

    fn decide(state: Option<&Self>, command: SessionCommand) -> Result<Vec<SessionEvent>, SessionError> {
        use SessionCommand::{End, Refresh, Start, Switch};
        match (state, command) {
            (None, Start(start)) => Ok(vec![SessionEvent::started(*start)]),
            (None, _) => Err(SessionError::NotFound),
            (Some(_), Start(_)) => Err(SessionError::AlreadyExists),
            (Some(session), End(_)) if session.ended.is_some() => Ok(vec![]),
            (Some(session), _) if session.ended.is_some() => Err(SessionError::Ended),
            (Some(_), End(reason)) => Ok(vec![SessionEvent::Ended { reason }]),
            (Some(session), Switch(to)) if to == session.organization_id => Ok(vec![]),
            (Some(_), Switch(to)) => Ok(vec![SessionEvent::Switched { organization_id: to }]),
            (Some(session), Refresh { generation, origin, at }) => session.refreshed(generation, origin, at),
        }
    }

    fn init(event: &SessionEvent) -> Option<Self> {
        match event.clone() {
            SessionEvent::Started { user_id, organization_id, methods, provider, origin, at, expires_at } => {
                Some(Self {
                    user_id,
                    organization_id,
                    methods,
                    provider,
                    origin: Some(origin),
                    generation: 1,
                    started_at: at,
                    refreshed_at: at,
                    expires_at,
                    ended: None,
                })
            }
            _ => None,
        }
    }

    fn apply(&mut self, event: &SessionEvent) {
        match event.clone() {
            SessionEvent::Started { .. } => {
                if let Some(started) = Self::init(event) {
                    *self = started;
                }
            }
            SessionEvent::Refreshed { generation, origin, at } => {
                self.generation = generation;
                self.origin = Some(origin);
                self.refreshed_at = at;
            }
            SessionEvent::Switched { organization_id } => self.organization_id = organization_id,
            SessionEvent::Ended { reason } => {
                self.ended = Some(reason);
                self.origin = None;
            }
        }
    }

    fn is_deleted(&self) -> bool {
        self.ended.is_some()
    }
}

impl Session {
    /// Whether it can be used at this moment, as far as it knows: what happened to the user stands with the user.
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        self.ended.is_none() && now < self.expires_at
    }

    fn refreshed(&self, generation: u32, origin: Origin, at: DateTime<Utc>) -> Result<Vec<SessionEvent>, SessionError> {
        if at >= self.expires_at {
            return Err(SessionError::Expired);
        }
        if generation > self.generation {
            return Err(SessionError::Invalid);
        }
        Ok(vec![if generation < self.generation {
            SessionEvent::Ended { reason: EndReason::Reuse }
        } else {
            let origin = PersonalOf { subject: self.user_id.into(), value: origin.into() };
            SessionEvent::Refreshed { generation: generation.saturating_add(1), origin, at }
        }])
    }
}
