//! Opening what was read.

use std::collections::{BTreeSet, HashMap};

use fairlead_application::{
    envelope::SequencedEvent,
    ports::{Secrets, StoredEvent},
};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{
    SEALED, SUBJECT, Vault, VaultError,
    cipher::{Key, Place},
    subject_key,
};

/// Whether the keys are held until the transaction ends, so that nobody is erased before what is written then can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// What is opened is passed on, or is scrubbed by a later event of the same stream.
    No,
    /// What is opened is written down within the transaction: the keys of those who are told about in streams of others are
    /// held.
    UntilCommit,
}

/// The keys of people, by tenant and person.
type Keys = HashMap<(Uuid, Uuid), Key>;

impl Vault {
    /// Opens what is sealed in events of any tenants, as `fairlead_engine`. One round trip at most.
    pub(crate) async fn open(
        &self,
        client: &Client,
        events: &mut [SequencedEvent],
        hold: Hold,
    ) -> Result<(), VaultError> {
        let (mut wanted, mut held) = (BTreeSet::new(), BTreeSet::new());
        for SequencedEvent { tenant, stream, event, .. } in events.iter() {
            subjects(&event.data, *stream, &mut |subject| {
                let hold = hold == Hold::UntilCommit && subject != *stream;
                if hold { &mut held } else { &mut wanted }.insert((*tenant, subject));
            });
        }
        wanted.retain(|subject| !held.contains(subject));
        let mut keys = self.engine_keys(client, wanted, Hold::No).await?;
        keys.extend(self.engine_keys(client, held, Hold::UntilCommit).await?);
        for SequencedEvent { tenant, stream, event, .. } in events {
            open_event(*tenant, *stream, event, &keys)?;
        }
        Ok(())
    }

    /// Opens what is sealed in one stream's events, as `fairlead_engine`. One round trip at most.
    pub(crate) async fn open_stream(
        &self,
        client: &Client,
        tenant: Uuid,
        stream: Uuid,
        events: &mut [StoredEvent],
    ) -> Result<(), VaultError> {
        let wanted = wanted(stream, events).into_iter().map(|subject| (tenant, subject)).collect();
        let keys = self.engine_keys(client, wanted, Hold::No).await?;
        events.iter_mut().try_for_each(|event| open_event(tenant, stream, event, &keys))
    }

    /// Opens what is kept beside a stream, as `fairlead_app`; nothing once its key is destroyed.
    pub(crate) async fn secrets(&self, client: &Client, tenant: Uuid, stream: Uuid) -> Result<Secrets, VaultError> {
        // The tenant's key can be exchanged between two looks; not again and again.
        match self.look_at_secrets(client, tenant, stream).await {
            Err(VaultError::Moved) => self.look_at_secrets(client, tenant, stream).await,
            secrets => secrets,
        }
    }

    async fn look_at_secrets(&self, client: &Client, tenant: Uuid, stream: Uuid) -> Result<Secrets, VaultError> {
        let sql = "select name, sealed, wrapped, tenant_key from engine.secrets_of($1, $2)";
        let mut secrets = Secrets::default();
        for row in client.query(sql, &[&tenant, &stream]).await? {
            let key = subject_key(&row, 2)?;
            let Some(key) = self.app_unwrap(client, tenant, stream, &key).await? else { continue };
            let (name, sealed): (String, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            let secret = key.decrypt(&sealed, &Place::Secret(tenant, stream, &name))?;
            secrets.0.push((name, secret.into()));
        }
        Ok(secrets)
    }

    /// The same as `fairlead_app`.
    pub(crate) async fn open_stream_as_app(
        &self,
        client: &Client,
        tenant: Uuid,
        stream: Uuid,
        events: &mut [StoredEvent],
    ) -> Result<(), VaultError> {
        let keys = self.app_keys(client, tenant, wanted(stream, events)).await?;
        events.iter_mut().try_for_each(|event| open_event(tenant, stream, event, &keys))
    }

    /// Opens what is sealed in events of one tenant, as `fairlead_app`.
    pub(crate) async fn open_as_app(
        &self,
        client: &Client,
        tenant: Uuid,
        events: &mut [SequencedEvent],
    ) -> Result<(), VaultError> {
        let mut wanted = BTreeSet::new();
        for SequencedEvent { stream, event, .. } in events.iter() {
            subjects(&event.data, *stream, &mut |subject| wanted.extend([subject]));
        }
        let keys = self.app_keys(client, tenant, wanted).await?;
        events.iter_mut().try_for_each(|sequenced| open_event(tenant, sequenced.stream, &mut sequenced.event, &keys))
    }

    /// The keys of some of a tenant's people, as `fairlead_app`, those destroyed left out.
    async fn app_keys(&self, client: &Client, tenant: Uuid, wanted: BTreeSet<Uuid>) -> Result<Keys, VaultError> {
        let wanted: Vec<_> = wanted.into_iter().collect();
        if wanted.is_empty() {
            return Ok(Keys::new());
        }
        // The tenant's key can be exchanged between two looks; not again and again.
        match self.look_up(client, tenant, &wanted).await {
            Err(VaultError::Moved) => self.look_up(client, tenant, &wanted).await,
            keys => keys,
        }
    }

    async fn look_up(&self, client: &Client, tenant: Uuid, wanted: &[Uuid]) -> Result<Keys, VaultError> {
        let mut keys = Keys::new();
        for (subject, key) in self.app_subject_keys(client, tenant, wanted).await? {
            let key = self.app_unwrap(client, tenant, subject, &key).await?;
            keys.extend(key.map(|key| ((tenant, subject), key)));
        }
        Ok(keys)
    }

    /// The keys of people, as `fairlead_engine`, those destroyed left out.
    async fn engine_keys(
        &self,
        client: &Client,
        wanted: BTreeSet<(Uuid, Uuid)>,
        hold: Hold,
    ) -> Result<Keys, VaultError> {
        const KEYS: &str = "select k.tenant_id, k.subject_id, k.wrapped, k.tenant_key, t.wrapped, t.installation_key
                              from unnest($1::uuid[], $2::uuid[]) with ordinality as w (tenant_id, subject_id, n)
                              join engine.subject_keys k
                                on k.tenant_id = w.tenant_id and k.subject_id = w.subject_id and k.wrapped is not null
                              join engine.tenant_keys t on t.tenant_id = k.tenant_id and t.number = k.tenant_key
                             order by w.n";
        let mut keys = Keys::new();
        if wanted.is_empty() {
            return Ok(keys);
        }
        let (tenants, subjects): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
        let sql = match hold {
            Hold::No => KEYS.to_owned(),
            Hold::UntilCommit => format!("{KEYS} for key share of k"),
        };
        for row in client.query(&sql, &[&tenants, &subjects]).await? {
            let (tenant, subject, number) = (row.try_get(0)?, row.try_get(1)?, row.try_get(3)?);
            let tenant_key = match self.remembered(tenant, number) {
                Some(key) => key,
                None => self.tenant_key(tenant, number, row.try_get(4)?, row.try_get(5)?)?,
            };
            let key = tenant_key.unwrap(row.try_get(2)?, &Place::SubjectKey(tenant, subject, number))?;
            keys.insert((tenant, subject), key);
        }
        Ok(keys)
    }
}

fn wanted(stream: Uuid, events: &[StoredEvent]) -> BTreeSet<Uuid> {
    let mut wanted = BTreeSet::new();
    for event in events {
        subjects(&event.data, stream, &mut |subject| wanted.extend([subject]));
    }
    wanted
}

/// The people about whom an event, as it is stored, tells something, and to whom the stream does not belong.
pub(crate) fn told(data: &Value, stream: Uuid) -> BTreeSet<Uuid> {
    let mut people = BTreeSet::new();
    subjects(data, stream, &mut |subject| people.extend(Some(subject).filter(|subject| *subject != stream)));
    people
}

/// Whose data is sealed in a value.
fn subjects(value: &Value, stream: Uuid, found: &mut impl FnMut(Uuid)) {
    match value {
        Value::Object(map) if map.contains_key(SEALED) => found(subject(map.get(SUBJECT), stream)),
        Value::Object(map) => map.values().for_each(|value| subjects(value, stream, found)),
        Value::Array(values) => values.iter().for_each(|value| subjects(value, stream, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn subject(named: Option<&Value>, stream: Uuid) -> Uuid {
    named.and_then(Value::as_str).and_then(|id| id.parse().ok()).unwrap_or(stream)
}

fn open_event(tenant: Uuid, stream: Uuid, event: &mut StoredEvent, keys: &Keys) -> Result<(), VaultError> {
    let opening = Opening { tenant, stream, event: event.id, event_type: &event.event_type, keys };
    opening.open(&mut event.data, &mut String::new())
}

struct Opening<'a> {
    tenant: Uuid,
    stream: Uuid,
    event: Uuid,
    event_type: &'a str,
    keys: &'a Keys,
}

impl Opening<'_> {
    fn open(&self, value: &mut Value, pointer: &mut String) -> Result<(), VaultError> {
        let above = pointer.len();
        match value {
            Value::Object(map) => {
                if let Some(sealed) = map.get(SEALED) {
                    let subject = subject(map.get(SUBJECT), self.stream);
                    let Self { tenant, event, event_type, .. } = *self;
                    *value = match self.keys.get(&(tenant, subject)) {
                        Some(key) => {
                            let place = Place::Field { tenant, subject, event, event_type, pointer };
                            key.open(sealed.as_str().unwrap_or_default(), &place)?
                        }
                        None => json!({ "erased": true }),
                    };
                    return Ok(());
                }
                for (name, value) in map {
                    pointer.push('/');
                    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                    self.open(value, pointer)?;
                    pointer.truncate(above);
                }
            }
            Value::Array(values) => {
                for (n, value) in values.iter_mut().enumerate() {
                    pointer.push('/');
                    pointer.push_str(&n.to_string());
                    self.open(value, pointer)?;
                    pointer.truncate(above);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }
}
