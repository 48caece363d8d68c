//! Members: who is invited, joins, may do what, and leaves. Nobody passes on more than they have.

use std::collections::BTreeSet;

use chrono::Duration;
use fairlead_domain::{
    identity::{
        Membership, MembershipCommand, MembershipError, MembershipProfile, Organization, OrganizationCommand, Role,
        RoleRef, User, UserCommand, UserError,
    },
    ids::{OrganizationId, ProjectId, UserId},
    kernel::{ErrorKind, Invalid, Patch},
    values::{Email, Grant, PersonName},
};
use secrecy::SecretString;
use uuid::Uuid;

use super::{
    Asking, Identity, Purpose, permissions::granted_by_all, principals::defined_roles, service::PASSWORD, user_actor,
};
use crate::{
    AppError, Context, Expected, Outcome, Recorded, Step,
    access::{Authorized, System},
    identity::permissions::{MembershipsRead, MembershipsWrite},
};

/// How long an invitation holds.
const INVITATION: Duration = Duration::days(7);

/// A member, and who it is.
#[derive(Debug, Clone)]
pub struct Member {
    /// What they may do.
    pub membership: Recorded<Membership>,
    /// Who they are, as the directory knows them; `None` once they are erased.
    pub user: Option<User>,
}

/// Who accepts an invitation without having registered before.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The name.
    pub name: PersonName,
    /// The password.
    pub password: SecretString,
}

/// An invitation that holds.
pub(super) struct Invitation {
    pub(super) organization: OrganizationId,
    pub(super) user: UserId,
    owns: bool,
    accept: MembershipCommand,
}

impl Identity {
    /// Invites the holder of an address, or invites once more.
    ///
    /// # Errors
    /// `membership.already_active`, `access.beyond_own` when a role grants what the caller does not have.
    pub async fn invite(
        &self,
        asking: &Asking,
        cx: &Authorized<MembershipsWrite>,
        email: Email,
        profile: MembershipProfile,
    ) -> Result<Outcome, AppError> {
        self.check_passing_on(cx, &profile).await?;
        let invited_by = cx.access().user();
        let directory = asking.within(OrganizationId::DIRECTORY, cx.actor().clone());
        let user = match self.user_with(&directory, &email).await? {
            Some(user) => user,
            None => {
                let user = self.app.fresh::<UserId>();
                let invite = UserCommand::Invite { email: email.clone() };
                match self.app.execute::<User>(&directory, user, Expected::New, invite).await {
                    Ok(_) => user,
                    // Somebody else was quicker.
                    Err(error @ AppError::Taken { .. }) => self.user_with(&directory, &email).await?.ok_or(error)?,
                    Err(error) => return Err(error),
                }
            }
        };
        let command = MembershipCommand::Invite { profile, invited_by, expires_at: self.now() + INVITATION };
        self.app.execute::<Membership>(cx, user, Expected::Any, command).await
    }

    /// Accepts an invitation by the link that was sent. Who has not registered yet does so with it, and the address counts as
    /// verified.
    ///
    /// # Errors
    /// `ticket.invalid`, `membership.invitation_invalid`, `membership.invitation_expired`; `user.not_registered` when name
    /// and password are missing.
    pub async fn accept(
        &self,
        asking: &Asking,
        token: &str,
        acceptance: Option<Acceptance>,
    ) -> Result<(OrganizationId, Outcome), AppError> {
        let invitation = self.invitation(asking, token).await?;
        let organization = invitation.organization;
        self.registered_by_invitation(asking, invitation.user, acceptance).await?;
        Ok((organization, self.join(asking, invitation).await?))
    }

    /// The invitation of a link, once it is found to hold: nobody registers by one that does not.
    pub(super) async fn invitation(&self, asking: &Asking, token: &str) -> Result<Invitation, AppError> {
        let ticket = self.tickets.read(Purpose::AcceptInvitation, token)?;
        let (organization, user) = (ticket.tenant, UserId::from(ticket.record));
        let within = asking.within(organization, user_actor(user));
        let membership = self.app.read::<Membership>(&within, user).await?.ok_or(MembershipError::NotFound)?.state;
        let accept = MembershipCommand::Accept { number: ticket.number, at: self.now() };
        <Membership as fairlead_domain::kernel::Aggregate>::decide(Some(&membership), accept.clone())?;
        let owns = membership.profile.roles.contains(&RoleRef::OWNER);
        Ok(Invitation { organization, user, owns, accept })
    }

    /// Makes a member of who was invited.
    pub(super) async fn join(&self, asking: &Asking, invitation: Invitation) -> Result<Outcome, AppError> {
        let Invitation { organization, user, owns, accept } = invitation;
        let within = asking.within(organization, user_actor(user));
        let mut steps = vec![Step::new::<Membership>(&within, user, Expected::Any, accept)];
        if owns {
            steps.push(owner(&within, OrganizationCommand::AddOwner(user)));
        }
        Ok(first(self.app.execute_all(&within, &steps).await?))
    }

    async fn registered_by_invitation(
        &self,
        asking: &Asking,
        id: UserId,
        acceptance: Option<Acceptance>,
    ) -> Result<(), AppError> {
        let cx = asking.as_user(id);
        let user = self.user(&cx, id).await?.ok_or(UserError::NotFound)?.state;
        let email = user.email.known().cloned().ok_or(UserError::Erased)?;
        let mut commands = Vec::new();
        let mut secret = None;
        if user.name.is_none() {
            let Acceptance { name, password } = acceptance.ok_or(UserError::NotRegistered)?;
            secret = Some(self.hashed(password).await?);
            commands.push(UserCommand::Register { email: email.clone(), name });
            commands.push(UserCommand::SetPassword { at: self.now() });
        }
        // The link was received there.
        commands.push(UserCommand::ConfirmEmail { email });
        let steps: Vec<_> = commands
            .into_iter()
            .map(|command| {
                let sets = matches!(command, UserCommand::SetPassword { .. });
                let step = Step::new::<User>(&cx, id, Expected::Any, command);
                if sets { step.keeping(PASSWORD, secret.clone()) } else { step }
            })
            .collect();
        self.app.execute_all(&cx, &steps).await.map(drop)
    }

    /// Changes what a member may do.
    ///
    /// # Errors
    /// `access.beyond_own` when the member has, or is to have, what the caller does not have; `organization.last_owner`.
    pub async fn change_member(
        &self,
        cx: &Authorized<MembershipsWrite>,
        id: UserId,
        expected: Expected,
        roles: Option<BTreeSet<RoleRef>>,
        projects: Patch<BTreeSet<ProjectId>>,
    ) -> Result<Outcome, AppError> {
        let within = cx.on_behalf();
        let before = self.app.read::<Membership>(&within, id).await?.ok_or(MembershipError::NotFound)?.state;
        self.check_passing_on(cx, &before.profile).await?;
        let mut after = before.profile.clone();
        after.roles = roles.unwrap_or(after.roles);
        if let Patch::Set(projects) = projects {
            after.projects = projects;
        }
        self.check_passing_on(cx, &after).await?;
        let step = |command| Step::new::<Membership>(&within, id, expected, command);
        let mut steps = vec![
            step(MembershipCommand::ChangeRoles(after.roles.clone())),
            step(MembershipCommand::LimitToProjects(after.projects)),
        ];
        let owns = |roles: &BTreeSet<RoleRef>| before.is_active() && roles.contains(&RoleRef::OWNER);
        match (owns(&before.profile.roles), owns(&after.roles)) {
            (false, true) => steps.push(owner(&within, OrganizationCommand::AddOwner(id))),
            (true, false) => steps.push(owner(&within, OrganizationCommand::RemoveOwner(id))),
            _ => {}
        }
        // Of the steps on the membership, the second one has its final version.
        let mut outcome = self.app.execute_all(&within, &steps).await?;
        outcome.receipts.remove(0);
        Ok(first(outcome))
    }

    /// Takes somebody out of the organization. The last owner can't go.
    ///
    /// # Errors
    /// `access.beyond_own`, `organization.last_owner`, `membership.not_found`.
    pub async fn remove_member(
        &self,
        cx: &Authorized<MembershipsWrite>,
        id: UserId,
        expected: Expected,
    ) -> Result<Outcome, AppError> {
        let within = cx.on_behalf();
        let before = self.app.read::<Membership>(&within, id).await?.ok_or(MembershipError::NotFound)?.state;
        self.check_passing_on(cx, &before.profile).await?;
        let mut steps = vec![Step::new::<Membership>(&within, id, expected, MembershipCommand::Remove)];
        if before.is_active() && before.profile.roles.contains(&RoleRef::OWNER) {
            steps.push(owner(&within, OrganizationCommand::RemoveOwner(id)));
        }
        Ok(first(self.app.execute_all(&within, &steps).await?))
    }

    /// Members and those invited, in the order of their ids, and whether there are more. Who they are is always current.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    pub async fn members(
        &self,
        asking: &Asking,
        cx: &Authorized<MembershipsRead>,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<(Vec<Member>, bool), AppError> {
        let (memberships, more) = self.app.register::<Membership>(cx, None, after.map(Into::into), limit).await?;
        Ok((self.named(asking, cx, memberships).await?, more))
    }

    /// One member.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    pub async fn member(
        &self,
        asking: &Asking,
        cx: &Authorized<MembershipsRead>,
        id: UserId,
    ) -> Result<Option<Member>, AppError> {
        let Some(membership) = self.app.read::<Membership>(cx, id).await? else { return Ok(None) };
        Ok(self.named(asking, cx, vec![membership]).await?.pop())
    }

    async fn named(
        &self,
        asking: &Asking,
        cx: &Context,
        memberships: Vec<Recorded<Membership>>,
    ) -> Result<Vec<Member>, AppError> {
        let directory = asking.within(OrganizationId::DIRECTORY, cx.actor().clone());
        let ids: Vec<Uuid> = memberships.iter().map(|membership| membership.id).collect();
        let users = self.app.read_all::<User>(&directory, &ids).await?;
        let known = |id: Uuid| users.iter().find(|user| user.id == id).map(|user| user.state.clone());
        let named = memberships.into_iter().map(|membership| Member { user: known(membership.id), membership });
        Ok(named.collect())
    }

    /// Nobody passes on more than they have: neither permissions nor, where they are limited to projects, others.
    ///
    /// # Errors
    /// `access.beyond_own`; `membership.unknown_role` when there is no such role.
    pub(super) async fn check_passing_on(
        &self,
        cx: &Authorized<MembershipsWrite>,
        profile: &MembershipProfile,
    ) -> Result<(), AppError> {
        let grants = self.grants_of(&cx.on_behalf(), &profile.roles).await?;
        check_included(cx, &grants)?;
        check_projects(cx, profile.projects.as_ref())
    }

    /// What roles grant, all of which there must be.
    pub(super) async fn grants_of(
        &self,
        within: &Authorized<System>,
        roles: &BTreeSet<RoleRef>,
    ) -> Result<BTreeSet<Grant>, AppError> {
        let defined = defined_roles(&self.app, within, roles).await?;
        let is_there = |role: &RoleRef| match role {
            RoleRef::BuiltIn(_) => true,
            RoleRef::Custom(id) => defined.get(id).is_some_and(|role: &Role| !role.deleted),
        };
        if let Some(missing) = roles.iter().find(|role| !is_there(role)) {
            return Err(Invalid::new("role.unknown", format!("there is no role {missing}")).into());
        }
        Ok(granted_by_all(roles, &defined))
    }
}

/// # Errors
/// `access.beyond_own`
pub(super) fn check_included<'g>(cx: &Context, grants: impl IntoIterator<Item = &'g Grant>) -> Result<(), AppError> {
    match grants.into_iter().find(|grant| !cx.access().includes(grant)) {
        None => Ok(()),
        Some(grant) => Err(beyond(format!("you don't have {} yourself", grant.permission))),
    }
}

/// # Errors
/// `access.beyond_own`
pub(super) fn check_projects(cx: &Context, projects: Option<&BTreeSet<ProjectId>>) -> Result<(), AppError> {
    let Some(own) = cx.access().projects() else { return Ok(()) };
    let within = projects.is_some_and(|projects| projects.iter().all(|project| own.contains(project)));
    if within { Ok(()) } else { Err(beyond("you are limited to projects yourself".to_owned())) }
}

fn beyond(detail: String) -> AppError {
    AppError::Refused { kind: ErrorKind::Forbidden, code: "access.beyond_own", detail }
}

fn owner(within: &Authorized<System>, command: OrganizationCommand) -> Step {
    Step::new::<Organization>(within, within.tenant(), Expected::Any, command)
}

/// The receipt of the first step alone.
fn first(mut outcome: Outcome) -> Outcome {
    outcome.receipts.truncate(1);
    outcome
}
