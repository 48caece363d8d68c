//! What serde says about a shape that is not accepted, as stable codes.

use fairlead_domain::kernel::Invalid;

/// The longest explanation; values are quoted in it.
const MAX_DETAIL: usize = 200;

/// Names the mistake. serde has no codes, but its sentences begin the same way in every format.
pub(super) fn mistake(sentence: &str) -> Invalid {
    let code = [
        ("unknown field", "request.unknown_field"),
        ("missing field", "request.missing_field"),
        ("duplicate field", "request.duplicate_field"),
        ("invalid length", "request.too_many"),
    ]
    .into_iter()
    .find_map(|(beginning, code)| sentence.starts_with(beginning).then_some(code))
    .unwrap_or("request.invalid_type");
    // serde_json adds a place, which says less than the pointer does.
    let sentence = sentence.rsplit_once(" at line ").map_or(sentence, |(sentence, _)| sentence);
    Invalid::new(code, sentence.chars().filter(|c| !c.is_control()).take(MAX_DETAIL).collect::<String>())
}

/// The member that is missing or there twice, which the place does not tell.
pub(super) fn named(sentence: &str) -> Option<&str> {
    let rest = sentence.strip_prefix("missing field `").or_else(|| sentence.strip_prefix("duplicate field `"))?;
    rest.rsplit_once('`').map(|(name, _)| name)
}
