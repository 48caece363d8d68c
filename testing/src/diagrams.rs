//! State diagrams of aggregates, drawn from what they decide.
//!
//! Every command of the story is issued in every state to which the story leads, and in those that come of it, twice over. What
//! happens is drawn: how a record comes from one phase of its life to another, and what happens to it in each.

use std::fmt::Write;

use fairlead_domain::{
    for_each_aggregate,
    kernel::{fold, testing::Story},
};

/// How often every command is issued in the states that came of all commands.
const ROUNDS: usize = 2;
/// How many happenings stand in a line.
const IN_LINE: usize = 4;

/// The diagrams of all aggregates, each with the aggregate's name, in the language Mermaid.
pub fn diagrams() -> Vec<(&'static str, String)> {
    macro_rules! all {
        ($($aggregate:ty),+ $(,)?) => {
            vec![$((<$aggregate as fairlead_domain::kernel::Aggregate>::TYPE, diagram::<$aggregate>())),+]
        };
    }
    for_each_aggregate!(all)
}

/// A page with the diagram in the place of the one it has; `None` when it has none.
pub fn drawn_into(page: &str, diagram: &str) -> Option<String> {
    let (before, rest) = page.split_once("```mermaid\n")?;
    let (_, after) = rest.split_once("```\n")?;
    Some(format!("{before}```mermaid\n{diagram}```\n{after}"))
}

/// What happened in a phase, and to which phase it led.
struct Passage {
    from: Option<&'static str>,
    what: String,
    to: &'static str,
}

fn diagram<A: Story>() -> String {
    let passages = passages::<A>();
    let mut phases: Vec<&str> = Vec::new();
    for Passage { to, .. } in &passages {
        if !phases.contains(to) {
            phases.push(to);
        }
    }
    let mut drawn = "stateDiagram-v2\n".to_owned();
    let what = |from, to| {
        let between = passages.iter().filter(move |passage| passage.from == from && passage.to == to);
        between.map(|passage| passage.what.as_str()).collect::<Vec<_>>()
    };
    for from in [None].into_iter().chain(phases.iter().copied().map(Some)) {
        let others: Vec<_> = phases.iter().filter(|to| from != Some(**to)).collect();
        for to in &others {
            let what = what(from, **to);
            if !what.is_empty() {
                let _ = writeln!(drawn, "    {} --> {to}: {}", from.unwrap_or("[*]"), what.join(", "));
            }
        }
        let Some(phase) = from else { continue };
        if others.iter().all(|to| what(from, **to).is_empty()) {
            let _ = writeln!(drawn, "    {phase} --> [*]");
        }
        let within = what(from, phase);
        if !within.is_empty() {
            let lines: Vec<_> = within.chunks(IN_LINE).map(|line| format!("        {}", line.join(", "))).collect();
            let _ = writeln!(drawn, "    note right of {phase}\n{}\n    end note", lines.join(",\n"));
        }
    }
    drawn
}

/// All passages, in the order in which they were found.
fn passages<A: Story>() -> Vec<Passage> {
    let extras = [A::deletion(), A::restoration(), A::erasure()];
    let commands: Vec<_> = A::story().into_iter().chain(extras.into_iter().flatten()).collect();
    let (mut states, mut passages) = (vec![None], Vec::new());
    let mut state = None;
    for command in A::story() {
        state = issued::<A>(&state, command, &mut passages);
        states.push(state.clone());
    }
    for _ in 0..ROUNDS {
        let mut found = Vec::new();
        for state in &states {
            for command in &commands {
                let after = issued::<A>(state, command.clone(), &mut passages);
                if !states.contains(&after) && !found.contains(&after) {
                    found.push(after);
                }
            }
        }
        states.extend(found);
    }
    passages
}

/// The state after a command, whose events are noted with the phases before and after each.
fn issued<A: Story>(state: &Option<A>, command: A::Command, passages: &mut Vec<Passage>) -> Option<A> {
    let mut state = state.clone();
    for event in A::decide(state.as_ref(), command).unwrap_or_default() {
        let from = state.as_ref().map(A::phase);
        let name = serde_json::to_value(&event).expect("JSON")["type"].as_str().expect("a name").to_owned();
        let what = name.strip_prefix(A::TYPE).and_then(|rest| rest.strip_prefix('.')).unwrap_or(&name).to_owned();
        state = fold(state, [&event]);
        let to = state.as_ref().map(A::phase).expect("the first event begins a stream");
        if !passages.iter().any(|passage| passage.from == from && passage.to == to && passage.what == what) {
            passages.push(Passage { from, what, to });
        }
    }
    state
}
