use super::text::text_value;
use crate::kernel::Invalid;

text_value! {
    /// A time zone as the IANA Time Zone Database names it: `Europe/Lisbon`.
    TimeZone
}

impl TimeZone {
    /// Checks the form of a name; which names there are changes several times a year.
    ///
    /// # Errors
    /// `time_zone.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let is_part = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphabetic())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+'))
        };
        if text.len() <= 64 && text.split('/').count() <= 3 && text.split('/').all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("time_zone.invalid", "must be a name of the IANA database such as Europe/Lisbon"))
        }
    }
}
