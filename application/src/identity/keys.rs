//! API keys: issued, rotated and revoked. A key can't do more than who issues it.

use chrono::{DateTime, Duration, Utc};
use fairlead_domain::{
    identity::{ApiKey, ApiKeyCommand, ApiKeyError, ApiKeyProfile},
    ids::ApiKeyId,
    kernel::{ErrorKind, Invalid},
    values::{Grant, Over},
};
use secrecy::SecretString;

use super::{
    Identity, KeyText, KeyUse,
    members::{check_included, check_projects},
    principals::kept_as,
};
use crate::{
    AppError, Expected, Outcome, Recorded, Step,
    access::Authorized,
    identity::permissions::{ApiKeysRead, ApiKeysWrite},
};

/// The longest time for which a key of before still works.
const LONGEST_OVERLAP: Duration = Duration::days(30);

/// A key that was issued or rotated. The text is shown this once.
#[derive(Debug, Clone)]
pub struct IssuedKey {
    /// What happened.
    pub outcome: Outcome,
    /// The key.
    pub key: SecretString,
}

/// A key, and when it was used last.
#[derive(Debug, Clone)]
pub struct KnownApiKey {
    /// The key.
    pub key: Recorded<ApiKey>,
    /// Its last use.
    pub last_use: Option<KeyUse>,
}

impl Identity {
    /// Keys that are not revoked, in the order in which they were issued, and whether there are more.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    pub async fn keys(
        &self,
        cx: &Authorized<ApiKeysRead>,
        after: Option<ApiKeyId>,
        limit: u16,
    ) -> Result<(Vec<KnownApiKey>, bool), AppError> {
        let (keys, more) = self.app.register::<ApiKey>(cx, None, after.map(Into::into), limit).await?;
        Ok((self.with_uses(cx, keys).await?, more))
    }

    /// One key, unless it is revoked.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    pub async fn key(&self, cx: &Authorized<ApiKeysRead>, id: ApiKeyId) -> Result<Option<KnownApiKey>, AppError> {
        let key = self.app.read::<ApiKey>(cx, id).await?.filter(|key| !key.state.revoked);
        Ok(self.with_uses(cx, key.into_iter().collect()).await?.pop())
    }

    async fn with_uses(
        &self,
        cx: &Authorized<ApiKeysRead>,
        keys: Vec<Recorded<ApiKey>>,
    ) -> Result<Vec<KnownApiKey>, AppError> {
        let ids: Vec<ApiKeyId> = keys.iter().map(|key| key.id.into()).collect();
        let uses = if ids.is_empty() { Vec::new() } else { self.uses.last(cx.tenant(), &ids).await? };
        let last_use = |key: &Recorded<ApiKey>| uses.iter().find(|one| one.key == key.id.into()).copied();
        Ok(keys.into_iter().map(|key| KnownApiKey { last_use: last_use(&key), key }).collect())
    }

    /// Issues a key.
    ///
    /// # Errors
    /// `access.beyond_own` when it could do what the caller can't; `api_key.expired` when it has expired already.
    pub async fn issue_key(
        &self,
        cx: &Authorized<ApiKeysWrite>,
        profile: ApiKeyProfile,
    ) -> Result<IssuedKey, AppError> {
        self.check_key(cx, &profile)?;
        if profile.expires_at.is_some_and(|expires_at| expires_at <= self.now()) {
            return Err(Invalid::new("api_key.expired", "must lie in the future").into());
        }
        let id = self.app.fresh::<ApiKeyId>();
        let key = KeyText::fresh(cx.tenant(), id, 1, &*self.entropy)?;
        let step = Step::new::<ApiKey>(cx, id, Expected::New, ApiKeyCommand::Issue(Box::new(profile)));
        let step = step.keeping(kept_as(1), Some(key.hash().to_vec().into()));
        Ok(IssuedKey { outcome: self.app.execute_all(cx, &[step]).await?, key: key.written() })
    }

    /// Gives a key another secret; the one of before works until `overlap_until`.
    ///
    /// # Errors
    /// `access.beyond_own`, `api_key.not_found`, `api_key.expired`; `api_key.overlap_too_long`.
    pub async fn rotate_key(
        &self,
        cx: &Authorized<ApiKeysWrite>,
        id: ApiKeyId,
        expected: Expected,
        overlap_until: Option<DateTime<Utc>>,
    ) -> Result<IssuedKey, AppError> {
        let now = self.now();
        if overlap_until.is_some_and(|until| until > now + LONGEST_OVERLAP) {
            let detail = format!("must lie within {} days", LONGEST_OVERLAP.num_days());
            return Err(Invalid::new("api_key.overlap_too_long", detail).into());
        }
        let present = self.app.read::<ApiKey>(&cx.on_behalf(), id).await?.ok_or(ApiKeyError::NotFound)?;
        self.check_key(cx, &present.state.profile)?;
        // The secret belongs to a generation, so that two who rotate at once don't overwrite one another's.
        if let Expected::Exactly(demanded) = expected
            && demanded != present.version
        {
            return Err(AppError::Stale { demanded, actual: present.version });
        }
        let generation = present.state.generation.saturating_add(1);
        let key = KeyText::fresh(cx.tenant(), id, generation, &*self.entropy)?;
        let command = ApiKeyCommand::Rotate { at: now, overlap_until };
        let step = Step::new::<ApiKey>(cx, id, Expected::Exactly(present.version), command);
        let step = step.keeping(kept_as(generation), Some(key.hash().to_vec().into()));
        let outcome = self.app.execute_all(cx, &[step]).await.map_err(|error| match (error, expected) {
            (AppError::Stale { .. }, Expected::Any | Expected::New) => AppError::Contended,
            (error, _) => error,
        })?;
        Ok(IssuedKey { outcome, key: key.written() })
    }

    /// Revokes a key, for good.
    ///
    /// # Errors
    /// `api_key.not_found`
    pub async fn revoke_key(
        &self,
        cx: &Authorized<ApiKeysWrite>,
        id: ApiKeyId,
        expected: Expected,
    ) -> Result<Outcome, AppError> {
        let step = Step::new::<ApiKey>(cx, id, expected, ApiKeyCommand::Revoke);
        self.app.execute_all(cx, &[step.keeping(kept_as(0), None).keeping(kept_as(1), None)]).await
    }

    fn check_key(&self, cx: &Authorized<ApiKeysWrite>, profile: &ApiKeyProfile) -> Result<(), AppError> {
        let granted = profile.permissions.iter();
        let granted: Vec<_> =
            granted.map(|permission| Grant { permission: permission.clone(), over: Over::All }).collect();
        if profile.permissions.iter().any(|permission| crate::access::is_above_organizations(permission.as_str())) {
            let detail = "a key acts within its organization".to_owned();
            return Err(AppError::Refused { kind: ErrorKind::Forbidden, code: "access.beyond_own", detail });
        }
        check_included(cx, &granted)?;
        check_projects(cx, profile.projects.as_ref())
    }
}
