//! Typed identifiers of everything that has a stream, and of what streams refer to.
//!
//! This is the one module that all contexts share, so that a contact can name its owner without knowing what a user is.

/// Declares a UUID newtype that cannot be confused with another.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(uuid::Uuid);

        impl From<uuid::Uuid> for $name {
            fn from(id: uuid::Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for uuid::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id! {
    /// An organization: the tenant to which every record belongs.
    OrganizationId
}
id! {
    /// A workspace inside an organization.
    ProjectId
}
id! {
    /// A person who signs in.
    UserId
}
id! {
    /// A person the company knows.
    ContactId
}
