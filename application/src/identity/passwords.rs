//! Passwords: what may be one, and how one is recognized.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version, password_hash::SaltString,
};
use fairlead_domain::kernel::Invalid;
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    AppError,
    ports::{Entropy, System},
};

/// The fewest characters of a password, and the most (NIST SP 800-63B, section 5.1.1.2, demands 8 and suggests 64).
const LENGTHS: std::ops::RangeInclusive<usize> = 10..=256;
/// How many passwords are hashed at once at most, so that those who sign in don't take all memory: each takes 19 MiB.
const AT_ONCE: usize = 8;

/// Argon2id with 19 MiB, two rounds and one lane: the first of OWASP's recommendations.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// Hashes and recognizes passwords, a few at a time, beside the threads that serve requests.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Of a password that nobody has: who signs in with an unknown address waits as long as others do.
    nobodys: Arc<str>,
}

impl Passwords {
    /// Makes the hash that stands in for those who have none.
    ///
    /// # Errors
    /// [`AppError::Internal`] when the operating system gives no chance.
    pub fn new() -> Result<Self, AppError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut unknown = [0; 32];
        System.fill(&mut unknown).map_err(AppError::internal)?;
        Ok(Self { turns: Arc::new(Semaphore::new(cores.min(AT_ONCE))), nobodys: hash(&unknown)?.into() })
    }

    /// Checks whether a text may be a password.
    ///
    /// # Errors
    /// `password.invalid`
    pub fn check(password: &SecretString) -> Result<(), Invalid> {
        let length = password.expose_secret().chars().count();
        if LENGTHS.contains(&length) {
            Ok(())
        } else {
            let (least, most) = (LENGTHS.start(), LENGTHS.end());
            Err(Invalid::new("password.invalid", format!("must have {least} to {most} characters")))
        }
    }

    /// The hash of a password, as a PHC string.
    ///
    /// # Errors
    /// [`AppError::Internal`]
    pub async fn hash(&self, password: SecretString) -> Result<SecretString, AppError> {
        self.aside(move || hash(password.expose_secret().as_bytes()).map(Into::into)).await?
    }

    /// Whether it is the password of which this is the hash. Without a hash, as long is spent, in vain.
    ///
    /// # Errors
    /// [`AppError::Internal`]
    pub async fn verify(&self, kept: Option<&str>, password: SecretString) -> Result<bool, AppError> {
        let (known, kept) = (kept.is_some(), kept.unwrap_or(&self.nobodys).to_owned());
        let matches = self
            .aside(move || {
                let kept = PasswordHash::new(&kept).map_err(|error| AppError::internal(error.to_string()))?;
                Ok::<_, AppError>(argon2().verify_password(password.expose_secret().as_bytes(), &kept).is_ok())
            })
            .await??;
        Ok(matches && known)
    }

    async fn aside<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Result<R, AppError> {
        let _turn = self.turns.acquire().await.map_err(AppError::internal)?;
        spawn_blocking(work).await.map_err(AppError::internal)
    }
}

fn hash(password: &[u8]) -> Result<String, AppError> {
    let mut salt = [0; 16];
    System.fill(&mut salt).map_err(AppError::internal)?;
    let failed = |error: argon2::password_hash::Error| AppError::internal(error.to_string());
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    Ok(argon2().hash_password(password, &salt).map_err(failed)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_recognized_and_no_other() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        let hash = hash.expose_secret();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.verify(Some(hash), "correct horse".into()).await.unwrap());
        assert!(!passwords.verify(Some(hash), "Correct horse".into()).await.unwrap());
        assert!(!passwords.verify(None, "correct horse".into()).await.unwrap());
        assert_ne!(passwords.hash("correct horse".into()).await.unwrap().expose_secret(), hash);
    }

    #[test]
    fn a_password_is_neither_short_nor_endless() {
        for (length, accepted) in [(9, false), (10, true), (256, true), (257, false)] {
            assert_eq!(Passwords::check(&"é".repeat(length).into()).is_ok(), accepted, "{length}");
        }
    }
}
