use url::Host;

use super::text::text_value;
use crate::kernel::Invalid;

text_value! {
    /// The name of a host in the Internet, in lower case, an international one as in DNS: `example.com`, `xn--bcher-kva.example`.
    DomainName
}

impl DomainName {
    /// Takes a name of 253 characters at most with one dot at least; an international one becomes punycode (UTS 46). An
    /// address of a host is no name.
    ///
    /// # Errors
    /// `domain.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("domain.invalid", "must be the name of a host such as example.com");
        let text = text.trim();
        // What a URL would decode is no part of a name.
        if text.contains('%') || text.chars().count() > 253 {
            return Err(invalid());
        }
        match Host::parse(text) {
            Ok(Host::Domain(name)) if is_name(&name) => Ok(Self(name)),
            _ => Err(invalid()),
        }
    }
}

/// Whether it is a name with a dot as in RFC 1035 and 1123.
pub(super) fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}
