//! Who acts: organizations and their projects, the people in them, what they may do, and how they come in.

mod api_key;
mod membership;
mod organization;
mod project;
mod role;
mod role_ref;
mod session;
mod user;

pub use api_key::{ApiKey, ApiKeyCommand, ApiKeyError, ApiKeyEvent, ApiKeyProfile, PreviousGeneration};
pub use membership::{
    Membership, MembershipCommand, MembershipError, MembershipEvent, MembershipProfile, MembershipStanding,
};
pub use organization::{
    Organization, OrganizationCommand, OrganizationError, OrganizationEvent, OrganizationStatus, Suspension,
};
pub use project::{Project, ProjectCommand, ProjectError, ProjectEvent};
pub use role::{Role, RoleChange, RoleCommand, RoleError, RoleEvent, RoleProfile};
pub use role_ref::{BuiltInRole, RoleRef};
pub use session::{EndReason, Session, SessionCommand, SessionError, SessionEvent, SessionMethod, SessionStart};
pub use user::{Identity, Link, Totp, User, UserCommand, UserError, UserEvent};
