//! What can be asked of a user.

use chrono::{DateTime, Utc};

use crate::values::{Email, ExternalSubject, PersonName, Provider};

/// What can be asked of a user. Whoever commands has checked passwords and codes before; here is decided what follows.
#[derive(Clone)]
pub enum UserCommand {
    /// Make the person known by their own doing. Who was invited under the same address turns into a registered user.
    Register {
        /// Where the person is reached.
        email: Email,
        /// What the person is called.
        name: PersonName,
    },
    /// Make the person known by somebody else's doing: a place that waits for their registration.
    Invite {
        /// Where the person is reached.
        email: Email,
    },
    /// Call the person something else.
    Rename {
        /// The new name.
        name: PersonName,
    },
    /// Reach the person elsewhere. The new address has to be verified anew, and links sent to the old one are void.
    ChangeEmail {
        /// The new address.
        email: Email,
    },
    /// Send a link by which the address can be verified; an older one works no longer.
    RequestVerification {
        /// Until when it works.
        expires_at: DateTime<Utc>,
    },
    /// Verify the address by a link.
    VerifyEmail {
        /// The link's number.
        number: u32,
        /// When.
        at: DateTime<Utc>,
    },
    /// Take an address as verified that was proven in another way: an invitation that was received there, or a provider
    /// who vouches for it.
    ConfirmEmail {
        /// The address that was proven, which may not be the user's any more.
        email: Email,
    },
    /// Take note of a password, the first one or another. Sessions that began before are void.
    SetPassword {
        /// When.
        at: DateTime<Utc>,
    },
    /// Send a link by which the password can be set anew; an older one works no longer.
    RequestPasswordReset {
        /// Until when it works.
        expires_at: DateTime<Utc>,
    },
    /// Take note of a password that was set by a link, which verifies the address too, since it was received there.
    ResetPassword {
        /// The link's number.
        number: u32,
        /// When.
        at: DateTime<Utc>,
    },
    /// Begin to set up codes that change with time, with another secret than before.
    BeginTotp,
    /// Ask for codes from now on, since the person has shown one.
    EnableTotp {
        /// The time step of the code that was shown.
        step: i64,
        /// How many recovery codes there are.
        recovery_codes: u8,
    },
    /// Ask for codes no longer, or end setting them up.
    DisableTotp,
    /// Use a code up.
    UseTotp {
        /// The time step of the code.
        step: i64,
    },
    /// Use a recovery code up.
    UseRecoveryCode {
        /// Its place in the list: 0 is the first.
        index: u8,
    },
    /// Replace the recovery codes, used or not.
    RenewRecoveryCodes {
        /// How many there are.
        count: u8,
    },
    /// Let another system vouch for the person.
    LinkIdentity {
        /// Which system.
        provider: Provider,
        /// What it calls the person.
        subject: ExternalSubject,
    },
    /// Let it vouch no longer.
    UnlinkIdentity {
        /// Which system.
        provider: Provider,
        /// What it calls the person.
        subject: ExternalSubject,
    },
    /// Make all sessions void that began before.
    EndSessions {
        /// When.
        at: DateTime<Utc>,
    },
    /// Take out of use.
    Deactivate,
    /// Put to use again.
    Reactivate,
    /// Erase everything personal, for good.
    Erase,
}
