//! Secrets: kept beside a stream, in no event and in no state, so that none is published, listed or exported.

use std::fmt;

use secrecy::{ExposeSecret, SecretSlice};

/// A secret that is to be kept beside a stream, or forgotten, together with the events that a command yields.
#[derive(Clone)]
pub struct NewSecret {
    /// What it is: `password`.
    pub name: &'static str,
    /// The secret; `None` forgets what is kept under the name.
    pub value: Option<SecretSlice<u8>>,
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The secrets that are kept beside a stream.
#[derive(Clone, Default)]
pub struct Secrets(pub Vec<(String, SecretSlice<u8>)>);

impl Secrets {
    /// The secret of a name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(kept, _)| kept == name).map(|(_, value)| value.expose_secret())
    }

    /// The secret of a name, where it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
