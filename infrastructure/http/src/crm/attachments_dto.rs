//! Files that belong to records and stand elsewhere, as JSON.

use fairlead_domain::{
    crm::Attachment,
    ids::AttachmentId,
    values::{FileName, FileUrl, MediaType, Sha256},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::{Check, Problem};

/// A file that is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "offer.pdf",
    "url": "https://files.example.com/offer.pdf",
    "media_type": "application/pdf",
    "size": 48213
}))]
pub(super) struct NewAttachment {
    /// Tells it from others; made if missing.
    id: Option<Uuid>,
    /// What it is called.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Where it can be had, by `https` alone.
    #[schema(max_length = 2000, pattern = "^https://")]
    url: String,
    /// What it is, without parameters.
    #[schema(max_length = 255, example = "application/pdf")]
    media_type: String,
    /// How many bytes it has.
    #[schema(minimum = 0)]
    size: u64,
    /// Of its content, in hexadecimal digits.
    #[schema(min_length = 64, max_length = 64)]
    sha256: Option<String>,
}

/// A file.
#[derive(Serialize, ToSchema)]
#[schema(as = Attachment)]
pub(super) struct AttachmentBody {
    id: Uuid,
    /// Null when it was erased.
    #[schema(required)]
    name: Option<String>,
    /// Null when it was erased.
    #[schema(required)]
    url: Option<String>,
    media_type: String,
    size: u64,
    #[schema(required)]
    sha256: Option<String>,
}

impl NewAttachment {
    /// The file, with a fresh id if it has none.
    ///
    /// # Errors
    /// Everything that is not accepted.
    pub(super) fn attachment(self, fresh: impl Fn() -> AttachmentId) -> Result<Attachment, Problem> {
        let mut check = Check::default();
        let attachment = self.checked(&mut check, "", &fresh);
        check.finish(attachment)
    }

    /// The file, or a fault for each part that is not acceptable.
    pub(super) fn checked(
        self,
        check: &mut Check,
        place: &str,
        fresh: &impl Fn() -> AttachmentId,
    ) -> Option<Attachment> {
        let name = check.at(format!("{place}/name"), FileName::new(&self.name));
        let url = check.at(format!("{place}/url"), FileUrl::new(&self.url));
        let media_type = check.at(format!("{place}/media_type"), MediaType::new(&self.media_type));
        let sha256 = check.at(format!("{place}/sha256"), self.sha256.map(|text| Sha256::new(&text)).transpose());
        Some(Attachment {
            id: self.id.map_or_else(fresh, Into::into),
            name: name?.into(),
            url: url?.into(),
            media_type: media_type?,
            size: self.size,
            sha256: sha256?,
        })
    }
}

impl From<Attachment> for AttachmentBody {
    fn from(attachment: Attachment) -> Self {
        Self {
            id: attachment.id.into(),
            name: attachment.name.known().map(|name| name.as_str().to_owned()),
            url: attachment.url.known().map(|url| url.as_str().to_owned()),
            media_type: attachment.media_type.as_str().to_owned(),
            size: attachment.size,
            sha256: attachment.sha256.map(|digest| digest.as_str().to_owned()),
        }
    }
}
