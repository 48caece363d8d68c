//! Customer relations: the people and companies that there is business with, the business, and what is done about it.

mod activity;
mod comment;
mod company;
mod contact;
mod contact_list;
mod custom_field;
mod deal;
mod pipeline;

pub use activity::{
    Activity, ActivityChange, ActivityCommand, ActivityError, ActivityEvent, ActivityKind, ActivityProfile, Attachment,
    Priority,
};
pub use comment::{Author, Comment, CommentChange, CommentCommand, CommentError, CommentEvent, CommentProfile, Editor};
pub use company::{
    Absorption, Ancestry, Company, CompanyChange, CompanyCommand, CompanyError, CompanyEvent, CompanyProfile,
    CompanyUpsert, Kinship,
};
pub use contact::{
    Channel, Consent, ConsentStatus, Contact, ContactChange, ContactCommand, ContactError, ContactEvent, ContactKey,
    ContactProfile, ContactUpsert, Employment, PointsChange,
};
pub use contact_list::{
    ContactList, ContactListChange, ContactListCommand, ContactListError, ContactListEvent, ContactListProfile,
    MAX_MEMBERS, MEMBERS_OF_EVENT,
};
pub use custom_field::{
    AttributeChange, AttributeKind, Attributed, CustomField, CustomFieldChange, CustomFieldCommand, CustomFieldError,
    CustomFieldEvent, CustomFieldProfile, FieldOption, Schema,
};
pub use deal::{
    Deal, DealChange, DealCommand, DealError, DealEvent, DealProfile, DealStatus, Seen, Stay, TimeInStage, stays,
};
pub use pipeline::{
    Pipeline, PipelineChange, PipelineCommand, PipelineError, PipelineEvent, PipelineProfile, RetiredStage, Stage,
    StageChange,
};
