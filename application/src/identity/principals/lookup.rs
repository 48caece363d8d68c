//! Looking principals up in the records.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fairlead_domain::{
    identity::{ApiKey, Membership, Organization, OrganizationStatus, Role, RoleRef, Session, User},
    ids::{ApiKeyId, OrganizationId, ProjectId, RoleId, SessionId, UserId},
    values::{Grant, Over},
};
use uuid::Uuid;

use super::{ENDED, KnownKey, UNKNOWN_KEY, kept::Watch, key::kept_as};
use crate::{
    App, AppError, Context,
    access::{Access, Authorized, System},
    identity::permissions::{granted_by_all, granted_to_everybody},
};

/// How the actor is called that looks principals up. It changes nothing.
const ACTOR: &str = "access";
/// What may be done in an organization that is suspended, or closed: seeing that it is so; and what brings it back.
const WHILE_SUSPENDED: [&str; 1] = ["organizations:read"];
const WHILE_CLOSED: [&str; 3] = ["organizations:read", "organizations:close", "organizations:export"];

/// What was found about somebody.
pub(in crate::identity) struct Found {
    pub(super) access: Access,
    /// When the session ends by itself.
    pub(super) expires_at: Option<DateTime<Utc>>,
    /// The key, where it is one.
    pub(super) key: Option<KnownKey>,
}

/// Reads the records on which access depends.
#[derive(Clone)]
pub(super) struct Lookup(pub(super) App);

impl Lookup {
    /// A person who acts in an organization, in a session.
    pub(super) async fn session(
        &self,
        watch: &mut Watch<'_>,
        organization: OrganizationId,
        user: UserId,
        session: SessionId,
    ) -> Result<Found, AppError> {
        let directory = Context::system(OrganizationId::DIRECTORY, ACTOR);
        watch.on(stream(OrganizationId::DIRECTORY, user));
        watch.on(stream(OrganizationId::DIRECTORY, session));
        let session = self.0.read::<Session>(&directory, session).await?.ok_or(ENDED)?.state;
        let person = self.0.read::<User>(&directory, user).await?.ok_or(ENDED)?.state;
        let lives =
            session.user_id == user && session.ended.is_none() && person.honours_sessions_of(session.started_at);
        if !lives {
            return Err(ENDED);
        }
        let within = Context::system(organization, ACTOR);
        watch.on(stream(organization, user));
        let membership = self.0.read::<Membership>(&within, user).await?.map(|recorded| recorded.state);
        let Some(membership) = membership.filter(Membership::is_active) else {
            return Err(AppError::Unauthenticated {
                code: "session.no_member",
                detail: "you are no member of this organization; switch to another one, or sign in again",
            });
        };
        let grants = self.granted(watch, &within, &membership.profile.roles).await?;
        let grants = self.standing(watch, &within, organization, grants).await?;
        let grants = grants.into_iter().chain(granted_to_everybody());
        let access = Access::new(grants, Some(user), membership.profile.projects);
        Ok(Found { expires_at: Some(session.expires_at), ..Found::with(access) })
    }

    /// A key of an organization.
    pub(super) async fn key(
        &self,
        watch: &mut Watch<'_>,
        organization: OrganizationId,
        id: ApiKeyId,
    ) -> Result<Found, AppError> {
        if organization == OrganizationId::DIRECTORY {
            return Err(UNKNOWN_KEY);
        }
        let within = Context::system(organization, ACTOR);
        watch.on(stream(organization, id));
        let state = self.0.read::<ApiKey>(&within, id).await?.ok_or(UNKNOWN_KEY)?.state;
        let secrets = self.0.store.secrets(&within, id.into()).await?;
        let generations = [Some(state.generation), state.previous.map(|previous| previous.generation)];
        let hash = |generation: u32| {
            let kept = secrets.get(kept_as(generation)).and_then(|hash| <[u8; 32]>::try_from(hash).ok());
            kept.map(|hash| (generation, hash))
        };
        let hashes = generations.into_iter().flatten().filter_map(hash).collect();
        let own = state.profile.permissions.iter();
        let grants = own.map(|permission| Grant { permission: permission.clone(), over: Over::All });
        let grants = self.standing(watch, &within, organization, in_organizations(grants)).await?;
        let projects: Option<BTreeSet<ProjectId>> = state.profile.projects.clone();
        let access = Access::new(grants, None, projects);
        Ok(Found { key: Some(KnownKey { state, hashes }), ..Found::with(access) })
    }

    /// What roles grant.
    async fn granted(
        &self,
        watch: &mut Watch<'_>,
        within: &Authorized<System>,
        roles: &BTreeSet<RoleRef>,
    ) -> Result<Vec<Grant>, AppError> {
        let defined = self.defined(within, roles, |id| watch.on(stream(within.tenant(), id))).await?;
        Ok(in_organizations(granted_by_all(roles, &defined).into_iter()))
    }

    /// The roles that an organization defined, of those named and of those from which they inherit. `before` is told of each
    /// before it is read.
    pub(super) async fn defined(
        &self,
        within: &Authorized<System>,
        roles: &BTreeSet<RoleRef>,
        mut before: impl FnMut(RoleId),
    ) -> Result<BTreeMap<RoleId, Role>, AppError> {
        let (mut defined, mut seen) = (BTreeMap::new(), BTreeSet::new());
        let mut open: Vec<_> = roles.iter().copied().collect();
        while let Some(role) = open.pop() {
            if let RoleRef::Custom(id) = role
                && seen.insert(id)
            {
                before(id);
                if let Some(recorded) = self.0.read::<Role>(within, id).await? {
                    open.extend(recorded.state.profile.inherits.iter().copied());
                    defined.insert(id, recorded.state);
                }
            }
        }
        Ok(defined)
    }

    /// What of these grants holds while the organization stands as it does.
    async fn standing(
        &self,
        watch: &mut Watch<'_>,
        within: &Authorized<System>,
        organization: OrganizationId,
        grants: Vec<Grant>,
    ) -> Result<Vec<Grant>, AppError> {
        watch.on(stream(organization, organization));
        let read = self.0.read::<Organization>(within, organization).await?;
        let left: &[&str] = match read.map(|recorded| recorded.state.status()) {
            Some(OrganizationStatus::Active) => return Ok(grants),
            Some(OrganizationStatus::Suspended) => &WHILE_SUSPENDED,
            Some(OrganizationStatus::Closed) => &WHILE_CLOSED,
            Some(OrganizationStatus::Purged) | None => &[],
        };
        let held = Access::new(grants, None, None::<[ProjectId; 0]>);
        let grant = |name: &&str| {
            let permission = fairlead_domain::values::Permission::new(name).ok()?;
            Some(Grant { permission, over: Over::All })
        };
        Ok(left.iter().filter_map(grant).filter(|grant| held.includes(grant)).collect())
    }
}

/// What can be granted in an organization: nothing that stands above all of them.
fn in_organizations(grants: impl Iterator<Item = Grant>) -> Vec<Grant> {
    grants.filter(|grant| !crate::access::is_above_organizations(grant.permission.as_str())).collect()
}

fn stream(tenant: OrganizationId, id: impl Into<Uuid>) -> (Uuid, Uuid) {
    (tenant.into(), id.into())
}
