//! Two companies that turn out to be one: the winner takes the loser in.

use super::{CompanyError, CompanyEvent, CompanyProfile};
use crate::ids::CompanyId;

/// A company that is to be taken in, as was seen before the command.
#[derive(Debug, Clone)]
pub struct Absorption {
    /// Which one.
    pub company_id: CompanyId,
    /// What is known about it; `None` when it is not there.
    pub profile: Option<CompanyProfile>,
    /// How it stands to the company that takes it in.
    pub kinship: Kinship,
}

/// How the company that is to be taken in stands to the one that takes it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// Neither above nor below it.
    Apart,
    /// It belongs to it, over however many others.
    Below,
    /// The other way round.
    Above,
    /// It is the same company.
    Same,
    /// It was taken in before.
    Merged,
    /// Too many companies stand above one of them to be sure.
    Unclear,
}

impl CompanyProfile {
    /// Takes another company in. Where that one stands above, this one comes to its place, since all that belongs to the
    /// other will belong to this one.
    pub(super) fn absorbs(&self, absorption: Absorption) -> Result<Vec<CompanyEvent>, CompanyError> {
        let Absorption { company_id, profile, kinship } = absorption;
        let inherits = match kinship {
            Kinship::Same => return Err(CompanyError::MergedWithItself),
            Kinship::Unclear => return Err(CompanyError::TooDeep),
            Kinship::Merged => return Ok(vec![]),
            Kinship::Apart => self.parent_id.is_none(),
            // What belongs to this company is no parent of it.
            Kinship::Below => false,
            Kinship::Above => true,
        };
        let loser = profile.ok_or(CompanyError::UnknownLoser)?;
        let profile = Box::new(self.and(loser, inherits));
        profile.within_limits()?;
        Ok(vec![CompanyEvent::Absorbed { company_id, profile }])
    }

    /// The profile of two that are one: what this one has stays, and what it lacks is taken from the other.
    fn and(&self, other: Self, inherits: bool) -> Self {
        let this = self.clone();
        Self {
            name: this.name,
            domains: this.domains.into_iter().chain(other.domains).collect(),
            industry: this.industry.or(other.industry),
            employees: this.employees.or(other.employees),
            website: this.website.or(other.website),
            phone: this.phone.or(other.phone),
            address: this.address.or(other.address),
            lifecycle_stage: this.lifecycle_stage.or(other.lifecycle_stage),
            parent_id: if inherits { other.parent_id } else { this.parent_id },
            owner_id: this.owner_id.or(other.owner_id),
            project_id: this.project_id.or(other.project_id),
            tags: this.tags.into_iter().chain(other.tags).collect(),
            unique_attributes: {
                // What this one has stays, so that what the other has under the same key is let go.
                let of_other = other.unique_attributes.into_iter().filter(|key| !this.attributes.contains_key(key));
                this.unique_attributes.into_iter().chain(of_other).collect()
            },
            attributes: other.attributes.into_iter().chain(this.attributes).collect(),
        }
    }
}
