//! What may be done with organizations and access, and what the built-in roles grant.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_domain::{
    identity::{ApiKey, BuiltInRole, Membership, Organization, Project, Role, RoleRef},
    ids::RoleId,
    values::{Grant, Over, Permission as Pattern},
};

use crate::{access::permissions, registry::AGGREGATES};

permissions! {
    /// Read what the organization is called and how it stands.
    OrganizationsRead = "organizations:read", Reveals<Organization>;
    /// Rename the organization.
    OrganizationsWrite = "organizations:write", Permits<Organization>;
    /// Close the organization, and reopen it.
    OrganizationsClose = "organizations:close", Permits<Organization>;
    /// Take out everything that the organization has.
    OrganizationsExport = "organizations:export", Reveals<Organization>;
    /// Read projects.
    ProjectsRead = "projects:read", Reveals<Project>;
    /// Create, rename, archive and restore projects.
    ProjectsWrite = "projects:write", Permits<Project>;
    /// Read who is a member, and as what.
    MembershipsRead = "memberships:read", Reveals<Membership>;
    /// Invite and remove members, and change what they may do.
    MembershipsWrite = "memberships:write", Permits<Membership>;
    /// Read roles.
    RolesRead = "roles:read", Reveals<Role>;
    /// Define, change, delete and restore roles.
    RolesWrite = "roles:write", Permits<Role>;
    /// Read API keys, but for their secrets.
    ApiKeysRead = "api_keys:read", Reveals<ApiKey>;
    /// Issue, rotate, rename and revoke API keys.
    ApiKeysWrite = "api_keys:write", Permits<ApiKey>;
}

/// Declares what every person who signed in may do with what is their own alone.
macro_rules! own {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;
        impl crate::access::Permission for $name {
            const NAME: &'static str = $text;
        })+
        /// What everybody may do who signed in.
        const EVERYBODYS: &[&str] = &[$($text),+];
    };
}
own! {
    /// Read one's own profile and sessions.
    ProfileRead = "profile:read";
    /// Change one's own profile, password and second factor, and end one's sessions.
    ProfileWrite = "profile:write";
}

/// The context whose aggregates are about access itself.
const CONTEXT: &str = "identity";
/// What of access itself everybody may read who works in an organization.
const READ_BY_ALL: &[&str] =
    &["organizations:read", "projects:read", "memberships:read", "roles:read", "events:read", "search:read"];
/// What of access itself an administrator may do: everything but closing the organization and making owners.
const ADMINISTERED: &[&str] = &[
    "organizations:read",
    "organizations:write",
    "organizations:export",
    "projects:*",
    "memberships:*",
    "roles:*",
    "api_keys:*",
    "events:*",
    "search:*",
    "audit:*",
];

/// What a built-in role grants, all of it over all records.
pub fn granted_by(role: BuiltInRole) -> BTreeSet<Grant> {
    let records = |actions: &'static [&'static str]| {
        let plurals = AGGREGATES.iter().filter(|info| info.context != CONTEXT).map(|info| info.plural);
        plurals.flat_map(move |plural| actions.iter().map(move |action| format!("{plural}:{action}")))
    };
    let named = |names: &'static [&'static str]| names.iter().map(|name| (*name).to_owned());
    let texts: Vec<String> = match role {
        BuiltInRole::Owner => vec!["*:*".to_owned()],
        BuiltInRole::Admin => records(&["*"]).chain(named(ADMINISTERED)).collect(),
        BuiltInRole::Editor => records(&["read", "write"]).chain(named(READ_BY_ALL)).collect(),
        BuiltInRole::Viewer => records(&["read"]).chain(named(READ_BY_ALL)).collect(),
    };
    granted(texts.iter().map(String::as_str)).collect()
}

/// What everybody may do who signed in.
pub(super) fn granted_to_everybody() -> impl Iterator<Item = Grant> {
    granted(EVERYBODYS.iter().copied())
}

fn granted<'t>(texts: impl Iterator<Item = &'t str>) -> impl Iterator<Item = Grant> {
    texts.filter_map(|text| Some(Grant { permission: Pattern::new(text).ok()?, over: Over::All }))
}

/// What roles grant together, those included from which they inherit. A role that is not among those defined grants nothing.
pub(super) fn granted_by_all(roles: &BTreeSet<RoleRef>, defined: &BTreeMap<RoleId, Role>) -> BTreeSet<Grant> {
    let (mut grants, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut open: Vec<_> = roles.iter().copied().collect();
    while let Some(role) = open.pop() {
        if !seen.insert(role) {
            continue;
        }
        match role {
            RoleRef::BuiltIn(role) => grants.extend(granted_by(role)),
            RoleRef::Custom(id) => {
                if let Some(role) = defined.get(&id).filter(|role| !role.deleted) {
                    grants.extend(role.profile.grants.iter().cloned());
                    open.extend(role.profile.inherits.iter().copied());
                }
            }
        }
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;

    #[test]
    fn each_built_in_role_may_do_what_it_is_for() {
        const NO_LIMIT: Option<[fairlead_domain::ids::ProjectId; 0]> = None;
        for (permission, expected) in [
            ("contacts:read", [true, true, true, true]),
            ("contacts:write", [true, true, true, false]),
            ("contacts:erase", [true, true, false, false]),
            ("roles:read", [true, true, true, true]),
            ("roles:write", [true, true, false, false]),
            ("api_keys:read", [true, true, false, false]),
            ("audit:read", [true, true, false, false]),
            ("events:read", [true, true, true, true]),
            ("search:read", [true, true, true, true]),
            ("organizations:close", [true, false, false, false]),
            ("operator:read", [false; 4]),
        ] {
            let may = BuiltInRole::ALL.map(|role| Access::new(granted_by(role), None, NO_LIMIT).grants(permission));
            assert_eq!(may, expected, "{permission} of owner, admin, editor, viewer");
        }
    }
}
