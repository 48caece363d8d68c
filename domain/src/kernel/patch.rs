//! Changes of optional attributes, in the sense of JSON merge patch (RFC 7396).

/// What to do with an optional attribute.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Patch<T> {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Give it this value, or none.
    Set(Option<T>),
}

impl<T> Patch<T> {
    /// The new value, when there is to be one that differs from the present.
    pub fn differing<U: From<T> + PartialEq>(self, present: Option<&U>) -> Option<Option<U>> {
        match self {
            Self::Keep => None,
            Self::Set(value) => Some(value.map(U::from)).filter(|value| value.as_ref() != present),
        }
    }
}
