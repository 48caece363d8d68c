//! What a file that stands elsewhere is described by.

use super::text::{line, text_value};
use crate::kernel::Invalid;

text_value! {
    /// What a file is called: one line of 1 to 200 characters, without `/` and `\`.
    FileName
}

impl FileName {
    /// Trims and checks a name.
    ///
    /// # Errors
    /// `attachment.invalid_name`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let name = line(text, 200, "attachment.invalid_name")?;
        if name.contains(['/', '\\']) {
            return Err(Invalid::new("attachment.invalid_name", "must be a name, not a path"));
        }
        Ok(Self(name))
    }
}

text_value! {
    /// Where a file can be had: an address of the form `https://host/…`, 2,000 characters at most.
    FileUrl
}

impl FileUrl {
    /// Checks an address. It may not carry a name and password.
    ///
    /// # Errors
    /// `attachment.invalid_url`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let invalid = |detail: &str| Err(Invalid::new("attachment.invalid_url", detail));
        if text.len() > 2_000 {
            return invalid("must not be longer than 2000 characters");
        }
        let Some(rest) = text.strip_prefix("https://") else { return invalid("must begin with https://") };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let well_formed =
            text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\'));
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
        if !well_formed
            || !host.bytes().all(is_host)
            || !host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
        {
            return invalid("must be an address such as https://files.example.com/offer.pdf");
        }
        Ok(Self(text.to_owned()))
    }
}

text_value! {
    /// What a file is: `type/subtype` in lower case (RFC 6838, section 4.2).
    MediaType
}

impl MediaType {
    /// Lowers and checks a media type, without parameters.
    ///
    /// # Errors
    /// `attachment.invalid_media_type`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.to_ascii_lowercase();
        let token = |part: &str| {
            part.len() <= 127
                && part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        match text.split_once('/') {
            Some((kind, subtype)) if token(kind) && token(subtype) => Ok(Self(text)),
            _ => Err(Invalid::new("attachment.invalid_media_type", "must be such as application/pdf")),
        }
    }
}

text_value! {
    /// The SHA-256 of a file's content: 64 hexadecimal digits in lower case.
    Sha256
}

impl Sha256 {
    /// Lowers and checks a digest.
    ///
    /// # Errors
    /// `attachment.invalid_sha256`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(Invalid::new("attachment.invalid_sha256", "must be 64 hexadecimal digits"))
        }
    }
}
