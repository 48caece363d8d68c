//! Contacts that may be one person.

use std::{cmp::Ordering, sync::Arc};

use async_trait::async_trait;
use fairlead_domain::{crm::Contact, ids::CompanyId, kernel::Aggregate};
use uuid::Uuid;

use crate::{
    App, AppError, Context, Recorded,
    access::{Authorized, Reveals},
};

/// How many are looked at; those that the caller may not read are among them.
const MOST: i32 = 200;

/// A contact that has something in common with another.
#[derive(Debug, Clone, PartialEq)]
pub struct Twin {
    /// The contact.
    pub id: Uuid,
    /// What both have.
    pub reasons: Vec<Reason>,
}

/// Why two contacts may be one person. `Debug` hides what is personal.
#[derive(Clone, PartialEq)]
pub enum Reason {
    /// Mail for both ends up in this mailbox.
    Email(String),
    /// Both have a telephone number that ends so.
    Phone(String),
    /// Both have a name of these words.
    Name(String),
    /// Their names are spelled alike: from 0 to 1, by trigrams.
    SimilarName(f32),
    /// Both belong to this company.
    Company(CompanyId),
}

impl std::fmt::Debug for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Email(_) => "Email(…)",
            Self::Phone(_) => "Phone(…)",
            Self::Name(_) => "Name(…)",
            Self::SimilarName(_) => "SimilarName(…)",
            Self::Company(_) => "Company(…)",
        })
    }
}

impl Reason {
    /// How likely it alone makes two contacts one person: by judgement, for an order.
    fn weight(&self) -> f32 {
        match self {
            Self::Email(_) => 0.95,
            Self::Phone(_) => 0.8,
            Self::Name(_) => 0.6,
            Self::SimilarName(similarity) => 0.6 * similarity,
            Self::Company(_) => 0.3,
        }
    }
}

/// A contact that may be the same person as another.
#[derive(Debug, Clone, PartialEq)]
pub struct Duplicate {
    /// The contact as it is.
    pub contact: Recorded<Contact>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// How likely, from 0 to 1: that not all reasons are wrong.
    pub score: f32,
}

/// What the infrastructure must provide.
#[async_trait]
pub trait TwinPort: Send + Sync {
    /// Living contacts of the tenant that have something in common with one. Waits for the write in the context.
    ///
    /// # Errors
    /// [`AppError::NotYetVisible`], [`AppError::Parked`], [`AppError::Unavailable`].
    async fn twins(&self, cx: &Context, contact: Uuid, most: i32) -> Result<Vec<Twin>, AppError>;
}

/// Finds contacts that may be one person.
#[derive(Clone)]
pub struct Duplicates(Arc<dyn TwinPort>);

impl Duplicates {
    /// Duplicates over their port.
    pub fn new(port: Arc<dyn TwinPort>) -> Self {
        Self(port)
    }

    /// Those of a contact within the caller's reach, the likeliest first.
    ///
    /// # Errors
    /// As [`TwinPort::twins`].
    pub async fn of(
        &self,
        app: &App,
        cx: &Authorized<impl Reveals<Contact>>,
        contact: Uuid,
    ) -> Result<Vec<Duplicate>, AppError> {
        let twins = self.0.twins(cx, contact, MOST).await?;
        let ids: Vec<_> = twins.iter().map(|twin| twin.id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut present = app.read_all::<Contact>(cx, &ids).await?;
        present.retain(|contact| !contact.state.is_deleted());
        let duplicate = |Twin { id, reasons }: Twin| {
            let at = present.iter().position(|contact| contact.id == id)?;
            let wrong: f32 = reasons.iter().map(|reason| 1.0 - reason.weight()).product();
            Some(Duplicate { contact: present.swap_remove(at), reasons, score: 1.0 - wrong })
        };
        let mut all: Vec<_> = twins.into_iter().filter_map(duplicate).collect();
        all.sort_by(|a, b| {
            b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal).then(a.contact.id.cmp(&b.contact.id))
        });
        Ok(all)
    }
}
