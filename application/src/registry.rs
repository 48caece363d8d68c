//! What is known about every aggregate by name, for those who meet it as data: the relay, the conformance suite.

use fairlead_domain::{for_each_aggregate, kernel::Aggregate};

/// An aggregate's place in the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregateInfo {
    /// The bounded context: `crm`.
    pub context: &'static str,
    /// The aggregate's name: `contact`.
    pub name: &'static str,
    /// The name of many, which permissions begin with: `contacts`.
    pub plural: &'static str,
    /// Whether its records [belong](Aggregate::BELONGS) to somebody or to a project.
    pub belongs: bool,
}

impl AggregateInfo {
    /// The permission that reveals states and events of the aggregate: `contacts:read`.
    pub fn read_permission(&self) -> String {
        format!("{}:read", self.plural)
    }
}

macro_rules! infos {
    ($($aggregate:ty),+ $(,)?) => {
        /// Every aggregate there is.
        pub const AGGREGATES: &[AggregateInfo] = &[
            $(AggregateInfo {
                context: <$aggregate>::CONTEXT,
                name: <$aggregate>::TYPE,
                plural: <$aggregate>::PLURAL,
                belongs: <$aggregate>::BELONGS,
            }),+
        ];
    };
}
for_each_aggregate!(infos);

/// The aggregate to which an event of this type belongs; `None` when it is unknown to this program.
pub fn aggregate_of(event_type: &str) -> Option<&'static AggregateInfo> {
    let (aggregate, _) = event_type.split_once('.')?;
    AGGREGATES.iter().find(|info| info.name == aggregate)
}

/// The routing key `<context>.<aggregate>.<action>` of an event; `None` when its aggregate is unknown to this program.
pub fn routing_key(event_type: &str) -> Option<String> {
    Some(format!("{}.{event_type}", aggregate_of(event_type)?.context))
}

#[cfg(test)]
mod tests {
    use super::{AGGREGATES, routing_key};
    use crate::{access::Permission, crm::ContactsRead};

    #[test]
    fn what_reveals_a_state_reveals_its_events() {
        let permissions: Vec<_> = AGGREGATES.iter().map(super::AggregateInfo::read_permission).collect();
        assert!(permissions.iter().any(|permission| permission == ContactsRead::NAME), "{permissions:?}");
    }

    #[test]
    fn a_routing_key_begins_with_the_context() {
        assert_eq!(routing_key("contact.created").as_deref(), Some("crm.contact.created"));
        assert_eq!(routing_key("unheard.of"), None);
        assert_eq!(routing_key("contact"), None);
    }
}
