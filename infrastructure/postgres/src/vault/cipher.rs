//! What is encrypted, and what it is bound to: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with random nonces.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use fairlead_application::ports::{Entropy, System};
use secrecy::zeroize::Zeroizing;
use serde_json::Value;
use uuid::Uuid;

use super::VaultError;

/// Bytes of a key.
const KEY: usize = 32;
/// Bytes of the nonce that everything encrypted begins with.
const NONCE: usize = 24;

/// A key, wiped from memory with its last holder.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<[u8; KEY]>);

/// What a key or a value is bound to: moved elsewhere, it can't be decrypted.
pub(super) enum Place<'a> {
    /// A tenant's key, of a number.
    TenantKey(Uuid, i32),
    /// A person's key, in a tenant, under the tenant's key of a number.
    SubjectKey(Uuid, Uuid, i32),
    /// A field of an event.
    Field { tenant: Uuid, subject: Uuid, event: Uuid, event_type: &'a str, pointer: &'a str },
    /// A secret kept beside a stream, in a tenant, under the key of the person of the stream's id.
    Secret(Uuid, Uuid, &'a str),
    /// The private half of a key that signs tokens, by the key's name.
    SigningKey(&'a str),
}

impl Place<'_> {
    /// Fixed lengths first, then what is ended by a byte that it can't hold, then the rest: no two places are written
    /// the same.
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::TenantKey(tenant, number) => {
                [&b"tenant key\0"[..], tenant.as_bytes(), &number.to_be_bytes()].concat()
            }
            Self::SubjectKey(tenant, subject, number) => {
                [&b"subject key\0"[..], tenant.as_bytes(), subject.as_bytes(), &number.to_be_bytes()].concat()
            }
            Self::Field { tenant, subject, event, event_type, pointer } => {
                let ids = [tenant.as_bytes(), subject.as_bytes(), event.as_bytes().as_slice()].concat();
                [&b"field\0"[..], &ids, event_type.as_bytes(), b"\0", pointer.as_bytes()].concat()
            }
            Self::Secret(tenant, stream, name) => {
                [&b"secret\0"[..], tenant.as_bytes(), stream.as_bytes(), name.as_bytes()].concat()
            }
            Self::SigningKey(id) => [&b"signing key\0"[..], id.as_bytes()].concat(),
        }
    }
}

impl Key {
    /// A key that nobody had before.
    pub(super) fn fresh() -> Result<Self, VaultError> {
        let mut key = Self(Zeroizing::new([0; KEY]));
        System.fill(&mut key.0[..]).map_err(VaultError::Entropy)?;
        Ok(key)
    }

    /// A key of 64 hexadecimal digits.
    pub(super) fn from_hex(digits: &str) -> Option<Self> {
        let mut key = Self(Zeroizing::new([0; KEY]));
        if digits.len() != 2 * KEY || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (n, byte) in key.0.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(2 * n..2 * n + 2)?, 16).ok()?;
        }
        Some(key)
    }

    /// Encrypts another key.
    pub(super) fn wrap(&self, key: &Self, place: &Place<'_>) -> Result<Vec<u8>, VaultError> {
        self.encrypt(&key.0[..], place)
    }

    /// Decrypts another key.
    pub(super) fn unwrap(&self, wrapped: &[u8], place: &Place<'_>) -> Result<Self, VaultError> {
        let plain = Zeroizing::new(self.decrypt(wrapped, place)?);
        let key = <[u8; KEY]>::try_from(&plain[..]).map_err(|_| VaultError::Broken)?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Encrypts a value, as text.
    pub(super) fn seal(&self, value: &Value, place: &Place<'_>) -> Result<String, VaultError> {
        let plain = Zeroizing::new(serde_json::to_vec(value).map_err(|_| VaultError::Broken)?);
        Ok(BASE64_STANDARD_NO_PAD.encode(self.encrypt(&plain, place)?))
    }

    /// Decrypts a value.
    pub(super) fn open(&self, sealed: &str, place: &Place<'_>) -> Result<Value, VaultError> {
        let sealed = BASE64_STANDARD_NO_PAD.decode(sealed).map_err(|_| VaultError::Broken)?;
        let plain = Zeroizing::new(self.decrypt(&sealed, place)?);
        serde_json::from_slice(&plain).map_err(|_| VaultError::Broken)
    }

    /// Encrypts bytes.
    pub(super) fn encrypt(&self, plain: &[u8], place: &Place<'_>) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE];
        System.fill(&mut nonce).map_err(VaultError::Entropy)?;
        let payload = Payload { msg: plain, aad: &place.bytes() };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::Broken)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Decrypts bytes.
    pub(super) fn decrypt(&self, sealed: &[u8], place: &Place<'_>) -> Result<Vec<u8>, VaultError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(VaultError::Broken)?;
        let payload = Payload { msg: sealed, aad: &place.bytes() };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| VaultError::Broken)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(
        tenant: u128,
        subject: u128,
        event: u128,
        event_type: &'static str,
        pointer: &'static str,
    ) -> Place<'static> {
        let [tenant, subject, event] = [tenant, subject, event].map(Uuid::from_u128);
        Place::Field { tenant, subject, event, event_type, pointer }
    }

    #[test]
    fn a_value_opens_in_its_place_alone() {
        let (key, value) = (Key::fresh().unwrap(), json!({ "city": "Lisboa" }));
        let sealed = key.seal(&value, &field(1, 2, 3, "a.b", "/c")).unwrap();
        assert_eq!(key.open(&sealed, &field(1, 2, 3, "a.b", "/c")).unwrap(), value);
        assert_ne!(key.seal(&value, &field(1, 2, 3, "a.b", "/c")).unwrap(), sealed);
        for place in [
            field(9, 2, 3, "a.b", "/c"),
            field(1, 9, 3, "a.b", "/c"),
            field(1, 2, 9, "a.b", "/c"),
            field(1, 2, 3, "a.x", "/c"),
            field(1, 2, 3, "a.b", "/x"),
        ] {
            assert!(matches!(key.open(&sealed, &place), Err(VaultError::Broken)));
        }
        assert!(Key::fresh().unwrap().open(&sealed, &field(1, 2, 3, "a.b", "/c")).is_err());
        assert!(key.open("", &field(1, 2, 3, "a.b", "/c")).is_err());
    }

    #[test]
    fn a_wrapped_key_is_bound_to_whom_it_is_for() {
        let (outer, inner, id) = (Key::fresh().unwrap(), Key::fresh().unwrap(), Uuid::from_u128);
        let wrapped = outer.wrap(&inner, &Place::SubjectKey(id(1), id(2), 1)).unwrap();
        assert_eq!(outer.unwrap(&wrapped, &Place::SubjectKey(id(1), id(2), 1)).unwrap().0, inner.0);
        for place in
            [Place::SubjectKey(id(1), id(3), 1), Place::SubjectKey(id(3), id(2), 1), Place::TenantKey(id(1), 1)]
        {
            assert!(outer.unwrap(&wrapped, &place).is_err());
        }
    }
}
