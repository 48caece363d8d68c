//! What a caller was granted.

use std::sync::Arc;

use fairlead_domain::{
    ids::{ProjectId, UserId},
    values::{Grant, Over, Permission},
};

use super::{ABOVE_ORGANIZATIONS, Reach};

/// What a caller may do: names and patterns (`contacts:read`, `contacts:*`, `*:read`, `*:*`), each over all records, those of
/// the caller's projects, or own ones. Cheap to clone.
///
/// What stands above organizations is granted by its name alone (`operator:read`, `operator:*`) and over all, so that `*:*`
/// means everything in one organization. Whoever signs tokens decides what they grant: what signs them for users must not take
/// over a scope that names `operator`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    grants: Arc<[Grant]>,
    user: Option<UserId>,
    projects: Option<Arc<[ProjectId]>>,
}

impl Access {
    /// What these grants come to for `user`, who is limited to `projects`. Without a user, grants over own records come to
    /// nothing; without a limit, those over projects reach everything that belongs to somebody or to a project.
    pub fn new(
        grants: impl IntoIterator<Item = Grant>,
        user: Option<UserId>,
        projects: Option<impl IntoIterator<Item = ProjectId>>,
    ) -> Self {
        let projects = projects.map(|projects| {
            let mut projects: Vec<_> = projects.into_iter().collect();
            projects.sort_unstable();
            projects.into()
        });
        Self { grants: grants.into_iter().collect(), user, projects }
    }

    /// Reads grants over all records, separated by spaces, as in the `scope` claim (RFC 8693, section 4.2). What is no
    /// permission there grants nothing: a scope may hold words for others.
    pub fn parse(text: &str) -> Self {
        let permissions = text.split_ascii_whitespace().filter_map(|word| Permission::new(word).ok());
        let grants = permissions.map(|permission| Grant { permission, over: Over::All });
        Self { grants: grants.collect(), user: None, projects: None }
    }

    /// Over which records the permission `resource:action` is granted; `None` when it is not. Several grants add up: the
    /// widest counts.
    pub fn reach(&self, permission: &str) -> Option<Reach> {
        let (resource, action) = permission.split_once(':')?;
        let above = ABOVE_ORGANIZATIONS.contains(&resource);
        let by_name = |grant: &&Grant| !above || grant.permission.resource() == resource && grant.over == Over::All;
        let grants = self.grants.iter().filter(|grant| grant.permission.covers(resource, action)).filter(by_name);
        // The widest comes first in their order.
        let over = grants.map(|grant| grant.over).min()?;
        Reach::of(over, self.user, self.projects.as_ref())
    }

    /// Whether the permission `resource:action` is granted, over whatever.
    pub fn grants(&self, permission: &str) -> bool {
        self.reach(permission).is_some()
    }

    /// Whether everything that a grant stands for was granted to the caller too: nobody passes on more than they have.
    pub fn includes(&self, wanted: &Grant) -> bool {
        let stands_for = |part: &str, other: &str| part == "*" || part == other;
        self.grants.iter().any(|held| {
            let (resource, action) = (held.permission.resource(), held.permission.action());
            let above = ABOVE_ORGANIZATIONS.contains(&wanted.permission.resource());
            (stands_for(resource, wanted.permission.resource()) && (!above || resource != "*"))
                && stands_for(action, wanted.permission.action())
                && held.over <= wanted.over
        })
    }

    /// The user who asks, if it is one.
    pub fn user(&self) -> Option<UserId> {
        self.user
    }

    /// The projects to which the caller is limited, in ascending order.
    pub fn projects(&self) -> Option<&[ProjectId]> {
        self.projects.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use fairlead_domain::kernel::Belonging;
    use uuid::Uuid;

    use super::*;
    use crate::{
        Context,
        access::{Permission as _, System},
        administration::{OperatorRead, OperatorWrite},
        ports::IdGenerator,
    };

    #[test]
    fn wildcards_cover_whole_parts_only() {
        for (scopes, permission, granted) in [
            ("contacts:read", "contacts:read", true),
            ("contacts:read", "contacts:write", false),
            ("contacts:*", "contacts:write", true),
            ("*:read", "contacts:read", true),
            ("*:read", "contacts:write", false),
            ("*:*", "anything:else", true),
            ("deals:read contacts:read", "contacts:read", true),
            ("openid e-mail:read contacts:read", "contacts:read", true),
            ("contact*:read", "contacts:read", false),
            ("*", "contacts:read", false),
            ("", "contacts:read", false),
        ] {
            assert_eq!(Access::parse(scopes).grants(permission), granted, "{scopes} for {permission}");
        }
    }

    #[test]
    fn what_stands_above_organizations_is_granted_by_its_name_alone() {
        for (scopes, read, write) in [
            ("operator:read", true, false),
            ("operator:write", false, true),
            ("operator:*", true, true),
            ("*:* operator:read", true, false),
            ("*:*", false, false),
            ("*:read", false, false),
            ("*:write", false, false),
            ("*:* *:read *:write contacts:*", false, false),
            ("subscriptions:*", false, false),
            ("operators:*", false, false),
            ("operator*:*", false, false),
            ("Operator:*", false, false),
            ("operator", false, false),
            ("operator: operator::read", false, false),
            ("*", false, false),
            (":", false, false),
        ] {
            let access = Access::parse(scopes);
            let granted = (access.grants(OperatorRead::NAME), access.grants(OperatorWrite::NAME));
            assert_eq!(granted, (read, write), "{scopes:?}");
        }
        let user = Some(Uuid::from_u128(1).into());
        let own = Access::new([grant("operator:*", Over::Own), grant("operator:*", Over::Projects)], user, NO_LIMIT);
        assert!(!own.grants(OperatorRead::NAME), "there is nothing of one's own there");
    }

    #[test]
    fn who_acts_for_fairlead_in_an_organization_is_no_operator() {
        let system = Context::system(crate::ports::System.next().into(), "policy:welcome");
        assert!(!system.access.grants(OperatorRead::NAME) && !system.access.grants(OperatorWrite::NAME));
        assert!(system.access.grants(System::NAME));
    }

    const NO_LIMIT: Option<[ProjectId; 0]> = None;

    fn grant(permission: &str, over: Over) -> Grant {
        Grant { permission: Permission::new(permission).unwrap(), over }
    }

    #[test]
    fn the_widest_grant_counts() {
        let user: UserId = Uuid::from_u128(1).into();
        let grants = [
            grant("*:read", Over::Own),
            grant("contacts:read", Over::All),
            grant("deals:*", Over::Projects),
            grant("deals:erase", Over::Own),
        ];
        let access = Access::new(grants.clone(), Some(user), NO_LIMIT);
        let (own, others) = (Belonging { owner_id: Some(user), project_id: None }, Belonging::default());
        let covers = |permission: &str, belonging| access.reach(permission).map(|reach| reach.covers(belonging));
        for (permission, expected) in [
            ("contacts:read", [Some(true), Some(true), Some(true)]),
            ("deals:read", [Some(true), Some(true), Some(false)]),
            ("deals:erase", [Some(true), Some(true), Some(false)]),
            ("notes:read", [Some(true), Some(false), Some(false)]),
            ("notes:write", [None, None, None]),
        ] {
            let found = [Some(own), Some(others), None].map(|belonging| covers(permission, belonging));
            assert_eq!(found, expected, "{permission}");
        }
        let nobody = Access::new(grants, None, NO_LIMIT);
        assert!(nobody.grants("deals:read") && !nobody.grants("notes:read"), "who is no user owns nothing");
    }

    #[test]
    fn nobody_passes_on_more_than_they_have() {
        let held = [grant("contacts:*", Over::All), grant("*:read", Over::Projects), grant("operator:read", Over::All)];
        let access = Access::new(held, None, NO_LIMIT);
        for (wanted, over, included) in [
            ("contacts:write", Over::All, true),
            ("contacts:*", Over::Own, true),
            ("contacts:read", Over::All, true),
            ("deals:read", Over::Own, true),
            ("deals:read", Over::All, false),
            ("deals:write", Over::Own, false),
            ("*:read", Over::Projects, true),
            ("*:*", Over::Own, false),
            ("operator:read", Over::All, true),
            ("operator:write", Over::All, false),
        ] {
            assert_eq!(access.includes(&grant(wanted, over)), included, "{wanted} over {over:?}");
        }
        let owner = Access::parse("*:*");
        assert!(owner.includes(&grant("*:*", Over::All)) && !owner.includes(&grant("operator:read", Over::All)));
    }

    #[test]
    fn the_limit_may_come_in_any_order() {
        let [first, second] = [1, 2].map(|n| ProjectId::from(Uuid::from_u128(n)));
        let access = Access::new([grant("*:*", Over::All)], None, Some([second, first]));
        assert_eq!(access.projects(), Some(&[first, second][..]));
        for project in [first, second] {
            let belonging = Belonging { owner_id: None, project_id: Some(project) };
            assert!(access.reach("contacts:read").unwrap().covers(Some(belonging)));
        }
    }
}
