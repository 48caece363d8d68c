//! Time, identifiers and chance: what the operating system gives.

use std::error::Error;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> DateTime<Utc>;
}

/// Makes identifiers that nobody else makes.
pub trait IdGenerator: Send + Sync {
    /// A fresh UUID, version 7 (RFC 9562), so that ids made later sort later.
    fn next(&self) -> Uuid;
}

/// The operating system's clock, in the microseconds that the store keeps, and its source of randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

#[expect(clippy::disallowed_methods, reason = "this is the port through which time and fresh ids come in")]
mod operating_system {
    use chacha20poly1305::aead::{OsRng, rand_core::RngCore};

    use super::{Clock, DateTime, Entropy, Error, IdGenerator, System, Utc, Uuid};

    impl Entropy for System {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
            OsRng.try_fill_bytes(bytes).map_err(|error| error.to_string().into())
        }
    }

    impl Clock for System {
        fn now(&self) -> DateTime<Utc> {
            chrono::SubsecRound::trunc_subsecs(Utc::now(), 6)
        }
    }

    impl IdGenerator for System {
        fn next(&self) -> Uuid {
            Uuid::now_v7()
        }
    }
}

/// Makes keys that nobody can guess.
pub trait Entropy: Send + Sync {
    /// Fills the bytes by chance.
    ///
    /// # Errors
    /// The operating system gives none.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync>>;
}
