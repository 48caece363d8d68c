//! The keys of the installation, which stand in its settings and nowhere else.

use std::{fmt, str::FromStr, sync::Arc};

use super::{VaultError, cipher::Key};

/// Named keys, the first of which wraps the keys of tenants. The others only unwrap. `Debug` shows the names alone.
#[derive(Clone, Default)]
pub struct InstallationKeys(Arc<[(String, Key)]>);

/// What is expected of a list of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected name:key, several separated by commas; a name of a-z, 0-9, - and _, each once, a key of 64 hexadecimal digits"
)]
pub struct InvalidKeys;

impl FromStr for InstallationKeys {
    type Err = InvalidKeys;

    fn from_str(text: &str) -> Result<Self, InvalidKeys> {
        let mut keys: Vec<(String, Key)> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, digits) = part.split_once(':').ok_or(InvalidKeys)?;
            let proper = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
            let known = keys.iter().any(|(known, _)| known == name);
            if name.is_empty() || known || !name.bytes().all(proper) {
                return Err(InvalidKeys);
            }
            keys.push((name.to_owned(), Key::from_hex(digits).ok_or(InvalidKeys)?));
        }
        if keys.is_empty() { Err(InvalidKeys) } else { Ok(Self(keys.into())) }
    }
}

impl InstallationKeys {
    /// The first one, with its name.
    pub(super) fn current(&self) -> Result<(&str, &Key), VaultError> {
        self.0.first().map(|(name, key)| (name.as_str(), key)).ok_or(VaultError::NoKeys)
    }

    pub(super) fn named(&self, name: &str) -> Result<&Key, VaultError> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, key)| key);
        found.ok_or_else(|| VaultError::UnknownKey(name.to_owned()))
    }
}

impl fmt::Debug for InstallationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_and_never_shown() {
        let (one, two) = ("1".repeat(64), "aB".repeat(32));
        let keys: InstallationKeys = format!("new:{one}, old-1:{two},").parse().unwrap();
        assert_eq!((keys.current().unwrap().0, keys.named("old-1").is_ok()), ("new", true));
        assert!(matches!(keys.named("older"), Err(VaultError::UnknownKey(name)) if name == "older"));
        assert_eq!(format!("{keys:?}"), r#"["new", "old-1"]"#);
        for wrong in [
            "",
            &one,
            &format!("new:{}", &one[1..]),
            &format!("new:{}x", &one[1..]),
            &format!(":{one}"),
            &format!("New:{one}"),
            &format!("a:{one},a:{two}"),
        ] {
            assert_eq!(wrong.parse::<InstallationKeys>().unwrap_err(), InvalidKeys, "{wrong}");
        }
    }
}
