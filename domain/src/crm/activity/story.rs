//! An activity's life, for the conformance suite.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Activity, ActivityChange, ActivityCommand, ActivityKind, ActivityProfile, Attachment, Priority};
use crate::{
    ids::AttachmentId,
    kernel::{Invalid, Patch, testing::Story},
    values::{FileName, FileUrl, Label, MediaType, Prose, RecordRef, RecordType, Sha256, Subject},
};

impl Story for Activity {
    fn phase(&self) -> &'static str {
        if self.erased {
            "erased"
        } else if self.deleted {
            "deleted"
        } else if self.completed_at.is_some() {
            "completed"
        } else {
            "open"
        }
    }

    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<ActivityCommand> {
        life().expect("valid values")
    }

    fn deletion() -> Option<ActivityCommand> {
        Some(ActivityCommand::Delete)
    }

    fn restoration() -> Option<ActivityCommand> {
        Some(ActivityCommand::Restore)
    }
}

fn hour(number: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(500_000 + number)
}

fn id<Id: From<Uuid>>(number: u128) -> Id {
    Uuid::from_u128(number).into()
}

fn attachment(number: u128) -> Result<Attachment, Invalid> {
    Ok(Attachment {
        id: id(number),
        name: FileName::new("offer.pdf")?.into(),
        url: FileUrl::new("https://files.example.com/offer.pdf")?.into(),
        media_type: MediaType::new("application/pdf")?,
        size: 48_213,
        sha256: Some(Sha256::new(&"0a".repeat(32))?),
    })
}

fn change(change: ActivityChange) -> ActivityCommand {
    ActivityCommand::Change(Box::new(change))
}

/// It begins as a meeting about a company, to which a contact comes, who is erased later.
fn life() -> Result<Vec<ActivityCommand>, Invalid> {
    let company = RecordRef { record_type: RecordType::Company, id: id(0x61) };
    let ana: Uuid = id(0x62);
    let mut meeting = ActivityProfile::new(ActivityKind::Meeting, Subject::new("Talk about the offer")?, vec![company]);
    meeting.body = Some(Prose::new("Bring the new prices.\nAsk for the date.")?.into());
    meeting.due_at = Some(hour(2));
    meeting.reminder_at = Some(hour(1));
    meeting.starts_at = Some(hour(2));
    meeting.ends_at = Some(hour(3));
    meeting.assignee_id = Some(id(1));
    meeting.owner_id = Some(id(1));
    meeting.project_id = Some(id(2));
    meeting.mentions = [id(3)].into();
    meeting.attachments = vec![attachment(0x71)?];
    let everything = ActivityChange {
        subject: Some(Subject::new("Talk with Ana about the offer")?),
        body: Patch::Set(Some(Prose::new("She asked for it.")?)),
        about: Some(vec![RecordRef::contact(ana), company]),
        seen: [RecordRef::contact(ana)].into(),
        due_at: Patch::Set(Some(hour(5))),
        reminder_at: Patch::Set(None),
        starts_at: Patch::Set(Some(hour(5))),
        ends_at: Patch::Set(Some(hour(6))),
        outcome: Patch::Set(Some(Label::new("Interested")?)),
        priority: Some(Priority::High),
        owner_id: Patch::Set(Some(id(4))),
        project_id: Patch::Set(None),
    };
    let alone = ActivityChange { about: Some(vec![company]), body: Patch::Set(None), ..ActivityChange::default() };
    let detached: AttachmentId = id(0x71);
    Ok(vec![
        ActivityCommand::Create { profile: Box::new(meeting), seen: [company].into() },
        change(everything),
        ActivityCommand::Assign { assignee_id: None },
        ActivityCommand::Complete { at: hour(6), outcome: None },
        ActivityCommand::Reopen,
        ActivityCommand::Pin,
        ActivityCommand::Unpin,
        ActivityCommand::Mention { user_ids: [id(5)].into() },
        ActivityCommand::Attach(Box::new(attachment(0x72)?)),
        ActivityCommand::Detach { attachment_id: detached },
        ActivityCommand::Delete,
        ActivityCommand::Restore,
        ActivityCommand::Forget { person: ana, part_of: None },
        change(alone),
    ])
}
