//! Tickets: what is handed to somebody so that they can come back with it, once: a link in a mail, a refresh token.
//!
//! A ticket names a record and a number that the record's state has, and is signed with the installation's secret. So nothing
//! secret is stored or published for it, and whoever knows the secret and the event can write the same ticket again, such as
//! the consumer that sends the mail. That it holds once is the state's business: the number counts on.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use fairlead_domain::{ids::OrganizationId, kernel::Invalid};
use secrecy::{SecretSlice, SecretString};
use uuid::Uuid;

use crate::signing::Signer;

/// What a ticket is for. None stands in for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To show that an address is one's own: `user.verification_requested`.
    VerifyEmail,
    /// To choose a new password: `user.password_reset_requested`.
    ResetPassword,
    /// To join an organization: `membership.invited`.
    AcceptInvitation,
    /// To go on with a session.
    Refresh,
}

impl Purpose {
    fn name(self) -> &'static [u8] {
        match self {
            Self::VerifyEmail => b"verify e-mail",
            Self::ResetPassword => b"reset password",
            Self::AcceptInvitation => b"accept invitation",
            Self::Refresh => b"refresh",
        }
    }
}

/// What a ticket names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The tenant of the record.
    pub tenant: OrganizationId,
    /// The record: a user, a membership, a session.
    pub record: Uuid,
    /// The number that the record's state must have.
    pub number: u32,
}

/// Bytes of a ticket's payload: tenant, record, number.
const PAYLOAD: usize = 16 + 16 + 4;
/// Bytes of the signature.
const SIGNATURE: usize = 32;

/// Writes tickets, and reads them.
#[derive(Clone)]
pub struct Tickets(Signer);

impl Tickets {
    /// Tickets of the installation with this secret.
    pub fn new(secret: &SecretSlice<u8>) -> Self {
        Self(Signer::new(secret, "tickets"))
    }

    /// The ticket as text: 91 characters that need no escape in a URL.
    pub fn write(&self, purpose: Purpose, ticket: &Ticket) -> SecretString {
        let payload = payload(ticket);
        let signature = self.0.sign(&[purpose.name(), &payload]);
        BASE64_URL_SAFE_NO_PAD.encode([&payload[..], &signature].concat()).into()
    }

    /// What a ticket names.
    ///
    /// # Errors
    /// `ticket.invalid` when it is none of ours, or for another purpose.
    pub fn read(&self, purpose: Purpose, text: &str) -> Result<Ticket, Invalid> {
        let invalid = || Invalid::new("ticket.invalid", "this was not issued here, or for something else");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let (payload, signature) = bytes.split_first_chunk::<PAYLOAD>().ok_or_else(invalid)?;
        let signature = <&[u8; SIGNATURE]>::try_from(signature).map_err(|_| invalid())?;
        if !self.0.verify(&[purpose.name(), payload], signature) {
            return Err(invalid());
        }
        let (tenant, rest) = payload.split_first_chunk::<16>().ok_or_else(invalid)?;
        let (record, number) = rest.split_first_chunk::<16>().ok_or_else(invalid)?;
        Ok(Ticket {
            tenant: Uuid::from_bytes(*tenant).into(),
            record: Uuid::from_bytes(*record),
            number: u32::from_be_bytes(number.try_into().map_err(|_| invalid())?),
        })
    }
}

fn payload(ticket: &Ticket) -> [u8; PAYLOAD] {
    let mut payload = [0; PAYLOAD];
    payload[..16].copy_from_slice(Uuid::from(ticket.tenant).as_bytes());
    payload[16..32].copy_from_slice(ticket.record.as_bytes());
    payload[32..].copy_from_slice(&ticket.number.to_be_bytes());
    payload
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_ticket_is_read_as_it_was_written_and_for_its_purpose_alone() {
        let tickets = Tickets::new(&vec![7; 32].into());
        let ticket = Ticket { tenant: Uuid::from_u128(1).into(), record: Uuid::from_u128(2), number: 3 };
        let text = tickets.write(Purpose::ResetPassword, &ticket);
        let text = text.expose_secret();
        assert_eq!(text.len(), 91);
        assert_eq!(tickets.read(Purpose::ResetPassword, text), Ok(ticket));
        assert!(tickets.read(Purpose::VerifyEmail, text).is_err());
        assert!(Tickets::new(&vec![8; 32].into()).read(Purpose::ResetPassword, text).is_err());
        for other in [format!("A{}", &text[1..]), text[..90].to_owned(), String::new(), "é".to_owned()] {
            assert!(other == text || tickets.read(Purpose::ResetPassword, &other).is_err(), "{other}");
        }
    }
}
