//! What is known about every aggregate by name, for those who meet it as data: the relay, the conformance suite.

use fairlead_domain::{for_each_aggregate, kernel::Aggregate};

/// An aggregate's place in the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregateInfo {
    /// The bounded context: `crm`.
    pub context: &'static str,
    /// The aggregate's name: `contact`.
    pub name: &'static str,
}

macro_rules! infos {
    ($($aggregate:ty),+ $(,)?) => {
        /// Every aggregate there is.
        pub const AGGREGATES: &[AggregateInfo] = &[
            $(AggregateInfo { context: <$aggregate>::CONTEXT, name: <$aggregate>::TYPE }),+
        ];
    };
}
for_each_aggregate!(infos);

/// The routing key `<context>.<aggregate>.<action>` of an event; `None` when its aggregate is unknown to this program.
pub fn routing_key(event_type: &str) -> Option<String> {
    let (aggregate, _) = event_type.split_once('.')?;
    let info = AGGREGATES.iter().find(|info| info.name == aggregate)?;
    Some(format!("{}.{event_type}", info.context))
}

#[cfg(test)]
mod tests {
    use super::routing_key;

    #[test]
    fn a_routing_key_begins_with_the_context() {
        assert_eq!(routing_key("contact.created").as_deref(), Some("crm.contact.created"));
        assert_eq!(routing_key("unheard.of"), None);
        assert_eq!(routing_key("contact"), None);
    }
}
