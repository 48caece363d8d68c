use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// A telephone number in the international form of ITU-T E.164: `+` and 7 to 15 digits.
    PhoneNumber
}

impl PhoneNumber {
    /// Takes a number in international form; spaces, hyphens, dots and parentheses between the digits are dropped.
    ///
    /// # Errors
    /// `phone.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("phone.invalid", "must be an international number such as +351 21 123 4567");
        let text = line(text, 40, "phone.invalid")?;
        let digits: String = text
            .strip_prefix('+')
            .ok_or_else(invalid)?
            .chars()
            .filter(|character| !matches!(character, ' ' | '-' | '.' | '(' | ')'))
            .collect();
        let well_formed = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if well_formed { Ok(Self(format!("+{digits}"))) } else { Err(invalid()) }
    }
}
