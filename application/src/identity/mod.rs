//! Organizations, people, and access.

mod access_log;
mod attempts;
mod audit;
mod correspondence;
mod departures;
mod directory;
mod external;
mod factors;
mod keys;
mod letters;
mod mail;
mod members;
#[cfg(feature = "testing")]
pub mod memory;
mod noting;
pub mod oidc;
mod organizations;
mod passwords;
mod people;
mod permissions;
mod principals;
mod role_admin;
mod second_factor;
mod service;
mod sessions;
mod tickets;
pub mod tokens;
pub mod web;

pub use access_log::{AccessAction, AccessLog, AccessNote, AccessNotes, NotePlace};
pub use attempts::{Attempts, network};
pub use audit::{ActorKind, Audit, AuditEntry, AuditPort, AuditQuery, AuditRead};
pub use correspondence::{Correspondence, Request};
pub use directory::Directory;
pub use external::{Departure, ProviderSignIn, Return};
pub use factors::TotpSetup;
pub use keys::{IssuedKey, KnownApiKey};
pub use mail::{Letter, MailError, Mailer, Recipient};
pub use members::{Acceptance, Member};
pub use organizations::Founded;
pub use passwords::Passwords;
pub use people::{NewUser, OwnOrganization};
pub use permissions::{
    ApiKeysRead, ApiKeysWrite, MembershipsRead, MembershipsWrite, OrganizationsClose, OrganizationsExport,
    OrganizationsRead, OrganizationsWrite, ProfileRead, ProfileWrite, ProjectsRead, ProjectsWrite, RolesRead,
    RolesWrite, granted_by,
};
pub use principals::{KeyText, KeyUse, KeyUses, Principals, user_actor};
pub use service::{Asking, Identity, IdentityParts, IdentitySettings};
pub(crate) use sessions::myself;
pub use sessions::{SecondFactor, SignIn, SignedIn};
pub use tickets::{Purpose, Ticket, Tickets};
