//! Permissions, proven by type.
//!
//! A [`Context`] says who asks; only [`Context::authorize`] turns it into an [`Authorized<P>`], and commands and
//! queries demand that proof in their signatures. Forgetting a check does not compile.

use std::{marker::PhantomData, ops::Deref};

use fairlead_domain::{ids::OrganizationId, kernel::Aggregate};

use crate::{AppError, Context};

/// A right of the form `resource:action`.
pub trait Permission: Send + Sync + 'static {
    /// The right's name as it stands in tokens and in the `OpenAPI` document.
    const NAME: &'static str;
}

/// A permission under which commands of `A` may be issued.
pub trait Permits<A: Aggregate>: Permission {}

/// A permission under which the state of `A` may be read.
pub trait Reveals<A: Aggregate>: Permission {}

/// Resources that stand above organizations. Who may do everything in an organization may do nothing there: a grant has to
/// name such a resource, and `*` does not stand for it.
const ABOVE_ORGANIZATIONS: [&str; 1] = ["operator"];

/// Declares permissions: `permissions! { /// … \n ContactsWrite = "contacts:write", Permits<Contact>; }`. One that stands
/// above organizations says so in the place of the aggregate: `OperatorRead = "operator:read", AboveOrganizations;`.
macro_rules! permissions {
    (@right $name:ident, $text:literal, AboveOrganizations) => {
        const _: () = assert!(
            $crate::access::is_above_organizations($text),
            "a permission above organizations is named after one of their resources",
        );
    };
    (@right $name:ident, $text:literal, $right:ident<$aggregate:ty>) => {
        impl $crate::access::$right<$aggregate> for $name {}
        const _: () = assert!(
            $crate::access::concerns($text, <$aggregate as fairlead_domain::kernel::Aggregate>::PLURAL),
            "a permission is named after the aggregate's plural",
        );
        const _: () = assert!(
            !$crate::access::is_above_organizations($text),
            "an aggregate has another name than what stands above organizations",
        );
    };
    ($($(#[$doc:meta])* $name:ident = $text:literal, $right:ident $(<$aggregate:ty>)?;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;
        impl $crate::access::Permission for $name {
            const NAME: &'static str = $text;
        }
        $crate::access::permissions!(@right $name, $text, $right $(<$aggregate>)?);
    )+};
}
pub(crate) use permissions;

/// Whether a permission's resource is the aggregate of this plural. Asked by the compiler.
pub(crate) const fn concerns(permission: &str, plural: &str) -> bool {
    let (permission, plural) = (permission.as_bytes(), plural.as_bytes());
    let mut n = 0;
    while n < plural.len() {
        if n >= permission.len() || permission[n] != plural[n] {
            return false;
        }
        n += 1;
    }
    permission.len() > n && permission[n] == b':'
}

/// Whether a permission's resource stands above organizations. Asked by the compiler.
pub(crate) const fn is_above_organizations(permission: &str) -> bool {
    let mut n = 0;
    while n < ABOVE_ORGANIZATIONS.len() {
        if concerns(permission, ABOVE_ORGANIZATIONS[n]) {
            return true;
        }
        n += 1;
    }
    false
}

/// What a caller has been granted: names and patterns (`contacts:read`, `contacts:*`, `*:read`, `*:*`). What stands above
/// organizations is granted by its name alone (`operator:read`, `operator:*`), so that `*:*` means everything in one.
///
/// Whoever signs tokens decides what they grant: what signs them for users must not take over a scope that names
/// `operator`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// Reads grants separated by spaces, as in the `scope` claim (RFC 8693, section 4.2).
    pub fn parse(text: &str) -> Self {
        Self(text.split_ascii_whitespace().map(str::to_owned).collect())
    }

    /// Whether one of the grants covers the permission `resource:action`.
    pub fn grant(&self, permission: &str) -> bool {
        permission.split_once(':').is_some_and(|(resource, action)| {
            let by_wildcard = !ABOVE_ORGANIZATIONS.contains(&resource);
            self.0
                .iter()
                .filter_map(|scope| scope.split_once(':'))
                .any(|(r, a)| (r == resource || r == "*" && by_wildcard) && (a == action || a == "*"))
        })
    }
}

/// A context whose caller holds the permission `P`.
#[derive(Debug)]
pub struct Authorized<P> {
    pub(crate) context: Context,
    proof: PhantomData<fn() -> P>,
}

impl<P> Clone for Authorized<P> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), proof: PhantomData }
    }
}

impl<P> Deref for Authorized<P> {
    type Target = Context;
    fn deref(&self) -> &Context {
        &self.context
    }
}

/// What Fairlead itself may do on behalf of a policy or a consumer: everything, in one tenant, and nothing above it.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Permission for System {
    const NAME: &'static str = "*:*";
}
impl<A: Aggregate> Permits<A> for System {}
impl<A: Aggregate> Reveals<A> for System {}

impl Context {
    /// Checks that the caller holds `P`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], which names the permission.
    pub fn authorize<P: Permission>(self) -> Result<Authorized<P>, AppError> {
        if self.scopes.grant(P::NAME) {
            Ok(Authorized { context: self, proof: PhantomData })
        } else {
            Err(AppError::Forbidden { permission: P::NAME })
        }
    }

    /// The context of work that no caller asked for. `name` tells which policy or consumer acts: `policy:welcome`.
    pub fn system(tenant: OrganizationId, name: &str) -> Authorized<System> {
        let context = Self::new(tenant, crate::Actor::new(name), Scopes::parse(System::NAME));
        Authorized { context, proof: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::{Permission, Scopes, System, is_above_organizations};
    use crate::{
        Context,
        administration::{OperatorRead, OperatorWrite},
        ports::IdGenerator,
        registry::AGGREGATES,
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
            ("contact*:read", "contacts:read", false),
            ("*", "contacts:read", false),
            ("", "contacts:read", false),
        ] {
            assert_eq!(Scopes::parse(scopes).grant(permission), granted, "{scopes} for {permission}");
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
            let scopes = Scopes::parse(scopes);
            let granted = (scopes.grant(OperatorRead::NAME), scopes.grant(OperatorWrite::NAME));
            assert_eq!(granted, (read, write), "{scopes:?}");
        }
    }

    #[test]
    fn who_acts_for_fairlead_in_an_organization_is_no_operator() {
        let system = Context::system(crate::ports::System.next().into(), "policy:welcome");
        assert!(!system.scopes.grant(OperatorRead::NAME) && !system.scopes.grant(OperatorWrite::NAME));
        assert!(system.scopes.grant(System::NAME));
    }

    #[test]
    fn no_aggregate_stands_above_organizations() {
        assert!(is_above_organizations(OperatorRead::NAME) && is_above_organizations("operator:anything"));
        for name in ["operator", "operators:read", "contacts:operator", "", ":"] {
            assert!(!is_above_organizations(name), "{name}");
        }
        assert!(AGGREGATES.iter().all(|info| !is_above_organizations(&info.read_permission())));
    }
}
