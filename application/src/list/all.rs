//! The lists of all aggregates.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    ListPort, Listed, Lists,
    found::{AnyList, ListOf},
};
use crate::AppError;

/// The lists of every aggregate that has them.
#[derive(Clone, Default)]
pub struct AllLists {
    lists: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    /// Those that can be searched, by their aggregates' names.
    pub(super) searched: BTreeMap<&'static str, Arc<dyn AnyList>>,
}

impl AllLists {
    /// These and those of `A`, which a port serves. A search over all kinds finds them where they are
    /// [searched](Listed::SEARCHED).
    #[must_use]
    pub fn with<A: Listed>(mut self, port: impl ListPort<A> + 'static) -> Self {
        let port: Arc<dyn ListPort<A>> = Arc::new(port);
        if let Some(brief) = A::BRIEF {
            self.searched.insert(A::TYPE, Arc::new(ListOf { port: port.clone(), brief }));
        }
        self.lists.insert(TypeId::of::<A>(), Arc::new(Lists::<A>(port)));
        self
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.lists.extend(others.lists);
        self.searched.extend(others.searched);
        self
    }

    /// The lists of `A`.
    ///
    /// # Errors
    /// [`AppError::Internal`]: no read model of it is registered.
    pub fn of<A: Listed>(&self) -> Result<&Lists<A>, AppError> {
        let lists = self.lists.get(&TypeId::of::<A>()).and_then(|lists| lists.downcast_ref());
        lists.ok_or_else(|| AppError::Internal(format!("no read model lists {}", A::PLURAL).into()))
    }
}
