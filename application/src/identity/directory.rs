//! What must be known before an organization is.

use async_trait::async_trait;
use fairlead_domain::ids::{OrganizationId, UserId};

use crate::AppError;

/// Port: looks across organizations, and tells ids only.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The organizations of which a user is a member, or into which one is invited.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    async fn organizations_of(&self, user: UserId) -> Result<Vec<OrganizationId>, AppError>;
}
