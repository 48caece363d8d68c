//! What somebody has to do: what is overdue, what is due today, what comes later.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Days, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use fairlead_domain::{
    crm::Activity,
    ids::UserId,
    kernel::{Aggregate, Invalid},
};

use super::ActivitiesRead;
use crate::{
    AppError, Context, Recorded,
    access::{Authorized, Extent},
    ports::Clock,
};

/// Where somebody is, as far as the time of day is concerned: a name of the IANA time zone database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// Reads a name: `Europe/Lisbon`.
    ///
    /// # Errors
    /// `time_zone.unknown`
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let unknown = |_| Invalid::new("time_zone.unknown", "must be a name as in Europe/Lisbon");
        name.parse().map(Self).map_err(unknown)
    }

    /// When the day ends in which a moment falls.
    fn end_of_day(self, moment: DateTime<Utc>) -> DateTime<Utc> {
        let today = moment.with_timezone(&self.0).date_naive();
        let midnight = today.checked_add_days(Days::new(1)).unwrap_or(today).and_time(NaiveTime::MIN);
        // Where clocks are put forward at midnight, the day begins later.
        let begins =
            (0..=24).filter_map(|hours| self.0.from_local_datetime(&(midnight + TimeDelta::hours(hours))).earliest());
        begins.map(|begins| begins.to_utc()).next().unwrap_or(moment)
    }
}

/// Whose agenda is asked for, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgendaQuery {
    /// Who is to do it; whoever when missing.
    pub assignee: Option<UserId>,
    /// What was due before is overdue.
    pub now: DateTime<Utc>,
    /// What is due before is due today.
    pub day_ends: DateTime<Utc>,
    /// How many activities of each part at most.
    pub limit: u16,
}

/// Open activities that have a due time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agenda {
    /// Those that should be done by now.
    pub overdue: AgendaPart,
    /// Those that are due before the day ends.
    pub today: AgendaPart,
    /// The rest.
    pub upcoming: AgendaPart,
}

/// Some of the activities of an agenda.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgendaPart {
    /// How many there are.
    pub count: i64,
    /// The first of them, in the order in which they are due.
    pub rows: Vec<Recorded<Activity>>,
}

/// Port: serves agendas from a read model. Reached only through [`Agendas`], which demands the permission.
#[async_trait]
pub trait AgendaPort: Send + Sync {
    /// An agenda of what is within. Waits until the read model has seen the write that the context names.
    ///
    /// # Errors
    /// [`AppError::NotYetVisible`], [`AppError::Parked`], [`AppError::Unavailable`], [`AppError::Internal`].
    async fn agenda(&self, cx: &Context, within: Extent<'_>, query: &AgendaQuery) -> Result<Agenda, AppError>;
}

/// Agendas, for those who may read activities.
#[derive(Clone)]
pub struct Agendas {
    port: Arc<dyn AgendaPort>,
    clock: Arc<dyn Clock>,
}

impl Agendas {
    /// Agendas over their ports.
    pub fn new(port: Arc<dyn AgendaPort>, clock: Arc<dyn Clock>) -> Self {
        Self { port, clock }
    }

    /// A user's agenda as it is now, or everybody's, where it is this time of day.
    ///
    /// # Errors
    /// As [`AgendaPort::agenda`].
    pub async fn of(
        &self,
        cx: &Authorized<ActivitiesRead>,
        assignee: Option<UserId>,
        zone: Zone,
        limit: u16,
    ) -> Result<Agenda, AppError> {
        let now = self.clock.now();
        let query = AgendaQuery { assignee, now, day_ends: zone.end_of_day(now), limit };
        match cx.reach().extent(Activity::BELONGS) {
            Extent::Nothing => Ok(Agenda::default()),
            within => self.port.agenda(cx, within, &query).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_where_one_is() {
        for (zone, now, ends) in [
            ("UTC", "2026-03-01T23:59:59.999Z", "2026-03-02T00:00:00Z"),
            ("Europe/Lisbon", "2026-07-01T22:30:00Z", "2026-07-01T23:00:00Z"),
            ("Europe/Lisbon", "2026-07-01T23:00:00Z", "2026-07-02T23:00:00Z"),
            ("Pacific/Kiritimati", "2026-01-01T09:59:00Z", "2026-01-01T10:00:00Z"),
            // Clocks go from 23:59:59 to 01:00 here.
            ("Africa/Cairo", "2026-04-23T20:00:00Z", "2026-04-23T22:00:00Z"),
        ] {
            let ended = Zone::parse(zone).unwrap().end_of_day(now.parse().unwrap());
            assert_eq!(ended, ends.parse::<DateTime<Utc>>().unwrap(), "{zone} {now}");
        }
        for name in ["", "Lisbon", "Europe/Atlantis", "+01:00"] {
            assert_eq!(Zone::parse(name).map_err(|invalid| invalid.code), Err("time_zone.unknown"));
        }
    }
}
