//! Why a command on a user is refused.

use super::{MAX_IDENTITIES, MAX_RECOVERY_CODES};
use crate::kernel::{DomainError, ErrorKind};

/// Why a command on a user is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// There is none with this id.
    #[error("there is no such user")]
    NotFound,
    /// The id is in use.
    #[error("the user exists already")]
    AlreadyExists,
    /// Somebody asked the person in, who has not come yet.
    #[error("the user was invited, and has not registered yet")]
    NotRegistered,
    /// The user was taken out of use.
    #[error("the user is deactivated")]
    Deactivated,
    /// The user was erased; nothing brings them back.
    #[error("the user was erased, for good")]
    Erased,
    /// Another address than the one in question is the user's.
    #[error("the address is not the user's, or not any more")]
    EmailDiffers,
    /// A newer link was sent, it was used, or never was one.
    #[error("the link is not valid, or not any more")]
    LinkInvalid,
    /// It was used too late.
    #[error("the link has expired; ask for another one")]
    LinkExpired,
    /// There is a second factor in use.
    #[error("two-factor authentication is on; turn it off first")]
    TotpEnabled,
    /// There is no second factor being set up.
    #[error("two-factor authentication was not begun")]
    TotpNotBegun,
    /// There is no second factor in use.
    #[error("two-factor authentication is off")]
    TotpNotEnabled,
    /// Each code works once, and none before it any more.
    #[error("the code was used before; wait for the next one")]
    TotpReused,
    /// Each recovery code works once.
    #[error("the recovery code was used before")]
    RecoveryCodeUsed,
    /// No recovery code at all, or too many.
    #[error("a user has 1 to {MAX_RECOVERY_CODES} recovery codes")]
    RecoveryCodesInvalid,
    /// More identities than a user can be linked to.
    #[error("a user is linked to {MAX_IDENTITIES} identities at most")]
    TooManyIdentities,
    /// Without it nobody could sign in as the user.
    #[error("this is the only way to sign in; choose a password first")]
    LastWayIn,
}

impl DomainError for UserError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists
            | Self::NotRegistered
            | Self::Deactivated
            | Self::Erased
            | Self::EmailDiffers
            | Self::LinkInvalid
            | Self::LinkExpired
            | Self::TotpEnabled
            | Self::TotpNotBegun
            | Self::TotpNotEnabled
            | Self::TotpReused
            | Self::LastWayIn
            | Self::RecoveryCodeUsed => ErrorKind::Conflict,
            Self::RecoveryCodesInvalid | Self::TooManyIdentities => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "user.not_found",
            Self::AlreadyExists => "user.already_exists",
            Self::NotRegistered => "user.not_registered",
            Self::Deactivated => "user.deactivated",
            Self::Erased => "user.erased",
            Self::EmailDiffers => "user.email_differs",
            Self::LinkInvalid => "user.link_invalid",
            Self::LinkExpired => "user.link_expired",
            Self::TotpEnabled => "user.totp_enabled",
            Self::TotpNotBegun => "user.totp_not_begun",
            Self::TotpNotEnabled => "user.totp_not_enabled",
            Self::TotpReused => "user.totp_reused",
            Self::RecoveryCodeUsed => "user.recovery_code_used",
            Self::RecoveryCodesInvalid => "user.recovery_codes_invalid",
            Self::TooManyIdentities => "user.too_many_identities",
            Self::LastWayIn => "user.last_way_in",
        }
    }
}
