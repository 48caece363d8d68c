//! The domain: aggregates as data and pure functions.
//!
//! Nothing here reads a clock, draws a random number, awaits or touches a database. Contexts know each other only
//! through [`ids`] and the events they publish.

pub mod crm;
pub mod identity;
pub mod ids;
pub mod kernel;
pub mod values;

/// Hands every registered aggregate to the macro `$with`, as `$with!(Contact, …)`.
///
/// One line here is what makes a new aggregate known to the relay's routing and to the conformance suite.
#[macro_export]
macro_rules! for_each_aggregate {
    ($with:ident) => {
        $with!(
            $crate::crm::Contact,
            $crate::identity::Organization,
            $crate::identity::Project,
            $crate::identity::User,
            $crate::identity::Membership,
            $crate::identity::Role,
            $crate::identity::ApiKey,
            $crate::identity::Session,
            $crate::crm::Company,
            $crate::crm::Pipeline,
            $crate::crm::Deal,
            $crate::crm::Activity,
            $crate::crm::Comment,
            $crate::crm::CustomField,
            $crate::crm::ContactList,
        );
    };
}
