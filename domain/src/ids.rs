//! Typed identifiers of everything that has a stream, and of what streams refer to.
//!
//! This is the one module that all contexts share, so that a contact can name its owner without knowing what a user is.

/// Declares a UUID newtype that cannot be confused with another.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
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
id! {
    /// A role that an organization defined for itself.
    RoleId
}
id! {
    /// A key with which a program acts.
    ApiKeyId
}
id! {
    /// A sign-in: what one person does from one place until they sign out.
    SessionId
}
id! {
    /// A company with which there is, or may be, business.
    CompanyId
}
id! {
    /// The way of a deal in stages.
    PipelineId
}
id! {
    /// A stage of a pipeline.
    StageId
}
id! {
    /// A piece of business that may be won.
    DealId
}
id! {
    /// A field that an organization adds to its records.
    CustomFieldId
}
id! {
    /// Something that was done or is to be done about a contact, a company or a deal.
    ActivityId
}
id! {
    /// A file to which an activity refers.
    AttachmentId
}
id! {
    /// What somebody said of an activity.
    CommentId
}
id! {
    /// A contact list.
    ContactListId
}

impl OrganizationId {
    /// The reserved tenant in which people and their sessions are kept, whatever the organizations they belong to. It is
    /// no organization: nobody acts in it by naming it.
    pub const DIRECTORY: Self = Self(uuid::Uuid::from_u128(0x00000000_0000_7000_8000_000000000000));
}
