//! Which letter an event asks for. What is sent is what holds when it is sent: where the record has moved on, nothing is.

use chrono::{DateTime, Utc};
use fairlead_domain::{
    identity::{Link, Membership, MembershipStanding, Organization, OrganizationStatus, User},
    ids::{OrganizationId, UserId},
    kernel::Personal,
    values::PersonName,
};
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::{Letter, Purpose, Recipient, Ticket, Tickets, letters::Wording};
use crate::{App, AppError, Context};

/// In whose name records are read.
const ACTOR: &str = "consumer:identity.mail";

/// Writes the letters that events ask for.
#[derive(Clone)]
pub struct Correspondence {
    app: App,
    tickets: Tickets,
    app_url: String,
}

/// What asks for a letter: the event, its stream, and what it is about.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// The event.
    pub event: Uuid,
    /// When it occurred.
    pub occurred_at: DateTime<Utc>,
    /// Its tenant: the directory, or the organization that invites.
    pub tenant: OrganizationId,
    /// Its stream, which is named after the user.
    pub user: UserId,
    /// What it is about.
    pub purpose: Purpose,
    /// The number of the link.
    pub number: u32,
}

impl Correspondence {
    /// Writes links to the web client at this address, such as `https://app.example.com`.
    pub fn new(app: App, tickets: Tickets, app_url: &str) -> Self {
        Self { app, tickets, app_url: app_url.trim_end_matches('/').to_owned() }
    }

    /// The letter that is asked for; `None` where it would be void: a newer one was asked for, its link has expired or was
    /// used, the person or the organization is gone.
    ///
    /// # Errors
    /// [`AppError`] where a record can't be read.
    pub async fn letter(&self, request: &Request) -> Result<Option<Letter>, AppError> {
        let Some(user) = self.user(request.user).await? else { return Ok(None) };
        let (wording, path) = match request.purpose {
            Purpose::AcceptInvitation => (self.invitation(request).await?, "accept-invitation"),
            _ if request.tenant != OrganizationId::DIRECTORY || !user.is_active() => return Ok(None),
            Purpose::VerifyEmail if user.email_verified => return Ok(None),
            Purpose::VerifyEmail => {
                (self.open(user.verification, request.number).map(Wording::verification), "verify-email")
            }
            Purpose::ResetPassword => {
                (self.open(user.reset, request.number).map(Wording::password_reset), "reset-password")
            }
            Purpose::Refresh => return Ok(None),
        };
        let (Some(wording), Some(address)) = (wording, user.email.known()) else { return Ok(None) };
        let ticket = Ticket { tenant: request.tenant, record: request.user.into(), number: request.number };
        let token = self.tickets.write(request.purpose, &ticket);
        let link = format!("{}/{path}?token={}", self.app_url, token.expose_secret());
        let name = known(&user);
        Ok(Some(Letter {
            message_id: request.event,
            asked_at: request.occurred_at,
            text: wording.text(name.map(PersonName::as_str), &link),
            html: wording.html(name.map(PersonName::as_str), &link),
            subject: wording.subject,
            to: Recipient { address: address.clone(), name: name.cloned() },
        }))
    }

    /// What an invitation says, while it can be accepted.
    async fn invitation(&self, request: &Request) -> Result<Option<Wording>, AppError> {
        let cx = Context::system(request.tenant, ACTOR);
        let Some(membership) = self.app.read::<Membership>(&cx, request.user).await? else { return Ok(None) };
        let Membership { standing, invitations, invited_by, .. } = membership.state;
        let expires_at = match standing {
            MembershipStanding::Invited { expires_at } if invitations == request.number => expires_at,
            MembershipStanding::Invited { .. } | MembershipStanding::Active | MembershipStanding::Removed => {
                return Ok(None);
            }
        };
        let organization = self.app.read::<Organization>(&cx, request.tenant).await?;
        let organization = organization.filter(|found| found.state.status() == OrganizationStatus::Active);
        let Some(organization) = organization.filter(|_| self.is_to_come(expires_at)) else { return Ok(None) };
        let inviter = match invited_by {
            Some(inviter) => self.user(inviter).await?,
            None => None,
        };
        let inviter = inviter.as_ref().and_then(known).map(PersonName::as_str);
        Ok(Some(Wording::invitation(organization.state.name.as_str(), inviter, expires_at)))
    }

    /// Somebody of the directory who was neither erased nor taken out of use.
    async fn user(&self, id: UserId) -> Result<Option<User>, AppError> {
        let cx = Context::system(OrganizationId::DIRECTORY, ACTOR);
        let user = self.app.read::<User>(&cx, id).await?.map(|user| user.state);
        Ok(user.filter(|user| !user.erased && !user.deactivated))
    }

    /// Until when the link of this number works, if it still does.
    fn open(&self, link: Link, number: u32) -> Option<DateTime<Utc>> {
        link.expires_at.filter(|expires_at| link.number == number && self.is_to_come(*expires_at))
    }

    fn is_to_come(&self, at: DateTime<Utc>) -> bool {
        at > self.app.clock.now()
    }
}

fn known(user: &User) -> Option<&PersonName> {
    user.name.as_ref().and_then(Personal::known)
}
