//! Members of a JSON merge patch (RFC 7396).

use fairlead_domain::kernel::{Invalid, Patch};
use serde::{Deserialize, Deserializer};

use crate::problem::Check;

/// A member that may be missing (leave it), null (remove it) or a value (set it). Stands with `#[serde(default)]`.
#[derive(Debug, Clone, Default)]
pub(crate) enum Member<T> {
    /// Not there.
    #[default]
    Missing,
    /// Null.
    Null,
    /// A value.
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

impl<T> Member<T> {
    /// For what a record can do without.
    pub(crate) fn optional<U>(
        self,
        check: &mut Check,
        pointer: &str,
        build: impl FnOnce(T) -> Result<U, Invalid>,
    ) -> Option<Patch<U>> {
        self.optional_with(|value| check.at(pointer, build(value)))
    }

    /// For what a record can do without, when it may have several faults.
    pub(crate) fn optional_with<U>(self, build: impl FnOnce(T) -> Option<U>) -> Option<Patch<U>> {
        match self {
            Self::Missing => Some(Patch::Keep),
            Self::Null => Some(Patch::Set(None)),
            Self::Value(value) => build(value).map(|value| Patch::Set(Some(value))),
        }
    }

    /// For what a record must have: null is refused.
    pub(crate) fn required<U>(
        self,
        check: &mut Check,
        pointer: &str,
        build: impl FnOnce(T) -> Result<U, Invalid>,
    ) -> Option<Option<U>> {
        match self {
            Self::Missing => Some(None),
            Self::Null => check.at(pointer, Err(Invalid::new("request.required", "can't be removed"))),
            Self::Value(value) => check.at(pointer, build(value)).map(Some),
        }
    }
}
