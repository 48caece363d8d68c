//! What is known about a person.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ContactError, ContactEvent,
    consent::{Channel, Consent, latest},
};
use crate::{
    crm::custom_field::{AttributeChange, Schema, check_count, note_unique},
    ids::{CompanyId, ProjectId, UserId},
    kernel::{Invalid, Patch, Personal},
    values::{
        Address, AttributeKey, AttributeValue, Email, ExternalId, Handle, Label, Language, LifecycleStage, PersonName,
        PhoneNumber, Points, SystemName, Tag, TimeZone,
    },
};

/// How many networks, names in other systems and companies each.
pub(super) const MAX_OF_OTHERS: usize = 50;

/// What is known about a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContactProfile {
    /// What the person is called.
    pub name: Personal<PersonName>,
    /// Each unique among the living contacts of an organization, without regard to case.
    #[serde(default, skip_serializing_if = "Points::is_empty", with = "crate::kernel::personal_or_default")]
    #[schemars(with = "Personal<Points<Email>>")]
    pub emails: Points<Email>,
    /// Where the person can be called.
    #[serde(default, skip_serializing_if = "Points::is_empty", with = "crate::kernel::personal_or_default")]
    #[schemars(with = "Personal<Points<PhoneNumber>>")]
    pub phones: Points<PhoneNumber>,
    /// Where the person lives or works.
    #[serde(default, skip_serializing_if = "Points::is_empty", with = "crate::kernel::personal_or_default")]
    #[schemars(with = "Personal<Points<Address>>")]
    pub addresses: Points<Address>,
    /// What the person does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_title: Option<Personal<Label>>,
    /// The day of birth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birthday: Option<Personal<NaiveDate>>,
    /// The language in which to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Personal<Language>>,
    /// Where it is which time of day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Personal<TimeZone>>,
    /// How far the person has come on the way to being a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_stage: Option<LifecycleStage>,
    /// By what the person became known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Label>,
    /// What the person is called in networks, by network.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub handles: BTreeMap<SystemName, Personal<Handle>>,
    /// What other systems call the person. Each unique among the living contacts of an organization.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "crate::kernel::personal_or_default")]
    #[schemars(with = "Personal<BTreeSet<ExternalId>>")]
    pub external_ids: BTreeSet<ExternalId>,
    /// Whether the person may be written to or called, by channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub consents: BTreeMap<Channel, Consent>,
    /// For which companies the person works or worked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub companies: BTreeMap<CompanyId, Personal<Employment>>,
    /// Who in the company looks after the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// The workspace to which the contact belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// Labels, each once. Personal, since a label can say anything about the person.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "crate::kernel::personal_or_default")]
    #[schemars(with = "Personal<BTreeSet<Tag>>")]
    pub tags: BTreeSet<Tag>,
    /// What the company wishes to note beyond the fields above. All of it counts as personal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<AttributeKey, Personal<AttributeValue>>,
    /// Those of its custom attributes whose value no other living contact of the organization may have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unique_attributes: BTreeSet<AttributeKey>,
}

/// How a person belongs to a company.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Employment {
    /// As what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Label>,
    /// The first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<NaiveDate>,
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
}

/// A change of the ways to reach a person.
#[derive(Clone, Default)]
pub enum PointsChange<T> {
    /// They stay.
    #[default]
    Keep,
    /// Another primary one, while the others stay; or none.
    Primary(Option<T>),
    /// All of them.
    All(Points<T>),
}

/// A change of attributes, in the sense of JSON merge patch (RFC 7396).
#[derive(Clone, Default)]
pub struct ContactChange {
    /// A new name.
    pub name: Option<PersonName>,
    /// Other e-mail addresses.
    pub emails: PointsChange<Email>,
    /// Other telephone numbers.
    pub phones: PointsChange<PhoneNumber>,
    /// Other addresses.
    pub addresses: PointsChange<Address>,
    /// What the person does.
    pub job_title: Patch<Label>,
    /// The day of birth.
    pub birthday: Patch<NaiveDate>,
    /// The language in which to write.
    pub language: Patch<Language>,
    /// Where it is which time of day.
    pub time_zone: Patch<TimeZone>,
    /// How far the person has come.
    pub lifecycle_stage: Patch<LifecycleStage>,
    /// By what the person became known.
    pub source: Patch<Label>,
    /// Names in networks to set, or with `None` to remove.
    pub handles: BTreeMap<SystemName, Option<Handle>>,
    /// What other systems call the person, as a whole.
    pub external_ids: Option<BTreeSet<ExternalId>>,
    /// Consents to set, or with `None` to remove.
    pub consents: BTreeMap<Channel, Option<Consent>>,
    /// A new owner.
    pub owner_id: Patch<UserId>,
    /// Another workspace.
    pub project_id: Patch<ProjectId>,
    /// Custom attributes to set, or with `None` to remove.
    pub attributes: BTreeMap<AttributeKey, Option<AttributeValue>>,
    /// What they may be.
    pub schema: Schema,
}

impl<T: PartialEq + Clone> PointsChange<T> {
    /// The new ones, when they differ.
    fn differing(self, present: &Points<T>) -> Result<Option<Points<T>>, Invalid> {
        let wanted = match self {
            Self::Keep => return Ok(None),
            Self::Primary(value) => present.with_primary(value)?,
            Self::All(points) => points,
        };
        Ok(Some(wanted).filter(|wanted| wanted != present))
    }
}

/// What has to become of which keys.
fn differences<K: Ord, V: PartialEq>(
    present: &BTreeMap<K, V>,
    wanted: impl IntoIterator<Item = (K, Option<V>)>,
) -> Vec<(K, Option<V>)> {
    wanted.into_iter().filter(|(key, value)| present.get(key) != value.as_ref()).collect()
}

fn personal<K, V>(wanted: BTreeMap<K, Option<V>>) -> impl Iterator<Item = (K, Option<Personal<V>>)> {
    wanted.into_iter().map(|(key, value)| (key, value.map(Personal::from)))
}

impl ContactProfile {
    /// A profile of which only the name is known.
    pub fn named(name: PersonName) -> Self {
        Self::of(name.into())
    }

    /// A profile of which everything is known that a change says, and that carries labels. Whether its custom attributes are as they
    /// may be is seen when it is to be created.
    ///
    /// # Errors
    /// `contact.nameless`, or that it is too much.
    pub fn begun(mut change: ContactChange, tags: BTreeSet<Tag>) -> Result<Self, ContactError> {
        let profile = Self::named(change.name.clone().ok_or(ContactError::Nameless)?);
        let attributes = std::mem::take(&mut change.attributes);
        let mut events = profile.changes(change)?;
        events.extend(profile.tagged(&tags)?);
        let attributes = attributes.into_iter().filter_map(|(key, value)| Some((key, value?.into())));
        Ok(Self { attributes: attributes.collect(), ..profile.after(&events) })
    }

    /// The profile of a new contact, whose custom attributes are as they may be.
    pub(super) fn defined(mut self, schema: &Schema) -> Result<Self, ContactError> {
        let given = std::mem::take(&mut self.attributes).into_iter();
        let given = given.filter_map(|(key, value)| Some((key, value.known()?.clone())));
        for AttributeChange { key, value, unique } in schema.begun(given).map_err(ContactError::Attribute)? {
            note_unique(&mut self.unique_attributes, &key, unique);
            self.attributes.extend(value.map(|value| (key, value.into())));
        }
        self.checked()
    }

    fn of(name: Personal<PersonName>) -> Self {
        Self {
            name,
            emails: Points::default(),
            phones: Points::default(),
            addresses: Points::default(),
            job_title: None,
            birthday: None,
            language: None,
            time_zone: None,
            lifecycle_stage: None,
            source: None,
            handles: BTreeMap::new(),
            external_ids: BTreeSet::new(),
            consents: BTreeMap::new(),
            companies: BTreeMap::new(),
            owner_id: None,
            project_id: None,
            tags: BTreeSet::new(),
            attributes: BTreeMap::new(),
            unique_attributes: BTreeSet::new(),
        }
    }

    /// Leaves what is about the company: who looked after the person, and in which workspace.
    pub(super) fn erase(&mut self) {
        let Self { owner_id, project_id, .. } = *self;
        *self = Self { owner_id, project_id, ..Self::of(Personal::Erased) };
    }

    /// Refuses more than there may be.
    pub(super) fn checked(self) -> Result<Self, ContactError> {
        check_count(self.attributes.len()).map_err(ContactError::Attribute)?;
        if self.tags.len() > Tag::MOST {
            Err(ContactError::TooManyTags)
        } else if self.handles.len() > MAX_OF_OTHERS {
            Err(ContactError::TooManyHandles)
        } else if self.external_ids.len() > MAX_OF_OTHERS {
            Err(ContactError::TooManyExternalIds)
        } else if self.companies.len() > MAX_OF_OTHERS {
            Err(ContactError::TooManyCompanies)
        } else {
            Ok(self)
        }
    }

    /// The profile after some events.
    pub(super) fn after(&self, events: &[ContactEvent]) -> Self {
        let mut profile = self.clone();
        for event in events {
            profile.apply(event.clone());
        }
        profile
    }

    /// One event for each thing that differs.
    pub(super) fn changes(&self, change: ContactChange) -> Result<Vec<ContactEvent>, ContactError> {
        use ContactEvent::{
            AddressChanged, BirthdayChanged, ConsentChanged, EmailChanged, ExternalIdsChanged, HandleChanged,
            JobTitleChanged, LanguageChanged, LifecycleStageChanged, OwnerChanged, PhoneChanged, ProjectChanged,
            Renamed, SourceChanged, TimeZoneChanged,
        };
        let mut events = Vec::new();
        let name = change.name.map(Personal::from).filter(|name| *name != self.name);
        events.extend(name.map(|name| Renamed { name }));
        events.extend(change.emails.differing(&self.emails)?.map(|emails| EmailChanged { emails }));
        events.extend(change.phones.differing(&self.phones)?.map(|phones| PhoneChanged { phones }));
        events.extend(change.addresses.differing(&self.addresses)?.map(|addresses| AddressChanged { addresses }));
        let job_title = change.job_title.differing(self.job_title.as_ref());
        events.extend(job_title.map(|job_title| JobTitleChanged { job_title }));
        events.extend(change.birthday.differing(self.birthday.as_ref()).map(|birthday| BirthdayChanged { birthday }));
        events.extend(change.language.differing(self.language.as_ref()).map(|language| LanguageChanged { language }));
        let time_zone = change.time_zone.differing(self.time_zone.as_ref());
        events.extend(time_zone.map(|time_zone| TimeZoneChanged { time_zone }));
        let stage = change.lifecycle_stage.differing(self.lifecycle_stage.as_ref());
        events.extend(stage.map(|lifecycle_stage| LifecycleStageChanged { lifecycle_stage }));
        events.extend(change.source.differing(self.source.as_ref()).map(|source| SourceChanged { source }));
        let handles = differences(&self.handles, personal(change.handles));
        events.extend(handles.into_iter().map(|(network, handle)| HandleChanged { network, handle }));
        let external_ids = change.external_ids.filter(|ids| *ids != self.external_ids);
        events.extend(external_ids.map(|external_ids| ExternalIdsChanged { external_ids }));
        // Who says the same again has said it before.
        let said = change.consents.into_iter().filter(|(channel, consent)| {
            self.consents.get(channel).map(|present| present.status) != consent.map(|consent| consent.status)
        });
        let consents = differences(&self.consents, said);
        events.extend(consents.into_iter().map(|(channel, consent)| ConsentChanged { channel, consent }));
        events.extend(change.owner_id.differing(self.owner_id.as_ref()).map(|owner_id| OwnerChanged { owner_id }));
        let project = change.project_id.differing(self.project_id.as_ref());
        events.extend(project.map(|project_id| ProjectChanged { project_id }));
        let present = |key: &AttributeKey| self.attributes.get(key).map(Personal::known);
        let attributes = change.schema.changes(present, &self.unique_attributes, change.attributes);
        let attributes = attributes.map_err(ContactError::Attribute)?.into_iter();
        events.extend(attributes.map(attribute_event));
        self.after(&events).checked()?;
        Ok(events)
    }

    pub(super) fn tagged(&self, tags: &BTreeSet<Tag>) -> Result<Vec<ContactEvent>, ContactError> {
        let tags = Tag::added(&self.tags, tags).ok_or(ContactError::TooManyTags)?;
        Ok(if tags.is_empty() { vec![] } else { vec![ContactEvent::Tagged { tags }] })
    }

    pub(super) fn untagged(&self, tags: &BTreeSet<Tag>) -> Vec<ContactEvent> {
        let tags = Tag::taken(&self.tags, tags);
        if tags.is_empty() { vec![] } else { vec![ContactEvent::Untagged { tags }] }
    }

    /// The link to a company, unless it is there as it shall be.
    pub(super) fn linked(
        &self,
        company_id: CompanyId,
        employment: Employment,
        seen: bool,
    ) -> Result<Vec<ContactEvent>, ContactError> {
        let employment = Personal::from(employment);
        match self.companies.get(&company_id) {
            Some(present) if *present == employment => Ok(vec![]),
            None if !seen => Err(ContactError::UnknownCompany),
            None if self.companies.len() == MAX_OF_OTHERS => Err(ContactError::TooManyCompanies),
            _ => Ok(vec![ContactEvent::CompanyLinked { company_id, employment }]),
        }
    }

    /// The profile of two who are one: what this one has stays, and what it lacks is taken from the other.
    pub(super) fn and(&self, other: Self) -> Result<Self, ContactError> {
        fn union<K: Ord + Clone, V: Clone>(first: &BTreeMap<K, V>, second: BTreeMap<K, V>) -> BTreeMap<K, V> {
            second.into_iter().chain(first.clone()).collect()
        }
        let this = self.clone();
        Self {
            name: this.name,
            emails: this.emails.and(&other.emails)?,
            phones: this.phones.and(&other.phones)?,
            addresses: this.addresses.and(&other.addresses)?,
            job_title: this.job_title.or(other.job_title),
            birthday: this.birthday.or(other.birthday),
            language: this.language.or(other.language),
            time_zone: this.time_zone.or(other.time_zone),
            lifecycle_stage: this.lifecycle_stage.or(other.lifecycle_stage),
            source: this.source.or(other.source),
            handles: union(&this.handles, other.handles),
            external_ids: this.external_ids.into_iter().chain(other.external_ids).collect(),
            consents: latest(&this.consents, &other.consents),
            companies: union(&this.companies, other.companies),
            owner_id: this.owner_id.or(other.owner_id),
            project_id: this.project_id.or(other.project_id),
            tags: this.tags.into_iter().chain(other.tags).collect(),
            unique_attributes: {
                // What this one has stays, so that what the other has under the same key is let go.
                let of_other = other.unique_attributes.into_iter().filter(|key| !this.attributes.contains_key(key));
                this.unique_attributes.into_iter().chain(of_other).collect()
            },
            attributes: union(&this.attributes, other.attributes),
        }
        .checked()
    }
}

/// What tells of a change of a custom attribute.
pub(super) fn attribute_event(AttributeChange { key, value, unique }: AttributeChange) -> ContactEvent {
    match value {
        Some(value) => ContactEvent::AttributeSet { key, value: value.into(), unique },
        None => ContactEvent::AttributeRemoved { key },
    }
}
