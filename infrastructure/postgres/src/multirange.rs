//! `int8multirange`, which the driver does not know, as text.

use std::{fmt::Write, ops::RangeInclusive};

/// `{[1,4),[6,9)}`
pub(crate) fn to_text(ranges: &[RangeInclusive<i64>]) -> String {
    let mut text = String::from("{");
    for (n, range) in ranges.iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        // Writing to memory doesn't fail.
        let _ = write!(text, "{comma}[{},{}]", range.start(), range.end());
    }
    text.push('}');
    text
}

/// Reads what the server writes: ranges with their upper bound excluded. `None` when it is something else.
pub(crate) fn from_text(text: &str) -> Option<Vec<RangeInclusive<i64>>> {
    let inside = text.strip_prefix('{')?.strip_suffix('}')?;
    if inside.is_empty() {
        return Some(Vec::new());
    }
    inside
        .strip_prefix('[')?
        .strip_suffix(')')?
        .split("),[")
        .map(|range| {
            let (start, end) = range.split_once(',')?;
            Some(start.parse().ok()?..=end.parse::<i64>().ok()? - 1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{from_text, to_text};

    #[test]
    fn reads_what_the_server_writes() {
        assert_eq!(from_text("{}"), Some(vec![]));
        assert_eq!(from_text("{[3,4),[7,10)}"), Some(vec![3..=3, 7..=9]));
        assert_eq!(from_text("{(,4)}"), None);
        assert_eq!(to_text(&[3..=3, 7..=9]), "{[3,3],[7,9]}");
    }
}
