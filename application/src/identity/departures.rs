//! How people go: out of an organization, for a while, or for good.

use fairlead_domain::{
    identity::{
        EndReason, Membership, MembershipCommand, MembershipError, Organization, OrganizationCommand,
        OrganizationError, OrganizationStatus, Session, SessionCommand, User, UserCommand,
    },
    ids::{OrganizationId, UserId},
};
use secrecy::SecretString;

use super::{Asking, Identity, sessions::myself, user_actor};
use crate::{
    AppError, Expected, Outcome, Step,
    access::{Authorized, System},
    administration::OperatorWrite,
    identity::permissions::ProfileWrite,
};

impl Identity {
    /// Erases everything personal about oneself, for good: one leaves all organizations first, ends all sessions, and is then
    /// forgotten. Whoever was interrupted can do it again.
    ///
    /// # Errors
    /// `password.wrong`; `organization.last_owner` when there is an organization of which one is the last owner, before
    /// anything is changed; `access.no_session` for who did not sign in.
    pub async fn erase_myself(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        password: Option<SecretString>,
    ) -> Result<(), AppError> {
        let (user, _) = myself(cx)?;
        self.reauthenticate(asking, user, password).await?;
        let organizations = self.directory.organizations_of(user).await?;
        for id in &organizations {
            let organization = self.app.read::<Organization>(&asking.within(*id, user_actor(user)), *id).await?;
            let is_last = |organization: &Organization| {
                organization.status() != OrganizationStatus::Purged
                    && organization.owners.len() == 1
                    && organization.owners.contains(&user)
            };
            if organization.is_some_and(|organization| is_last(&organization.state)) {
                return Err(OrganizationError::LastOwner.into());
            }
        }
        for id in organizations {
            self.leave(asking, user, id).await?;
        }
        let directory = asking.as_user(user);
        loop {
            let (sessions, more) = self.app.register::<Session>(&directory, Some(user), None, 100).await?;
            for session in sessions {
                let end = SessionCommand::End(EndReason::Revoked);
                self.app.execute::<Session>(&directory, session.id.into(), Expected::Any, end).await?;
            }
            if !more {
                break;
            }
        }
        self.app.execute::<User>(&directory, user, Expected::Any, UserCommand::Erase).await.map(drop)
    }

    /// Leaves an organization. The last owner can't.
    ///
    /// # Errors
    /// `membership.not_found`, `organization.last_owner`; `access.no_session` for who did not sign in.
    pub async fn leave_organization(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        organization: OrganizationId,
    ) -> Result<(), AppError> {
        let (user, _) = myself(cx)?;
        if !self.directory.organizations_of(user).await?.contains(&organization) {
            return Err(MembershipError::NotFound.into());
        }
        self.leave(asking, user, organization).await
    }

    /// Deactivates oneself: nobody signs in as oneself any more, until an operator reactivates the account.
    ///
    /// # Errors
    /// `password.wrong`; `access.no_session` for who did not sign in.
    pub async fn deactivate_myself(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        password: Option<SecretString>,
    ) -> Result<(), AppError> {
        let (user, _) = myself(cx)?;
        self.reauthenticate(asking, user, password).await?;
        self.deactivate(&asking.as_user(user), user).await.map(drop)
    }

    /// Deactivates somebody's account, or reactivates it, as an operator.
    ///
    /// # Errors
    /// `user.not_found`
    pub async fn set_active(
        &self,
        asking: &Asking,
        cx: &Authorized<OperatorWrite>,
        user: UserId,
        active: bool,
    ) -> Result<Outcome, AppError> {
        let directory = asking.within(OrganizationId::DIRECTORY, cx.actor().clone());
        if active {
            self.app.execute::<User>(&directory, user, Expected::Any, UserCommand::Reactivate).await
        } else {
            self.deactivate(&directory, user).await
        }
    }

    /// The sessions of before don't come back with the account.
    async fn deactivate(&self, directory: &Authorized<System>, user: UserId) -> Result<Outcome, AppError> {
        let step = |command| Step::new::<User>(directory, user, Expected::Any, command);
        let mut steps = vec![step(UserCommand::Deactivate)];
        if self.user(directory, user).await?.is_some_and(|user| user.state.is_active()) {
            steps.insert(0, step(UserCommand::EndSessions { at: self.now() }));
        }
        let mut outcome = self.app.execute_all(directory, &steps).await?;
        outcome.receipts.drain(..steps.len() - 1);
        Ok(outcome)
    }

    async fn leave(&self, asking: &Asking, user: UserId, organization: OrganizationId) -> Result<(), AppError> {
        let within = asking.within(organization, user_actor(user));
        let known = self.app.read::<Organization>(&within, organization).await?;
        let owns = known.is_some_and(|known| known.state.owners.contains(&user));
        let mut steps = vec![Step::new::<Membership>(&within, user, Expected::Any, MembershipCommand::Remove)];
        if owns {
            let remove = OrganizationCommand::RemoveOwner(user);
            steps.push(Step::new::<Organization>(&within, organization, Expected::Any, remove));
        }
        self.app.execute_all(&within, &steps).await.map(drop)
    }
}
