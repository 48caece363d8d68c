//! What is noted about requests, for the audit log.

use actix_web::{
    HttpMessage, HttpRequest,
    http::{Method, StatusCode},
};
use fairlead_application::{
    Actor, Context,
    access::Permission,
    identity::{AccessAction, AccessNote, NotePlace},
    registry::AGGREGATES,
};
use fairlead_domain::ids::OrganizationId;
use uuid::Uuid;

use super::{Gate, RequestId, origin::origin};

/// Who asks, and for what.
#[derive(Clone)]
struct Asked {
    organization: OrganizationId,
    actor: Actor,
    permission: &'static str,
}

/// Remembers with a request who asks under which permission.
pub(super) fn asks<P: Permission>(request: &HttpRequest, cx: &Context) {
    let asked = Asked { organization: cx.tenant(), actor: cx.actor().clone(), permission: P::NAME };
    request.extensions_mut().insert(asked);
}

impl Gate {
    /// Notes a request that was answered: a command that went well, or anything that its caller may not do. What nobody is
    /// known to have asked is not noted.
    pub(crate) fn note(&self, id: Uuid, request: &HttpRequest, status: StatusCode, code: Option<String>) {
        let Some(asked) = request.extensions().get::<Asked>().cloned() else { return };
        let refused = status == StatusCode::FORBIDDEN;
        if !refused && (*request.method() == Method::GET || !status.is_success()) {
            return;
        }
        let kind = asked.permission.split_once(':').map_or(asked.permission, |(plural, _)| plural);
        let kind = AGGREGATES.iter().find(|info| info.plural == kind).map_or(kind, |info| info.name);
        let record = request.match_info().get("id").and_then(|id| id.parse().ok());
        self.access_log.note(AccessNote {
            id,
            place: NotePlace::Organization(asked.organization),
            at: self.clock.now(),
            correlation_id: request.extensions().get::<RequestId>().map(|id| id.correlation),
            actor: asked.actor,
            action: refused.then_some(AccessAction::AccessRefused),
            resource: if refused { (Some(kind.to_owned()), record) } else { (None, None) },
            permission: Some(asked.permission),
            code: code.filter(|_| refused),
            origin: origin(request),
        });
    }
}
