//! Sealing what an append brings.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use fairlead_application::ports::{Append, NewEvent, NewSecret, PersonalField, StreamAppend, SubjectKey};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{
    SEALED, SUBJECT, Vault, VaultError,
    cipher::{Key, Place},
};

/// What an append brings, as it is stored.
#[derive(Default)]
pub(crate) struct Sealed<'a> {
    /// Of each event, in the order of streams and events.
    pub(crate) data: Vec<Cow<'a, Value>>,
    /// Who gets a key, and the keys as they are stored.
    pub(crate) new_subjects: Vec<Uuid>,
    pub(crate) new_keys: Vec<Vec<u8>>,
    /// The number of the tenant's key that wraps them.
    pub(crate) tenant_key: Option<i32>,
    /// Whose keys must still be there.
    pub(crate) used_subjects: Vec<Uuid>,
    /// Whose keys are destroyed.
    pub(crate) erased_subjects: Vec<Uuid>,
    /// What is kept beside streams, column by column; what is to be forgotten is `None`.
    pub(crate) secret_streams: Vec<Uuid>,
    pub(crate) secret_names: Vec<&'a str>,
    pub(crate) secrets: Vec<Option<Vec<u8>>>,
    /// Of whom something is told in a stream that is not theirs, and in which, each once.
    pub(crate) told_subjects: Vec<Uuid>,
    pub(crate) told_streams: Vec<Uuid>,
}

impl Vault {
    /// Seals what is personal. The keys that came with the streams are believed, unless `anew`: then all are looked up.
    pub(crate) async fn seal<'a>(
        &self,
        client: &Client,
        tenant: Uuid,
        append: &'a Append,
        anew: bool,
    ) -> Result<Sealed<'a>, VaultError> {
        let mut sealed = Sealed {
            erased_subjects: append.streams.iter().filter(|stream| stream.erases).map(|stream| stream.id).collect(),
            ..Sealed::default()
        };
        (sealed.told_subjects, sealed.told_streams) = told(append).into_iter().unzip();
        let stored = self.stored_keys(client, tenant, append, &sealed.erased_subjects, anew).await?;
        let erased: Vec<_> =
            stored.iter().filter(|(_, key)| **key == SubjectKey::Destroyed).map(|(id, _)| *id).collect();
        if !erased.is_empty() {
            return Err(VaultError::Erased(erased));
        }
        let mut keys = HashMap::new();
        for (subject, key) in stored {
            let key = match self.app_unwrap(client, tenant, subject, &key).await? {
                Some(key) => {
                    sealed.used_subjects.push(subject);
                    key
                }
                None => {
                    let (number, tenant_key) = self.app_tenant_key(client, tenant, None).await?;
                    let key = Key::fresh()?;
                    sealed.new_keys.push(tenant_key.wrap(&key, &Place::SubjectKey(tenant, subject, number))?);
                    sealed.new_subjects.push(subject);
                    sealed.tenant_key = Some(number);
                    key
                }
            };
            keys.insert(subject, key);
        }
        for stream in &append.streams {
            for event in &stream.events {
                sealed.data.push(seal_event(tenant, stream, event, &keys)?);
            }
            for NewSecret { name, value } in &stream.secrets {
                let place = Place::Secret(tenant, stream.id, name);
                let secret = value.as_ref().zip(keys.get(&stream.id));
                let secret = secret.map(|(value, key)| key.encrypt(value.expose_secret(), &place)).transpose()?;
                sealed.secret_streams.push(stream.id);
                sealed.secret_names.push(name);
                sealed.secrets.push(secret);
            }
        }
        Ok(sealed)
    }

    /// The stored keys of everybody whose data the append brings, but for those whom it erases; in ascending order.
    async fn stored_keys(
        &self,
        client: &Client,
        tenant: Uuid,
        append: &Append,
        erased: &[Uuid],
        anew: bool,
    ) -> Result<BTreeMap<Uuid, SubjectKey>, VaultError> {
        let (mut keys, mut missing) = (BTreeMap::new(), BTreeSet::new());
        for stream in &append.streams {
            if stream.secrets.iter().any(|secret| secret.value.is_some()) && !erased.contains(&stream.id) {
                if anew {
                    missing.insert(stream.id);
                } else {
                    keys.insert(stream.id, stream.key.clone());
                }
            }
            for field in stream.events.iter().flat_map(|event| &event.personal) {
                let subject = subject(stream, field);
                if erased.contains(&subject) {
                    continue;
                }
                // A stream that is loaded brings its key along, and one that is new has none yet.
                if anew || subject != stream.id {
                    missing.insert(subject);
                } else {
                    keys.insert(subject, stream.key.clone());
                }
            }
        }
        missing.retain(|subject| !keys.contains_key(subject));
        if !missing.is_empty() {
            let missing: Vec<_> = missing.into_iter().collect();
            let mut found = self.app_subject_keys(client, tenant, &missing).await?;
            keys.extend(missing.into_iter().map(|subject| (subject, found.remove(&subject).unwrap_or_default())));
        }
        Ok(keys)
    }
}

/// Of whom something is told in streams that are not theirs. Not of those who are erased by the append: they tell nothing.
fn told(append: &Append) -> BTreeSet<(Uuid, Uuid)> {
    let erased = |subject| append.streams.iter().any(|stream| stream.erases && stream.id == subject);
    let of_stream = |stream: &StreamAppend| {
        let id = stream.id;
        let subjects: Vec<_> =
            stream.events.iter().flat_map(|event| &event.personal).filter_map(|at| at.subject).collect();
        subjects.into_iter().filter(move |subject| *subject != id).map(move |subject| (subject, id))
    };
    append.streams.iter().flat_map(of_stream).filter(|(subject, _)| !erased(*subject)).collect()
}

fn subject(stream: &StreamAppend, field: &PersonalField) -> Uuid {
    field.subject.unwrap_or(stream.id)
}

fn seal_event<'a>(
    tenant: Uuid,
    stream: &StreamAppend,
    event: &'a NewEvent,
    keys: &HashMap<Uuid, Key>,
) -> Result<Cow<'a, Value>, VaultError> {
    if is_reserved(&event.data) {
        return Err(VaultError::Reserved);
    }
    let mut data = Cow::Borrowed(&event.data);
    for field in &event.personal {
        let subject = subject(stream, field);
        let place =
            Place::Field { tenant, subject, event: event.id, event_type: &event.event_type, pointer: &field.pointer };
        let Some(value) = data.to_mut().pointer_mut(&field.pointer) else { return Err(VaultError::Broken) };
        *value = match keys.get(&subject) {
            Some(key) if subject == stream.id => json!({ SEALED: key.seal(value, &place)? }),
            Some(key) => json!({ SEALED: key.seal(value, &place)?, SUBJECT: subject }),
            // Erased by this very append.
            None => json!({ "erased": true }),
        };
    }
    Ok(data)
}

fn is_reserved(data: &Value) -> bool {
    match data {
        Value::Object(map) => map.contains_key(SEALED) || map.values().any(is_reserved),
        Value::Array(values) => values.iter().any(is_reserved),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
