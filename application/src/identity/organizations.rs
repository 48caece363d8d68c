//! Organizations: how one comes into being, and how it ends.

use std::collections::BTreeSet;

use fairlead_domain::{
    identity::{
        Membership, MembershipCommand, MembershipProfile, Organization, OrganizationCommand, Project, ProjectCommand,
        RoleRef, SessionMethod,
    },
    ids::{OrganizationId, ProjectId, UserId},
    values::Label,
};

use super::{
    Asking, Identity, NewUser, SignedIn,
    service::PASSWORD,
    sessions::{Proven, myself},
    user_actor,
};
use crate::{
    AppError, Expected, Outcome, Step, access::Authorized, administration::OperatorWrite,
    identity::permissions::ProfileWrite,
};

/// What the first project of an organization is called.
const FIRST_PROJECT: &str = "General";

/// An organization that has just come into being.
#[derive(Debug, Clone)]
pub struct Founded {
    /// The organization.
    pub organization: OrganizationId,
    /// Its first project.
    pub project: ProjectId,
    /// Its owner.
    pub owner: UserId,
}

impl Identity {
    /// Registers an organization together with its owner, who is signed in at once. Where the address is registered and the password right, the
    /// organization is registered for that user: so that whoever was interrupted can go on.
    ///
    /// # Errors
    /// `user.email_taken` when the address belongs to somebody else, `password.invalid`.
    pub async fn found(
        &self,
        asking: &Asking,
        name: Label,
        owner: NewUser,
    ) -> Result<(Founded, Option<SignedIn>), AppError> {
        let password = owner.password.clone();
        let email = owner.email.clone();
        let user = match self.register_user(asking, owner).await {
            Err(error @ AppError::Taken { .. }) => self.known_user(asking, &email, password).await?.ok_or(error)?,
            registered => registered?,
        };
        let founded = self.found_for(asking, user, name).await?;
        let asks_for_code = self.user(&asking.as_user(user), user).await?.is_none_or(|user| user.state.asks_for_totp());
        if asks_for_code {
            return Ok((founded, None));
        }
        let methods = BTreeSet::from([SessionMethod::Password]);
        let proven = Proven { user, methods, provider: None, besides: Vec::new() };
        let signed_in = self.begin(asking, proven, Some(founded.organization)).await?;
        Ok((founded, Some(signed_in)))
    }

    /// Registers another organization for somebody who signed in.
    ///
    /// # Errors
    /// `access.no_session` for who did not sign in.
    pub async fn found_another(
        &self,
        asking: &Asking,
        cx: &Authorized<ProfileWrite>,
        name: Label,
    ) -> Result<Founded, AppError> {
        let (user, _) = myself(cx)?;
        self.found_for(asking, user, name).await
    }

    /// What operators do to an organization: suspend and resume it.
    ///
    /// # Errors
    /// `organization.not_found`, and what the organization refuses.
    pub async fn operate(
        &self,
        asking: &Asking,
        cx: &Authorized<OperatorWrite>,
        organization: OrganizationId,
        expected: Expected,
        command: OrganizationCommand,
    ) -> Result<Outcome, AppError> {
        let within = asking.within(organization, cx.actor().clone());
        self.app.execute::<Organization>(&within, organization, expected, command).await
    }

    /// Who has the address and the password.
    async fn known_user(
        &self,
        asking: &Asking,
        email: &fairlead_domain::values::Email,
        password: secrecy::SecretString,
    ) -> Result<Option<UserId>, AppError> {
        let (nobody, account) = (asking.as_nobody(), email.normalized());
        let address = asking.origin.address;
        self.attempts.admit(&account, address, std::time::Instant::now())?;
        let Some(id) = self.user_with(&nobody, email).await? else { return Ok(None) };
        let secrets = self.app.store.secrets(&nobody, id.into()).await?;
        let active = self.user(&nobody, id).await?.is_some_and(|user| user.state.is_active());
        if active && self.passwords.verify(secrets.text(PASSWORD), password).await? {
            return Ok(Some(id));
        }
        self.attempts.failed(&account, address, std::time::Instant::now());
        Ok(None)
    }

    async fn found_for(&self, asking: &Asking, owner: UserId, name: Label) -> Result<Founded, AppError> {
        let (organization, project) = (self.app.fresh::<OrganizationId>(), self.app.fresh::<ProjectId>());
        let cx = asking.within(organization, user_actor(owner));
        let first = ProjectCommand::Create { name: Label::new(FIRST_PROJECT)?, is_default: true };
        let profile = MembershipProfile { roles: BTreeSet::from([RoleRef::OWNER]), projects: None };
        let register = OrganizationCommand::Register { name, owner };
        let steps = [
            Step::new::<Organization>(&cx, organization, Expected::New, register),
            Step::new::<Project>(&cx, project, Expected::New, first),
            Step::new::<Membership>(&cx, owner, Expected::New, MembershipCommand::Join(profile)),
        ];
        self.app.execute_all(&cx, &steps).await?;
        Ok(Founded { organization, project, owner })
    }
}
