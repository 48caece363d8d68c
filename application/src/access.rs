//! Permissions, proven by type.
//!
//! A [`Context`] says who asks; only [`Context::authorize`] turns it into an [`Authorized<P>`], and commands and
//! queries demand that proof in their signatures. Forgetting a check does not compile. The proof carries over which records
//! the permission is held.

mod grants;
mod reach;

pub use grants::Access;
pub use reach::{Extent, Reach};

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
    begins(permission, plural) && permission.len() > plural.len() && permission.as_bytes()[plural.len()] == b':'
}

/// Whether a text begins with another. Asked by the compiler.
pub(crate) const fn begins(text: &str, beginning: &str) -> bool {
    let (text, beginning) = (text.as_bytes(), beginning.as_bytes());
    let mut n = 0;
    while n < beginning.len() {
        if n >= text.len() || text[n] != beginning[n] {
            return false;
        }
        n += 1;
    }
    true
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

/// A context whose caller holds the permission `P`.
#[derive(Debug)]
pub struct Authorized<P> {
    pub(crate) context: Context,
    reach: Reach,
    proof: PhantomData<fn() -> P>,
}

impl<P> Clone for Authorized<P> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), reach: self.reach.clone(), proof: PhantomData }
    }
}

impl<P> Deref for Authorized<P> {
    type Target = Context;
    fn deref(&self) -> &Context {
        &self.context
    }
}

impl<P> Authorized<P> {
    /// The same caller, for a use case that changes several aggregates under this one permission, and has looked after
    /// what that may bring about.
    pub(crate) fn on_behalf(&self) -> Authorized<System> {
        Authorized { context: self.context.clone(), reach: Reach::EVERYTHING, proof: PhantomData }
    }

    /// Over which records the permission is held.
    pub fn reach(&self) -> &Reach {
        &self.reach
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
    /// Checks that the caller holds `P`, over whatever records.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], which names the permission.
    pub fn authorize<P: Permission>(self) -> Result<Authorized<P>, AppError> {
        let reach = self.access.reach(P::NAME).ok_or(AppError::Forbidden { permission: P::NAME })?;
        Ok(Authorized { context: self, reach, proof: PhantomData })
    }

    /// Whether the caller holds one of these permissions, over whatever records.
    pub fn may_any(&self, permissions: &[&str]) -> bool {
        permissions.iter().any(|permission| self.access.grants(permission))
    }

    /// Whether the caller holds each of these permissions, over whatever records.
    pub fn may_all(&self, permissions: &[&str]) -> bool {
        permissions.iter().all(|permission| self.access.grants(permission))
    }

    /// The context of work that no caller asked for. `name` tells which policy or consumer acts: `policy:welcome`.
    pub fn system(tenant: OrganizationId, name: &str) -> Authorized<System> {
        let context = Self::new(tenant, crate::Actor::new(name), Access::parse(System::NAME));
        Authorized { context, reach: Reach::EVERYTHING, proof: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::{Permission, is_above_organizations};
    use crate::{administration::OperatorRead, registry::AGGREGATES};

    #[test]
    fn no_aggregate_stands_above_organizations() {
        assert!(is_above_organizations(OperatorRead::NAME) && is_above_organizations("operator:anything"));
        for name in ["operator", "operators:read", "contacts:operator", "", ":"] {
            assert!(!is_above_organizations(name), "{name}");
        }
        assert!(AGGREGATES.iter().all(|info| !is_above_organizations(&info.read_permission())));
    }
}
