//! All that is known about somebody who signs in: one document.

use fairlead_domain::{
    identity::{Membership, Organization, Session, User, UserError},
    ids::{OrganizationId, UserId},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Exports, FORMAT, shown};
use crate::{
    AppError, Context,
    access::{Authorized, System},
    envelope::{envelope, rfc3339},
    identity::{ProfileRead, myself, user_actor},
};

/// Records, or events, read at once.
const PAGE: u16 = 200;

impl Exports {
    /// All that is known about who asks: profile, sessions, what they are in which organization, and what happened to
    /// each.
    ///
    /// # Errors
    /// `access.no_session` for who did not sign in; [`AppError::Unavailable`], [`AppError::Internal`].
    pub async fn myself(&self, cx: &Authorized<ProfileRead>) -> Result<Value, AppError> {
        let (user, _) = myself(cx)?;
        let directory = within(OrganizationId::DIRECTORY, user);
        let profile = self.0.app.read::<User>(&directory, user).await?.ok_or(UserError::NotFound)?;
        let mut events = self.events(&directory, user.into()).await?;
        let mut sessions = Vec::new();
        for id in self.session_ids(&directory, user).await? {
            if let Some(session) = self.0.app.read::<Session>(&directory, id.into()).await? {
                sessions.push(shown(session)?);
                events.extend(self.events(&directory, id).await?);
            }
        }
        let mut memberships = Vec::new();
        for id in self.0.directory.organizations_of(user).await? {
            let within = within(id, user);
            let organization = self.0.app.read::<Organization>(&within, id).await?;
            if let Some(membership) = self.0.app.read::<Membership>(&within, user).await? {
                let name = organization.map(|organization| organization.state.name);
                let organization = json!({ "id": Uuid::from(id), "name": name });
                memberships.push(json!({ "organization": organization, "membership": shown(membership)? }));
                events.extend(self.events(&within, user.into()).await?);
            }
        }
        Ok(json!({
            "format": FORMAT,
            "at": self.now(),
            "profile": shown(profile)?,
            "sessions": sessions,
            "memberships": memberships,
            "events": events,
        }))
    }

    pub(super) fn now(&self) -> String {
        rfc3339(self.0.app.clock.now())
    }

    /// What happened in a stream.
    async fn events(&self, cx: &Context, stream: Uuid) -> Result<Vec<Value>, AppError> {
        let events = self.0.app.store.events(cx, stream).await?;
        Ok(events.iter().map(|event| envelope(cx.tenant().into(), stream, event, None)).collect())
    }

    /// All sessions of a user, those that have ended too.
    async fn session_ids(&self, directory: &Authorized<System>, user: UserId) -> Result<Vec<Uuid>, AppError> {
        let mut ids = self.0.records.ended_sessions(directory, user).await?;
        let mut after = None;
        loop {
            let (page, more) = self.0.app.register::<Session>(directory, Some(user), after, PAGE).await?;
            ids.extend(page.iter().map(|session| session.id));
            after = page.last().map(|session| session.id);
            if !more {
                ids.sort_unstable();
                return Ok(ids);
            }
        }
    }
}

fn within(tenant: OrganizationId, user: UserId) -> Authorized<System> {
    Context::system(tenant, user_actor(user).as_str())
}
