//! Keeps what the API notes about requests.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use chrono::{DateTime, Utc};
use deadpool_postgres::Object;
use fairlead_application::{
    identity::{AccessNote, AccessNotes, NotePlace},
    ports::StoreError,
};
use fairlead_domain::ids::OrganizationId;
use metrics::counter;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::{
    Databases,
    event_store::{pool_error, store_error},
};

/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

const NOTE: &str = "select identity.note_access($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const WORKPLACES: &str = "select identity.workplaces_of($1)";

/// Keeps notes in the database for requests, as a member of `fairlead_app`.
pub struct AccessKeeper {
    databases: Databases,
    notes: AccessNotes,
}

impl AccessKeeper {
    /// Keeps these notes.
    pub fn new(databases: Databases, notes: AccessNotes) -> Self {
        Self { databases, notes }
    }

    /// Works until told to stop, when nobody takes notes any more; then keeps what is there, if it can.
    pub async fn run(mut self, stop: CancellationToken) {
        while let Some(Some(notes)) = stop.run_until_cancelled(self.notes.next()).await {
            while let Err(error) = self.keep(&notes).await {
                warn!(%error, notes = notes.len(), "can't keep what was noted about requests");
                // What the database refuses it would refuse again.
                let again = matches!(error, StoreError::Unavailable(_));
                if !again || stop.run_until_cancelled(sleep(RETRY)).await.is_none() {
                    lost(&notes);
                    break;
                }
            }
        }
        let rest = self.notes.rest();
        if let Err(error) = self.keep(&rest).await {
            warn!(%error, notes = rest.len(), "what was noted about the last requests is lost");
            lost(&rest);
        }
    }

    /// Keeps notes; those that are kept already stay as they are.
    async fn keep(&self, notes: &[AccessNote]) -> Result<(), StoreError> {
        if notes.is_empty() {
            return Ok(());
        }
        let client = self.databases.pool.get().await.map_err(pool_error)?;
        let mut of: BTreeMap<OrganizationId, Vec<&AccessNote>> = BTreeMap::new();
        for note in notes {
            for organization in places(&client, note.place).await? {
                of.entry(organization).or_default().push(note);
            }
        }
        for (organization, notes) in of {
            note_access(&client, organization, &notes).await?;
        }
        Ok(())
    }
}

fn lost(notes: &[AccessNote]) {
    counter!("fairlead_audit_notes_lost_total").increment(notes.len() as u64);
}

/// In which logs a note belongs.
async fn places(client: &Object, place: NotePlace) -> Result<BTreeSet<OrganizationId>, StoreError> {
    let user = match place {
        NotePlace::Organization(organization) => return Ok(BTreeSet::from([organization])),
        NotePlace::OrganizationsOf(user) => Uuid::from(user),
    };
    let workplaces = client.prepare_cached(WORKPLACES).await.map_err(store_error)?;
    let rows = client.query(&workplaces, &[&user]).await.map_err(store_error)?;
    let mut places: BTreeSet<_> = rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect();
    if places.is_empty() {
        places.insert(OrganizationId::DIRECTORY);
    }
    Ok(places)
}

async fn note_access(client: &Object, organization: OrganizationId, notes: &[&AccessNote]) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = notes.iter().map(|note| note.id).collect();
    let at: Vec<DateTime<Utc>> = notes.iter().map(|note| note.at).collect();
    let correlations: Vec<Option<Uuid>> = notes.iter().map(|note| note.correlation_id).collect();
    let actors: Vec<&str> = notes.iter().map(|note| note.actor.as_str()).collect();
    let actions: Vec<Option<&str>> = notes.iter().map(|note| note.action.map(|action| action.as_str())).collect();
    let types: Vec<Option<&str>> = notes.iter().map(|note| note.resource.0.as_deref()).collect();
    let records: Vec<Option<Uuid>> = notes.iter().map(|note| note.resource.1).collect();
    let permissions: Vec<Option<&str>> = notes.iter().map(|note| note.permission).collect();
    let codes: Vec<Option<&str>> = notes.iter().map(|note| note.code.as_deref()).collect();
    let addresses: Vec<Option<IpAddr>> = notes.iter().map(|note| note.origin.address).collect();
    let programs: Vec<&str> = notes.iter().map(|note| note.origin.user_agent().unwrap_or_default()).collect();
    let note = client.prepare_cached(NOTE).await.map_err(store_error)?;
    let tenant = Uuid::from(organization);
    client
        .query(
            &note,
            &[
                &tenant,
                &ids,
                &at,
                &correlations,
                &actors,
                &actions,
                &types,
                &records,
                &permissions,
                &codes,
                &addresses,
                &programs,
            ],
        )
        .await
        .map_err(store_error)?;
    Ok(())
}
