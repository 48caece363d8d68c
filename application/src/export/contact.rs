//! All that is known about a contact: one document.

use std::{borrow::Cow, collections::BTreeSet};

use fairlead_domain::{
    crm::{Activity, Comment, Contact},
    ids::ContactId,
    kernel::Aggregate,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Exports, FORMAT, shown};
use crate::{
    AppError, Recorded,
    access::{Authorized, Permission},
    crm::{ActivitiesRead, CommentsRead, ContactsRead, TimelineEntry},
    envelope::{envelope, rfc3339},
    list::{Condition, Filter, ListQuery, Listed, Literal, Operator, Sort, Test},
};

/// Records, or events, read at once.
const PAGE: u16 = 200;

impl Exports {
    /// All that is known about a contact, deleted or not: its present, what happened, the timeline, and what the caller may read of
    /// what is about it. `None` when there is none within the caller's reach.
    ///
    /// # Errors
    /// [`AppError::NotYetVisible`], [`AppError::Parked`], [`AppError::Unavailable`], [`AppError::Internal`].
    pub async fn contact(&self, cx: &Authorized<ContactsRead>, id: ContactId) -> Result<Option<Value>, AppError> {
        let Some(contact) = self.0.app.read::<Contact>(cx, id).await? else { return Ok(None) };
        let (mut events, mut after) = (Vec::new(), 0);
        while let Some(page) = self.history().record::<Contact>(cx, id, after, PAGE).await? {
            events.extend(page.events.iter().map(|event| envelope(cx.tenant().into(), contact.id, event, None)));
            match page.events.last() {
                Some(last) if page.more => after = last.version,
                _ => break,
            }
        }
        let (mut timeline, mut before) = (Vec::new(), None);
        loop {
            let page = self.0.timelines.record(cx, &contact, before, PAGE).await?;
            timeline.extend(page.iter().map(entry));
            match page.last() {
                Some(last) if page.len() == usize::from(PAGE) => before = Some(last.position),
                _ => break,
            }
        }
        let activities = self.activities(cx, contact.id).await?;
        let comments = self.comments(cx, contact.id, &activities).await?;
        Ok(Some(json!({
            "format": FORMAT,
            "at": self.now(),
            "contact": shown(contact)?,
            "events": events,
            "timeline": timeline,
            "activities": activities.into_iter().map(shown).collect::<Result<Vec<_>, _>>()?,
            "comments": comments.into_iter().map(shown).collect::<Result<Vec<_>, _>>()?,
        })))
    }

    /// The activities that are about a person, or whose words are, as far as the caller may read them.
    async fn activities(
        &self,
        cx: &Authorized<ContactsRead>,
        person: Uuid,
    ) -> Result<Vec<Recorded<Activity>>, AppError> {
        let Ok(reader) = (**cx).clone().authorize::<ActivitiesRead>() else { return Ok(Vec::new()) };
        let mut ids = self.told::<Activity>(cx, person).await?;
        let test = Test::Compare(Operator::Equal, Literal::Id(person));
        let about = Activity::FIELDS.iter().find(|field| field.name == "about");
        let field = about.ok_or_else(|| AppError::internal("activities are listed by what they are about"))?;
        let filter = Filter::Is(Condition { field: Cow::Borrowed(field), test });
        let mut query = ListQuery { filter, search: None, sort: newest()?, limit: PAGE, after: None };
        loop {
            let page = self.0.lists.of::<Activity>()?.page(&reader, &query).await?;
            ids.extend(page.rows.iter().map(|row| row.id));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        let ids: Vec<_> = ids.into_iter().collect();
        let mut activities = Vec::with_capacity(ids.len());
        for ids in ids.chunks(PAGE.into()) {
            activities.extend(self.0.app.read_all::<Activity>(&reader, ids).await?);
        }
        activities.sort_by_key(|activity| activity.id);
        Ok(activities)
    }

    /// The comments that tell about a person, of activities that are shown.
    async fn comments(
        &self,
        cx: &Authorized<ContactsRead>,
        person: Uuid,
        activities: &[Recorded<Activity>],
    ) -> Result<Vec<Recorded<Comment>>, AppError> {
        let Some(reach) = cx.access.reach(CommentsRead::NAME) else { return Ok(Vec::new()) };
        let within = activities.iter().filter(|activity| reach.covers(activity.state.belongs()));
        let within: BTreeSet<_> = within.map(|activity| activity.id).collect();
        let ids: Vec<_> = self.told::<Comment>(cx, person).await?.into_iter().collect();
        let mut comments = Vec::new();
        for ids in ids.chunks(PAGE.into()) {
            let page = self.0.app.read_all::<Comment>(&cx.on_behalf(), ids).await?;
            comments
                .extend(page.into_iter().filter(|comment| within.contains(&comment.state.profile.activity_id.into())));
        }
        comments.sort_by_key(|comment| comment.id);
        Ok(comments)
    }

    /// The records of a kind that ever told something about a person.
    async fn told<A: Aggregate>(
        &self,
        cx: &Authorized<ContactsRead>,
        person: Uuid,
    ) -> Result<BTreeSet<Uuid>, AppError> {
        let (mut ids, mut after) = (BTreeSet::new(), None);
        loop {
            let page = self.0.app.streams_about::<A>(&cx.on_behalf(), person, after, PAGE).await?;
            after = page.last().copied();
            let last = page.len() < usize::from(PAGE);
            ids.extend(page);
            if last {
                return Ok(ids);
            }
        }
    }
}

fn newest() -> Result<Sort, AppError> {
    Sort::parse("-created", Activity::FIELDS).map_err(AppError::internal)
}

fn entry(entry: &TimelineEntry) -> Value {
    json!({
        "id": entry.event_id,
        "record_id": entry.record_id,
        "type": entry.event_type,
        "time": rfc3339(entry.occurred_at),
        "version": entry.version,
        "actor": entry.actor,
        "data": entry.data,
    })
}
