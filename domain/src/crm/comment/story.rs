//! A comment's life, for the conformance suite.

use uuid::Uuid;

use super::{Author, Comment, CommentChange, CommentCommand, CommentProfile, Editor};
use crate::{
    kernel::{Invalid, PersonalOf, testing::Story},
    values::Prose,
};

fn author() -> Editor {
    Editor { actor: Author::new("user:author"), moderates: false }
}

impl Story for Comment {
    #[expect(clippy::expect_used, reason = "the values are valid, and this is for tests alone")]
    fn story() -> Vec<CommentCommand> {
        life().expect("valid values")
    }

    fn deletion() -> Option<CommentCommand> {
        Some(CommentCommand::Delete { by: author() })
    }

    fn restoration() -> Option<CommentCommand> {
        Some(CommentCommand::Restore { by: author() })
    }
}

fn life() -> Result<Vec<CommentCommand>, Invalid> {
    let (ana, activity) = (Uuid::from_u128(0x51), Uuid::from_u128(0x52));
    let text = |subject, text| Ok::<_, Invalid>(PersonalOf { subject, value: Prose::new(text)?.into() });
    let change = |text, mentions: &[u128]| CommentCommand::Change {
        by: author(),
        change: Box::new(CommentChange {
            text: Some(text),
            mentions: Some(mentions.iter().map(|user| Uuid::from_u128(*user).into()).collect()),
        }),
    };
    let profile = CommentProfile {
        activity_id: activity.into(),
        author: author().actor,
        text: text(ana, "She did not answer.")?,
        mentions: [Uuid::from_u128(1).into()].into(),
    };
    Ok(vec![
        CommentCommand::Create(Box::new(profile)),
        change(text(ana, "She called back.")?, &[1, 2]),
        CommentCommand::Delete { by: author() },
        CommentCommand::Restore { by: author() },
        CommentCommand::Forget { person: ana },
        change(text(activity, "Done.")?, &[]),
    ])
}
