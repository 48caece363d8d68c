//! What happened: the log of an organization, as pages and as a stream.

mod log;
mod stream;

use fairlead_application::{
    access::Authorized,
    history::{EventsRead, Wanted},
    registry::{AGGREGATES, aggregate_of},
};
use fairlead_domain::kernel::Invalid;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::problem::Check;

/// The routes of events, below `/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(log::list).service(stream::stream);
}

/// What is wanted of what the caller may read, if there is such a thing at all.
fn wanted(
    check: &mut Check,
    cx: &Authorized<EventsRead>,
    aggregate: Option<&str>,
    event_type: Option<&str>,
) -> Option<Wanted> {
    let known = aggregate.is_none_or(|name| AGGREGATES.iter().any(|info| info.name == name));
    let names = || AGGREGATES.iter().map(|info| info.name).collect::<Vec<_>>().join(", ");
    let unknown = || Invalid::new("aggregate.unknown", format!("must be one of {}", names()));
    let aggregate = check.parameter("aggregate", known.then_some(aggregate).ok_or_else(unknown));
    let known = event_type.is_none_or(is_event_type);
    let unknown = || Invalid::new("event_type.unknown", "must be the type of an event, such as contact.created");
    let event_type = check.parameter("type", known.then_some(event_type).ok_or_else(unknown));
    aggregate.zip(event_type).map(|(aggregate, event_type)| Wanted::by(cx, aggregate, event_type))
}

/// Whether an aggregate of ours could have an event of this name. A pattern names none.
fn is_event_type(name: &str) -> bool {
    let is_word =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    aggregate_of(name).is_some() && name.split_once('.').is_some_and(|(_, action)| is_word(action))
}
