//! How far a permission reaches: over everything, or over some of the records.

use std::sync::Arc;

use fairlead_domain::{
    ids::{ProjectId, UserId},
    kernel::Belonging,
    values::Over,
};

/// The records over which a caller holds a permission: those that meet everything which is said here. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Whether it was granted over all: only then it reaches what belongs to the organization as a whole.
    whole: bool,
    owner: Option<UserId>,
    /// In ascending order.
    projects: Option<Arc<[ProjectId]>>,
}

/// What a reach comes to among the records of one aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent<'a> {
    /// All records.
    Everything,
    /// Those that belong as it is said here, both of it.
    Part {
        /// To this user.
        owner: Option<UserId>,
        /// To one of these projects, which stand in ascending order.
        projects: Option<&'a [ProjectId]>,
    },
    /// None.
    Nothing,
}

impl Reach {
    /// What a grant comes to for somebody who is limited to `limit`, in ascending order; `None` when it comes to nothing,
    /// since it is over own records and the caller is no user.
    pub(super) fn of(over: Over, user: Option<UserId>, limit: Option<&Arc<[ProjectId]>>) -> Option<Self> {
        let projects = limit.cloned();
        match over {
            Over::All => Some(Self { whole: true, owner: None, projects }),
            Over::Projects => Some(Self { whole: false, owner: None, projects }),
            Over::Own => user.map(|user| Self { whole: false, owner: Some(user), projects }),
        }
    }

    /// Over everything.
    pub(crate) const EVERYTHING: Self = Self { whole: true, owner: None, projects: None };

    /// What is within both, of the same caller.
    #[must_use]
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            whole: self.whole && other.whole,
            owner: self.owner.or(other.owner),
            projects: self.projects.clone().or_else(|| other.projects.clone()),
        }
    }

    /// What it comes to among the records of an aggregate that [`BELONGS`](fairlead_domain::kernel::Aggregate::BELONGS),
    /// or does not.
    pub fn extent(&self, belongs: bool) -> Extent<'_> {
        match (belongs, self) {
            (false, Self { whole: true, .. }) | (true, Self { owner: None, projects: None, .. }) => Extent::Everything,
            (false, Self { whole: false, .. }) => Extent::Nothing,
            (true, Self { owner, projects, .. }) => Extent::Part { owner: *owner, projects: projects.as_deref() },
        }
    }

    /// Whether a record is within, as it [belongs](fairlead_domain::kernel::Aggregate::belongs).
    pub fn covers(&self, belonging: Option<Belonging>) -> bool {
        self.extent(belonging.is_some()).covers(belonging)
    }
}

impl Extent<'_> {
    /// Whether a record of the aggregate is within.
    pub fn covers(&self, belonging: Option<Belonging>) -> bool {
        match self {
            Self::Everything => true,
            Self::Nothing => false,
            Self::Part { owner, projects } => {
                let Belonging { owner_id, project_id } = belonging.unwrap_or_default();
                let among = |projects: &[ProjectId]| project_id.is_some_and(|id| projects.binary_search(&id).is_ok());
                owner.is_none_or(|owner| owner_id == Some(owner)) && projects.is_none_or(among)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn user(n: u128) -> UserId {
        Uuid::from_u128(n).into()
    }

    fn project(n: u128) -> ProjectId {
        Uuid::from_u128(n).into()
    }

    /// The whole rule: what is granted over, the limit, and for records that belong to (owner, project), or to nobody in
    /// particular, whether they are within.
    #[test]
    fn a_grant_reaches_what_it_is_over_within_the_limit() {
        let records: [(&str, Option<Belonging>); 6] = [
            ("nobody's", Some(Belonging::default())),
            ("own", Some(Belonging { owner_id: Some(user(1)), project_id: None })),
            ("another's", Some(Belonging { owner_id: Some(user(2)), project_id: None })),
            ("own, of a project", Some(Belonging { owner_id: Some(user(1)), project_id: Some(project(7)) })),
            ("another's, of a project", Some(Belonging { owner_id: Some(user(2)), project_id: Some(project(7)) })),
            ("the organization's", None),
        ];
        let limits: [&[u128]; 3] = [&[3, 7, 9], &[8], &[]];
        for (over, limit, within) in [
            (Over::All, None, [true, true, true, true, true, true]),
            (Over::Projects, None, [true, true, true, true, true, false]),
            (Over::Own, None, [false, true, false, true, false, false]),
            (Over::All, Some(0), [false, false, false, true, true, true]),
            (Over::Projects, Some(0), [false, false, false, true, true, false]),
            (Over::Own, Some(0), [false, false, false, true, false, false]),
            (Over::All, Some(1), [false, false, false, false, false, true]),
            (Over::Own, Some(1), [false; 6]),
            (Over::All, Some(2), [false, false, false, false, false, true]),
            (Over::Projects, Some(2), [false; 6]),
        ] {
            let limit: Option<Arc<[ProjectId]>> =
                limit.map(|n: usize| limits[n].iter().copied().map(project).collect());
            let reach = Reach::of(over, Some(user(1)), limit.as_ref()).unwrap();
            for ((record, belonging), within) in records.into_iter().zip(within) {
                assert_eq!(reach.covers(belonging), within, "{over:?} within {limit:?}: {record}");
            }
            assert_eq!(reach.and(&Reach::EVERYTHING), reach);
        }
        assert_eq!(Reach::of(Over::Own, None, None), None, "who is no user owns nothing");
    }

    #[test]
    fn both_means_what_is_within_each() {
        let limit: Arc<[ProjectId]> = [project(7)].into();
        let of = |over| Reach::of(over, Some(user(1)), Some(&limit)).unwrap();
        assert_eq!(of(Over::All).and(&of(Over::Own)), of(Over::Own));
        assert_eq!(of(Over::Projects).and(&of(Over::All)), of(Over::Projects));
        assert_eq!(of(Over::Own).and(&of(Over::Projects)), of(Over::Own));
    }
}
