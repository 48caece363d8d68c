//! Roles that an organization defines. Nobody defines more than they have.

use std::collections::BTreeSet;

use fairlead_domain::{
    identity::{Role, RoleChange, RoleCommand, RoleError, RoleProfile, RoleRef},
    ids::RoleId,
    kernel::Invalid,
};

use super::{Identity, members::check_included, principals::defined_roles};
use crate::{AppError, Expected, Outcome, access::Authorized, identity::permissions::RolesWrite};

impl Identity {
    /// Defines a role.
    ///
    /// # Errors
    /// `role.name_taken`, `role.unknown`, `access.beyond_own` when it grants what the caller does not have.
    pub async fn define_role(&self, cx: &Authorized<RolesWrite>, profile: RoleProfile) -> Result<Outcome, AppError> {
        let id = self.app.fresh::<RoleId>();
        self.check_role(cx, id, &profile).await?;
        let command = RoleCommand::Define { id, profile: Box::new(profile) };
        self.app.execute::<Role>(cx, id, Expected::New, command).await
    }

    /// Changes a role.
    ///
    /// # Errors
    /// As [`Identity::define_role`]; also when the role grants by now what the caller does not have. `role.circular` when it
    /// would inherit from itself.
    pub async fn change_role(
        &self,
        cx: &Authorized<RolesWrite>,
        id: RoleId,
        expected: Expected,
        change: RoleChange,
    ) -> Result<Outcome, AppError> {
        let before = self.app.read::<Role>(&cx.on_behalf(), id).await?.ok_or(RoleError::NotFound)?.state;
        self.check_role(cx, id, &before.profile).await?;
        let mut after = before.profile;
        after.grants = change.grants.clone().unwrap_or(after.grants);
        after.inherits = change.inherits.clone().unwrap_or(after.inherits);
        self.check_role(cx, id, &after).await?;
        let command = RoleCommand::Change { id, change: Box::new(change) };
        self.app.execute::<Role>(cx, id, expected, command).await
    }

    /// Brings back a deleted role.
    ///
    /// # Errors
    /// As [`Identity::define_role`]; `role.not_found`.
    pub async fn restore_role(
        &self,
        cx: &Authorized<RolesWrite>,
        id: RoleId,
        expected: Expected,
    ) -> Result<Outcome, AppError> {
        let before = self.app.read::<Role>(&cx.on_behalf(), id).await?.ok_or(RoleError::NotFound)?.state;
        self.check_role(cx, id, &before.profile).await?;
        self.app.execute::<Role>(cx, id, expected, RoleCommand::Restore).await
    }

    async fn check_role(&self, cx: &Authorized<RolesWrite>, id: RoleId, profile: &RoleProfile) -> Result<(), AppError> {
        let within = cx.on_behalf();
        let inherited = defined_roles(&self.app, &within, &profile.inherits).await?;
        if inherited.contains_key(&id) || profile.inherits.contains(&RoleRef::Custom(id)) {
            return Err(Invalid::new("role.circular", "the role would inherit from itself").into());
        }
        let direct: BTreeSet<_> = profile.inherits.iter().copied().collect();
        let grants = self.grants_of(&within, &direct).await?;
        check_included(cx, grants.iter().chain(&profile.grants))
    }
}
