//! Reading the present: of one stream, of some, or of all of a kind of which there are few.

use fairlead_domain::{ids::UserId, kernel::Aggregate};
use uuid::Uuid;

use crate::{
    App, AppError, Context, Recorded,
    access::{Authorized, Reveals, System},
    app::is_old,
    ports::{RegisterQuery, RelatedQuery, Relation, StoredStream},
    recorded::{decode_state, refold},
};

impl App {
    /// The present state of a stream. `None` when it does not exist in the caller's tenant, or is beyond the caller's reach.
    ///
    /// # Errors
    /// [`AppError`]
    pub async fn read<A: Aggregate>(
        &self,
        cx: &Authorized<impl Reveals<A>>,
        id: A::Id,
    ) -> Result<Option<Recorded<A>>, AppError> {
        let loaded = self.store.load(cx, &[id.into()]).await?;
        let Some(stream) = loaded.streams.into_iter().find(|stream| stream.aggregate == A::TYPE) else {
            return Ok(None);
        };
        let recorded: Recorded<A> = self.recorded(cx, &stream).await?;
        Ok(Some(recorded).filter(|recorded| cx.reach().covers(recorded.state.belongs())))
    }

    /// The present states of some streams, in no particular order, those left out that are not there or beyond reach. One
    /// round trip.
    ///
    /// # Errors
    /// [`AppError`]
    pub async fn read_all<A: Aggregate>(
        &self,
        cx: &Authorized<impl Reveals<A>>,
        ids: &[Uuid],
    ) -> Result<Vec<Recorded<A>>, AppError> {
        let loaded = self.store.load(cx, ids).await?;
        let mut all = Vec::with_capacity(loaded.streams.len());
        for stream in loaded.streams.iter().filter(|stream| stream.aggregate == A::TYPE) {
            let recorded = self.recorded::<A>(cx, stream).await?;
            all.extend(Some(recorded).filter(|recorded| cx.reach().covers(recorded.state.belongs())));
        }
        Ok(all)
    }

    /// A page of the living streams of an aggregate of which a tenant has few, in the order of their ids, behind one of them,
    /// as far as the caller reaches; and whether there are more. Always current.
    ///
    /// # Errors
    /// [`AppError`]
    pub async fn register<A: Aggregate>(
        &self,
        cx: &Authorized<impl Reveals<A>>,
        of: Option<UserId>,
        after: Option<Uuid>,
        limit: u16,
    ) -> Result<(Vec<Recorded<A>>, bool), AppError> {
        let (mut page, mut after) = (Vec::new(), after);
        loop {
            let query = RegisterQuery { aggregate: A::TYPE, user: of.map(Uuid::from), after, limit: limit + 1 };
            let streams = self.store.register(cx, &query).await?;
            for stream in &streams {
                let recorded: Recorded<A> = self.recorded(cx, stream).await?;
                if !cx.reach().covers(recorded.state.belongs()) {
                    continue;
                }
                if page.len() == usize::from(limit) {
                    return Ok((page, true));
                }
                page.push(recorded);
            }
            if streams.len() <= usize::from(limit) {
                return Ok((page, false));
            }
            after = streams.last().map(|stream| stream.id);
        }
    }

    /// The streams of an aggregate in which something about a person was ever told to whom they don't belong, in ascending
    /// order of id, behind one of them; deleted ones too. Always current.
    ///
    /// # Errors
    /// [`AppError`]
    pub async fn streams_about<A: Aggregate>(
        &self,
        cx: &Authorized<System>,
        person: Uuid,
        after: Option<Uuid>,
        limit: u16,
    ) -> Result<Vec<Uuid>, AppError> {
        let relation = Relation::TellsOf;
        let query = RelatedQuery { relation, record: person, aggregate: A::TYPE, after, limit };
        Ok(self.store.related(cx, &query).await?)
    }

    /// The streams of an aggregate whose state [refers](Aggregate::references) to a record, in ascending order of id, behind one
    /// of them; deleted ones too. Always current.
    ///
    /// # Errors
    /// [`AppError`]
    pub async fn referrers<A: Aggregate>(
        &self,
        cx: &Authorized<System>,
        record: Uuid,
        after: Option<Uuid>,
        limit: u16,
    ) -> Result<Vec<Uuid>, AppError> {
        let query = RelatedQuery { relation: Relation::RefersTo, record, aggregate: A::TYPE, after, limit };
        Ok(self.store.related(cx, &query).await?)
    }

    /// Reads a stream's state, folded anew where it is stored in an older shape.
    pub(crate) async fn recorded<A: Aggregate>(
        &self,
        cx: &Context,
        stream: &StoredStream,
    ) -> Result<Recorded<A>, AppError> {
        let state = if is_old(stream, A::STATE_VERSION)? {
            refold::<A>(self.store.events(cx, stream.id).await?)
        } else {
            decode_state(&stream.state)
        };
        Ok(Recorded::new(cx.tenant(), stream, state.map_err(AppError::internal)?))
    }
}
