//! Which streams are related to which records, and what becomes of them.

use std::collections::BTreeSet;

use fairlead_domain::ids::OrganizationId;
use serde_json::json;
use uuid::Uuid;

use super::Tables;
use crate::ports::{Append, RelatedQuery, Relation, StoreError, StreamAppend};

impl Tables {
    /// Notes whose data the events hold, and who is erased.
    pub(super) fn note_people(&mut self, tenant: OrganizationId, append: &Append) -> Result<(), StoreError> {
        let mut subjects = BTreeSet::new();
        for stream in &append.streams {
            for (event, version) in stream.events.iter().zip(stream.expected + 1..) {
                for field in &event.personal {
                    let subject = (tenant, field.subject.unwrap_or(stream.id));
                    if self.erased.contains(&subject) {
                        subjects.insert(subject.1);
                    }
                    let place = (stream.id, version, field.pointer.clone());
                    self.about.extend(field.subject.map(|subject| (tenant, subject, stream.id)));
                    self.personal.entry(subject).or_default().push(place);
                }
            }
        }
        if !subjects.is_empty() {
            return Err(StoreError::Erased { subjects: subjects.into_iter().collect() });
        }
        let erased = append.streams.iter().filter(|stream| stream.erases);
        self.erased.extend(erased.map(|stream| (tenant, stream.id)));
        Ok(())
    }

    /// Takes the data of erased people out of the events.
    pub(super) fn erase(&mut self) {
        for (tenant, subject) in &self.erased {
            for (stream, version, pointer) in self.personal.remove(&(*tenant, *subject)).unwrap_or_default() {
                let history = self.streams.get_mut(&(*tenant, stream)).map(|(_, history)| history);
                let event = history.and_then(|history| history.iter_mut().find(|event| event.version == version));
                if let Some(value) = event.and_then(|event| event.data.pointer_mut(&pointer)) {
                    *value = json!({ "erased": true });
                }
            }
        }
    }

    /// Notes to what the streams refer from now on.
    pub(super) fn note_references(&mut self, tenant: OrganizationId, append: &Append) {
        for StreamAppend { id, unreferred, referred, .. } in &append.streams {
            for record in unreferred {
                self.references.remove(&(tenant, *record, *id));
            }
            self.references.extend(referred.iter().map(|record| (tenant, *record, *id)));
        }
    }

    pub(super) fn related(&self, tenant: OrganizationId, query: &RelatedQuery) -> Vec<Uuid> {
        let relations = match query.relation {
            Relation::TellsOf => &self.about,
            Relation::RefersTo => &self.references,
        };
        let own = |stream: &Uuid| query.relation == Relation::TellsOf && *stream == query.record;
        let related = relations.iter().filter(|(owner, record, stream)| {
            let aggregate = self.streams.get(&(tenant, *stream)).map(|(present, _)| present.aggregate.as_str());
            (*owner, *record) == (tenant, query.record)
                && !own(stream)
                && aggregate == Some(query.aggregate)
                && query.after.is_none_or(|after| *stream > after)
        });
        related.map(|(_, _, stream)| *stream).take(query.limit.into()).collect()
    }
}
