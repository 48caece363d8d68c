//! Holds what the clients were told against what is stored, published and done. It knows nothing of how the program works.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use crate::ledger::{Answer, Entry, Shown};

/// A stored event.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) event: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) stream: Uuid,
    pub(crate) version: i64,
    /// The mark of the command from which it came, if that bore one.
    pub(crate) mark: Option<Uuid>,
    /// Its place in the global order, if it has one.
    pub(crate) position: Option<i64>,
}

/// A message that came from the broker.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) event: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) stream: Uuid,
    pub(crate) version: i64,
}

/// All that is known afterwards.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    pub(crate) entries: Vec<Entry>,
    pub(crate) shown: Vec<Shown>,
    pub(crate) stored: Vec<Stored>,
    /// In the order of their arrival.
    pub(crate) published: Vec<Published>,
    /// The events of which a consumer stored an effect.
    pub(crate) effects: Vec<Uuid>,
}

/// Every promise that was broken.
pub(crate) fn violations(evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    commands(evidence, &mut found);
    streams(evidence, &mut found);
    order(evidence, &mut found);
    messages(evidence, &mut found);
    effects(evidence, &mut found);
    queries(evidence, &mut found);
    found
}

/// What was acknowledged is stored, where it was said to be; what was refused is not; and nothing twice.
fn commands(evidence: &Evidence, found: &mut Vec<String>) {
    let mut by_mark: HashMap<Uuid, Vec<&Stored>> = HashMap::new();
    for stored in &evidence.stored {
        if let Some(mark) = stored.mark {
            by_mark.entry(mark).or_default().push(stored);
        }
    }
    let mut asked = HashSet::new();
    for Entry { mark, tenant, answer } in &evidence.entries {
        asked.insert(*mark);
        let stored = by_mark.get(mark).map(Vec::as_slice).unwrap_or_default();
        match (answer, stored) {
            (Answer::Done { record, version }, [one]) => {
                if (one.tenant, one.stream, one.version) != (*tenant, *record, *version) {
                    found.push(format!("{mark} was acknowledged as {record} at {version}, and is stored as {one:?}"));
                }
            }
            (Answer::Done { record, .. }, []) => found.push(format!("{mark} was acknowledged for {record}: lost")),
            (Answer::Refused(code), [_, ..]) => found.push(format!("{mark} was refused with {code}, and is stored")),
            (_, [_, _, ..]) => found.push(format!("{mark} took effect {} times", stored.len())),
            (Answer::Unknown, [one]) if one.tenant != *tenant => {
                found.push(format!("{mark} crossed to {}", one.tenant))
            }
            (Answer::Refused(_) | Answer::Unknown, _) => {}
        }
    }
    let strange = by_mark.keys().filter(|mark| !asked.contains(mark));
    found.extend(strange.map(|mark| format!("{mark} is stored, and nobody asked for it")));
}

/// Versions are 1, 2, 3 … in each stream, which belongs to one tenant.
fn streams(evidence: &Evidence, found: &mut Vec<String>) {
    let mut streams: BTreeMap<Uuid, Vec<&Stored>> = BTreeMap::new();
    for stored in &evidence.stored {
        streams.entry(stored.stream).or_default().push(stored);
    }
    for (stream, mut events) in streams {
        events.sort_by_key(|event| event.version);
        if events.iter().zip(1..).any(|(event, n)| event.version != n) {
            let versions: Vec<_> = events.iter().map(|event| event.version).collect();
            found.push(format!("{stream} has the versions {versions:?}"));
        }
        if events.iter().any(|event| event.tenant != events[0].tenant) {
            found.push(format!("{stream} belongs to several tenants"));
        }
    }
}

/// Positions are 1, 2, 3 …, and rise with the versions of each stream.
fn order(evidence: &Evidence, found: &mut Vec<String>) {
    let mut positions = BTreeMap::new();
    for stored in &evidence.stored {
        match stored.position {
            None => found.push(format!("{} has no position", stored.event)),
            Some(position) => {
                if let Some(other) = positions.insert(position, stored) {
                    found.push(format!("{position} is the position of {} and of {}", other.event, stored.event));
                }
            }
        }
    }
    if positions.keys().zip(1..).any(|(position, n)| *position != n) {
        found.push("the positions have gaps".to_owned());
    }
    let mut last: HashMap<Uuid, i64> = HashMap::new();
    for stored in positions.into_values() {
        if last.insert(stored.stream, stored.version).is_some_and(|before| before >= stored.version) {
            found.push(format!("{} is ordered against its versions", stored.stream));
        }
    }
}

/// Everything stored was published, nothing else was, and the first time in the order of each stream.
fn messages(evidence: &Evidence, found: &mut Vec<String>) {
    let stored: HashMap<Uuid, &Stored> = evidence.stored.iter().map(|stored| (stored.event, stored)).collect();
    let mut seen = HashSet::new();
    let mut next: HashMap<Uuid, i64> = HashMap::new();
    for message in &evidence.published {
        let Some(stored) = stored.get(&message.event) else {
            found.push(format!("{} was published, and is not stored", message.event));
            continue;
        };
        if (stored.tenant, stored.stream, stored.version) != (message.tenant, message.stream, message.version) {
            found.push(format!("{stored:?} was published as {message:?}"));
        }
        if seen.insert(message.event) {
            let next = next.entry(message.stream).or_insert(1);
            if message.version != *next {
                found.push(format!("{} was published at {} before {next}", message.stream, message.version));
            }
            *next = (*next).max(message.version + 1);
        }
    }
    let silent = stored.keys().filter(|event| !seen.contains(event));
    found.extend(silent.map(|event| format!("{event} was never published")));
}

/// Every event had its effect once.
fn effects(evidence: &Evidence, found: &mut Vec<String>) {
    let mut effects: HashMap<Uuid, u32> = HashMap::new();
    for event in &evidence.effects {
        *effects.entry(*event).or_default() += 1;
    }
    for stored in &evidence.stored {
        match effects.remove(&stored.event).unwrap_or_default() {
            1 => {}
            times => found.push(format!("{} had its effect {times} times", stored.event)),
        }
    }
    found.extend(effects.into_keys().map(|event| format!("{event} had an effect, and is not stored")));
}

/// Nobody saw what belongs to others, and everybody what they had written.
fn queries(evidence: &Evidence, found: &mut Vec<String>) {
    let mut owners: HashMap<Uuid, BTreeSet<Uuid>> = HashMap::new();
    for stored in &evidence.stored {
        owners.entry(stored.tenant).or_default().insert(stored.stream);
    }
    for Shown { tenant, records, wanted } in &evidence.shown {
        let own = owners.get(tenant);
        let foreign = records.iter().filter(|record| own.is_none_or(|own| !own.contains(record)));
        found.extend(foreign.map(|record| format!("{tenant} was shown {record}, which it has not")));
        let missed = wanted.iter().filter(|wanted| !records.contains(wanted));
        found.extend(missed.map(|record| format!("{tenant} was not shown {record}, which it had just written")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    /// Two streams of two tenants, three commands, one of them refused and one unknown.
    fn sound() -> Evidence {
        let stored = |event, tenant, stream, version, position| Stored {
            event: id(event),
            tenant: id(tenant),
            stream: id(stream),
            version,
            mark: Some(id(100 + event)),
            position: Some(position),
        };
        let stored = vec![stored(1, 51, 61, 1, 1), stored(2, 52, 62, 1, 2), stored(3, 51, 61, 2, 3)];
        let published = [0, 1, 0, 2].map(|n: usize| {
            let Stored { event, tenant, stream, version, .. } = stored[n];
            Published { event, tenant, stream, version }
        });
        let entry = |mark, tenant, answer| Entry { mark: id(mark), tenant: id(tenant), answer };
        Evidence {
            entries: vec![
                entry(101, 51, Answer::Done { record: id(61), version: 1 }),
                entry(102, 52, Answer::Unknown),
                entry(103, 51, Answer::Done { record: id(61), version: 2 }),
                entry(104, 52, Answer::Refused("contact.email_taken".to_owned())),
                entry(105, 52, Answer::Unknown),
            ],
            shown: vec![Shown { tenant: id(51), records: vec![id(61)], wanted: Some(id(61)) }],
            published: published.to_vec(),
            effects: stored.iter().map(|stored| stored.event).collect(),
            stored,
        }
    }

    #[track_caller]
    fn finds(plant: impl FnOnce(&mut Evidence), violation: &str) {
        let mut evidence = sound();
        plant(&mut evidence);
        let found = violations(&evidence);
        assert!(found.iter().any(|found| found.contains(violation)), "{violation} is not among {found:?}");
    }

    #[test]
    fn what_is_sound_is_not_complained_about() {
        assert_eq!(violations(&sound()), [""; 0]);
    }

    #[test]
    fn a_lost_a_doubled_and_a_misplaced_command_are_found() {
        finds(|e| e.stored.truncate(2), "was acknowledged for");
        finds(|e| e.stored[1].mark = Some(id(101)), "took effect 2 times");
        finds(|e| e.stored[2].mark = Some(id(104)), "was refused with contact.email_taken, and is stored");
        finds(|e| e.entries[0].answer = Answer::Done { record: id(61), version: 2 }, "at 2, and is stored as");
        finds(|e| e.entries[0].tenant = id(52), "was acknowledged as");
        finds(|e| e.entries[1].tenant = id(51), "crossed to");
        finds(|e| e.stored[1].mark = Some(id(999)), "nobody asked for it");
    }

    #[test]
    fn a_stream_with_a_gap_or_of_two_tenants_is_found() {
        finds(|e| e.stored[2].version = 3, "has the versions [1, 3]");
        finds(|e| e.stored[2].tenant = id(52), "belongs to several tenants");
    }

    #[test]
    fn a_broken_order_is_found() {
        finds(|e| e.stored[2].position = None, "has no position");
        finds(|e| e.stored[2].position = Some(4), "the positions have gaps");
        finds(|e| e.stored[2].position = Some(2), "2 is the position of");
        finds(|e| (e.stored[0].position, e.stored[2].position) = (Some(3), Some(1)), "ordered against its versions");
    }

    #[test]
    fn a_message_that_is_missing_early_changed_or_invented_is_found() {
        finds(|e| e.published.truncate(3), "was never published");
        finds(|e| e.published.reverse(), "was published at 2 before 1");
        finds(|e| e.published[1].tenant = id(51), "was published as");
        finds(|e| e.published[1].event = id(9), "was published, and is not stored");
    }

    #[test]
    fn an_effect_that_is_missing_doubled_or_invented_is_found() {
        finds(|e| e.effects.truncate(2), "had its effect 0 times");
        finds(|e| e.effects.push(id(1)), "had its effect 2 times");
        finds(|e| e.effects.push(id(9)), "had an effect, and is not stored");
    }

    #[test]
    fn a_query_that_shows_others_or_not_what_was_written_is_found() {
        finds(|e| e.shown[0].records.push(id(62)), "which it has not");
        finds(|e| e.shown[0].records.clear(), "which it had just written");
    }
}
