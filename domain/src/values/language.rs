use super::text::text_value;
use crate::kernel::Invalid;

text_value! {
    /// A language as RFC 5646 (BCP 47) tags it: `pt`, `pt-BR`, `zh-Hant-TW`.
    Language
}

impl Language {
    /// Checks a tag's form, and writes it as section 2.1.1 has it: language in lower case, script with a capital, region in upper
    /// case.
    ///
    /// # Errors
    /// `language.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("language.invalid", "must be a language tag such as pt or pt-BR");
        let mut parts = text.trim().split('-');
        let language = parts.next().unwrap_or_default();
        if !(2..=3).contains(&language.len()) || !language.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(invalid());
        }
        let mut tag = language.to_ascii_lowercase();
        for part in parts {
            if tag.len() > 30
                || !(1..=8).contains(&part.len())
                || !part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            {
                return Err(invalid());
            }
            let part = part.to_ascii_lowercase();
            tag.push('-');
            match (part.len(), part.split_at(1)) {
                (2, _) => tag.push_str(&part.to_ascii_uppercase()),
                (4, (first, rest)) if part.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                    tag.push_str(&first.to_ascii_uppercase());
                    tag.push_str(rest);
                }
                _ => tag.push_str(&part),
            }
        }
        Ok(Self(tag))
    }
}
