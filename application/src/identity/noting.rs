//! What is noted of signing in, since no event of an organization tells it.

use fairlead_domain::ids::{OrganizationId, SessionId, UserId};

use super::{AccessAction, AccessNote, Asking, Identity, NotePlace, service::ANONYMOUS, user_actor};
use crate::{Actor, AppError};

impl Identity {
    /// Notes that somebody signed in.
    pub(super) fn note_session(&self, asking: &Asking, user: UserId, organization: OrganizationId, session: SessionId) {
        let mut note = self.sign_in_note(asking, Some(user), AccessAction::SessionStarted);
        note.place = NotePlace::Organization(organization);
        note.resource.1 = Some(session.into());
        self.access_log.note(note);
    }

    /// Notes that somebody could not sign in: as who they said they were, if there is such a person.
    pub(super) fn note_refusal(&self, asking: &Asking, user: Option<UserId>, error: &AppError) {
        let refused = matches!(error, AppError::Unauthenticated { .. } | AppError::Refused { .. });
        let code = error.code();
        // Who has yet to send a code knew the password.
        if refused && code != "session.totp_required" {
            let mut note = self.sign_in_note(asking, user, AccessAction::SessionRefused);
            note.code = Some(code);
            self.access_log.note(note);
        }
    }

    fn sign_in_note(&self, asking: &Asking, user: Option<UserId>, action: AccessAction) -> AccessNote {
        AccessNote {
            id: self.app.fresh(),
            place: user.map_or(NotePlace::Organization(OrganizationId::DIRECTORY), NotePlace::OrganizationsOf),
            at: self.now(),
            correlation_id: asking.correlation_id,
            actor: user.map_or_else(|| Actor::new(ANONYMOUS), user_actor),
            action: Some(action),
            resource: (Some("session".to_owned()), None),
            permission: None,
            code: None,
            origin: asking.origin.clone(),
        }
    }
}
