//! What all textual values share.

use crate::kernel::Invalid;

/// Declares a newtype over a valid string: read access, `Display`-free, hidden from `Debug`.
macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}
pub(super) use text_value;

/// Trims a single line of text and checks its length, in characters.
///
/// Control characters are refused, U+0000 among them, which `PostgreSQL` can't store.
pub(super) fn line(text: &str, max: usize, code: &'static str) -> Result<String, Invalid> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Invalid::new(code, "must not be empty"));
    }
    if text.chars().count() > max {
        return Err(Invalid::new(code, format!("must not be longer than {max} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(code, "must not contain control characters"));
    }
    Ok(text.to_owned())
}
