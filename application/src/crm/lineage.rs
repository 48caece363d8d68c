//! Which companies stand above one another, as they were seen before some commands and as those change it.

use std::collections::{BTreeMap, BTreeSet};

use fairlead_domain::{
    crm::{Ancestry, Company},
    ids::CompanyId,
    kernel::{Aggregate, Belonging},
};
use uuid::Uuid;

use super::{
    companies::CompaniesRead,
    facts::{PAGE, reading},
};
use crate::{
    App, AppError, Turn,
    access::{Authorized, Reach, System},
};

/// Companies that are to be parents, and all that stand above them.
#[derive(Debug)]
pub(super) struct Lineage {
    /// Which companies the caller may read.
    reading: Option<Reach>,
    /// Those that were looked for.
    seen: BTreeMap<CompanyId, Option<Place>>,
}

/// Where a company stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The company right above it; of one that was merged, the one that took it in.
    above: Option<CompanyId>,
    living: bool,
    belongs: Option<Belonging>,
}

impl From<&Company> for Place {
    fn from(company: &Company) -> Self {
        let above = company.merged_into.or(company.profile.parent_id);
        Self { above, living: !company.is_deleted(), belongs: company.belongs() }
    }
}

impl Lineage {
    /// What stands above some companies. One round trip for each level, of which there are not many.
    pub(super) async fn above(
        app: &App,
        within: &Authorized<System>,
        parents: BTreeSet<CompanyId>,
    ) -> Result<Self, AppError> {
        let (mut seen, mut level) = (BTreeMap::new(), parents);
        // One more than may stand above another, to know that there are too many.
        for _ in 0..=Company::MAX_LEVELS {
            if level.is_empty() {
                break;
            }
            let ids: Vec<Uuid> = level.iter().map(|id| (*id).into()).collect();
            seen.extend(level.into_iter().map(|id| (id, None)));
            level = BTreeSet::new();
            for ids in ids.chunks(PAGE) {
                for company in app.read_all::<Company>(within, ids).await? {
                    let place = Place::from(&company.state);
                    seen.insert(company.id.into(), Some(place));
                    level.extend(place.above);
                }
            }
            level.retain(|id| !seen.contains_key(id));
        }
        Ok(Self { reading: reading::<CompaniesRead>(within), seen })
    }

    /// How a company that is to be the parent stands to the one whose turn it is, as far as the caller may read it.
    pub(super) fn ancestry(&self, turn: &Turn<'_>, parent: CompanyId) -> Result<Ancestry, AppError> {
        let child = turn.id().into();
        if parent == child {
            return Ok(Ancestry::Circular);
        }
        let readable = |place: &Place| self.reading.as_ref().is_some_and(|reach| reach.covers(place.belongs));
        let Some(place) = self.place(turn, parent)?.filter(|place| place.living && readable(place)) else {
            return Ok(Ancestry::Unknown);
        };
        let mut next = place.above;
        for _ in 0..Company::MAX_LEVELS {
            match next {
                None => return Ok(Ancestry::Sound),
                Some(id) if id == child => return Ok(Ancestry::Circular),
                Some(id) => next = self.place(turn, id)?.and_then(|place| place.above),
            }
        }
        Ok(Ancestry::TooDeep)
    }

    /// Where a company stands now.
    fn place(&self, turn: &Turn<'_>, id: CompanyId) -> Result<Option<Place>, AppError> {
        match turn.changed::<Company>(id)? {
            Some(company) => Ok(Some(Place::from(&company))),
            None => self.seen.get(&id).copied().ok_or(AppError::Unforeseen),
        }
    }
}
