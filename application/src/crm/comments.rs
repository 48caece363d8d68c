//! Comments: who may do what with them. A comment is reached with its activity, and changed by its author.

use std::{borrow::Cow, collections::BTreeSet};

use fairlead_domain::{
    crm::{
        Activity, ActivityError, Author, Comment, CommentChange, CommentCommand, CommentError, CommentProfile, Editor,
    },
    ids::{ActivityId, CommentId, UserId},
    kernel::{Aggregate, Personal, PersonalOf},
    values::Prose,
};
use uuid::Uuid;

use crate::{
    App, AppError, Expected, Outcome, Recorded, Step,
    access::{Authorized, Permission, permissions},
    list::{
        AllLists, Condition, Field, FieldKind, Filter, ListQuery, Listed, Literal, Operator, Page, Position, Sort, Test,
    },
};

permissions! {
    /// Read comments of the activities that are reached.
    CommentsRead = "comments:read", Reveals<Comment>;
    /// Comment on the activities that are reached, and change own comments.
    CommentsWrite = "comments:write", Permits<Comment>;
    /// Change, delete and restore comments of others too, with the permission to write besides.
    CommentsModerate = "comments:moderate", Permits<Comment>;
}

impl Listed for Comment {
    const FIELDS: &'static [Field] = &[
        Field::sorted("created", FieldKind::Instant),
        Field::sorted("updated", FieldKind::Instant),
        Field::filtered("activity", FieldKind::Id),
    ];
}

/// A comment that is to be made.
#[derive(Clone)]
pub struct NewComment {
    /// What is said.
    pub text: Prose,
    /// Users who are mentioned.
    pub mentions: BTreeSet<UserId>,
}

/// A change of a comment; what is missing stays.
#[derive(Clone, Default)]
pub struct CommentEdit {
    /// What is said instead.
    pub text: Option<Prose>,
    /// Users who are mentioned, all of them.
    pub mentions: Option<BTreeSet<UserId>>,
}

/// Comments of activities.
///
/// A comment belongs to whom its activity belongs. So a permission over own records, or those of projects, reaches the comments
/// of the activities that are within.
#[derive(Clone)]
pub struct Comments(App);

impl Comments {
    /// Comments, commanded and read through an application.
    pub fn new(app: App) -> Self {
        Self(app)
    }

    /// Comments on an activity.
    ///
    /// # Errors
    /// `activity.not_found`; otherwise as [`App::execute`].
    pub async fn create(
        &self,
        cx: &Authorized<CommentsWrite>,
        activity: ActivityId,
        new: NewComment,
    ) -> Result<Outcome, AppError> {
        let activity = self.activity(cx, activity).await?.ok_or(ActivityError::NotFound)?;
        let profile = CommentProfile {
            activity_id: activity.id.into(),
            author: Author::new(cx.actor().as_str()),
            text: about(&activity, new.text),
            mentions: new.mentions,
        };
        self.0
            .execute::<Comment>(&cx.on_behalf(), self.0.fresh(), Expected::New, CommentCommand::Create(profile.into()))
            .await
    }

    /// Changes a comment.
    ///
    /// # Errors
    /// `comment.not_found`, `comment.not_yours`; otherwise as [`App::execute`].
    pub async fn change(
        &self,
        cx: &Authorized<CommentsWrite>,
        id: CommentId,
        expected: Expected,
        edit: CommentEdit,
    ) -> Result<Outcome, AppError> {
        self.edited(cx, id, expected, |activity, by| {
            let text = edit.text.map(|text| about(activity, text));
            CommentCommand::Change { by, change: Box::new(CommentChange { text, mentions: edit.mentions }) }
        })
        .await
    }

    /// Deletes a comment.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub async fn delete(
        &self,
        cx: &Authorized<CommentsWrite>,
        id: CommentId,
        expected: Expected,
    ) -> Result<Outcome, AppError> {
        self.edited(cx, id, expected, |_, by| CommentCommand::Delete { by }).await
    }

    /// Brings a comment back.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub async fn restore(
        &self,
        cx: &Authorized<CommentsWrite>,
        id: CommentId,
        expected: Expected,
    ) -> Result<Outcome, AppError> {
        self.edited(cx, id, expected, |_, by| CommentCommand::Restore { by }).await
    }

    /// A comment, deleted or not; `None` when there is none within reach.
    ///
    /// # Errors
    /// [`AppError`]
    pub async fn read(
        &self,
        cx: &Authorized<CommentsRead>,
        id: CommentId,
    ) -> Result<Option<Recorded<Comment>>, AppError> {
        Ok(self.reached(cx, id).await?.map(|(comment, _)| comment))
    }

    /// A page of the comments of an activity, the oldest first.
    ///
    /// # Errors
    /// `activity.not_found`; otherwise as [`crate::list::ListPort::page`].
    pub async fn page(
        &self,
        cx: &Authorized<CommentsRead>,
        lists: &AllLists,
        activity: ActivityId,
        after: Option<Position>,
        limit: u16,
    ) -> Result<Page<Recorded<Comment>>, AppError> {
        let activity = self.activity(cx, activity).await?.ok_or(ActivityError::NotFound)?;
        let [created, _, of_activity] = Comment::FIELDS else {
            return Err(AppError::internal("comments are listed by their activity"));
        };
        let test = Test::Compare(Operator::Equal, Literal::Id(activity.id));
        let filter = Filter::Is(Condition { field: Cow::Borrowed(of_activity), test });
        let sort = Sort { field: Cow::Borrowed(created), descending: false };
        let query = ListQuery { filter, search: None, sort, limit, after };
        lists.of::<Comment>()?.page(&cx.on_behalf(), &query).await
    }

    async fn edited(
        &self,
        cx: &Authorized<CommentsWrite>,
        id: CommentId,
        expected: Expected,
        command: impl FnOnce(&Recorded<Activity>, Editor) -> CommentCommand,
    ) -> Result<Outcome, AppError> {
        let (_, activity) = self.reached(cx, id).await?.ok_or(CommentError::NotFound)?;
        let moderate = cx.access().reach(CommentsModerate::NAME);
        let moderates = moderate.is_some_and(|reach| reach.covers(activity.state.belongs()));
        let by = Editor { actor: Author::new(cx.actor().as_str()), moderates };
        let step = Step::new::<Comment>(&cx.on_behalf(), id, expected, command(&activity, by));
        self.0.execute_all(cx, &[step]).await
    }

    /// A comment and its activity, as far as the permission reaches the activity.
    async fn reached<P>(
        &self,
        cx: &Authorized<P>,
        id: CommentId,
    ) -> Result<Option<(Recorded<Comment>, Recorded<Activity>)>, AppError> {
        let Some(comment) = self.0.read::<Comment>(&cx.on_behalf(), id).await? else { return Ok(None) };
        let activity = self.activity(cx, comment.state.profile.activity_id).await?;
        Ok(activity.map(|activity| (comment, activity)))
    }

    /// A living activity, as far as the permission reaches it.
    async fn activity<P>(&self, cx: &Authorized<P>, id: ActivityId) -> Result<Option<Recorded<Activity>>, AppError> {
        let activity = self.0.read::<Activity>(&cx.on_behalf(), id).await?;
        Ok(activity.filter(|activity| !activity.state.is_deleted() && cx.reach().covers(activity.state.belongs())))
    }
}

/// Words about the person whom the activity is about, or else of the activity.
fn about(activity: &Recorded<Activity>, text: Prose) -> PersonalOf<Prose> {
    let subject: Uuid = activity.state.profile.person().unwrap_or(activity.id);
    PersonalOf { subject, value: Personal::Known(text) }
}
