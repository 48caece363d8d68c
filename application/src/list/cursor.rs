//! Opaque cursors: a page's end, encrypted, so that nobody can read it (it holds a row's value, perhaps a name, and
//! stands in URLs), make one up or carry it to another list.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead, aead::Payload};
use fairlead_domain::kernel::Invalid;
use secrecy::SecretSlice;
use uuid::Uuid;

use super::Position;
use crate::{Context, signing::Signer};

/// Bytes of the nonce that a cursor begins with.
const NONCE: usize = 24;

/// Makes and reads cursors: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with tenant and list as associated data.
///
/// The nonce is synthetic, as in RFC 5297: a keyed hash of everything that is sealed. So no randomness is needed, the
/// same position gives the same cursor, and no two positions share a nonce.
#[derive(Clone)]
pub struct Cursors {
    cipher: XChaCha20Poly1305,
    nonces: Signer,
}

impl Cursors {
    /// Cursors sealed with keys made of the installation's secret.
    pub fn new(secret: &SecretSlice<u8>) -> Self {
        let key = Signer::derive(secret, "cursor encryption");
        Self { cipher: XChaCha20Poly1305::new(&key.into()), nonces: Signer::new(secret, "cursor nonces") }
    }

    /// Writes a position in the list that `list` describes (path, filter and order) as the caller's tenant sees it.
    pub fn seal(&self, cx: &Context, list: &str, position: &Position) -> String {
        let plain = serde_json::to_vec(position).unwrap_or_default();
        let nonce = self.nonce(cx, list, &plain);
        let payload = Payload { msg: &plain, aad: &place(cx, list) };
        // Fails for hundreds of gigabytes alone.
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// Reads a position that was written for the same list and tenant.
    ///
    /// # Errors
    /// `cursor.invalid`
    pub fn open(&self, cx: &Context, list: &str, cursor: &str) -> Result<Position, Invalid> {
        let opened = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| {
            let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
            let payload = Payload { msg: sealed, aad: &place(cx, list) };
            let plain = self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
            serde_json::from_slice(&plain).ok()
        });
        let detail = "must come from the page before, with the same q, filter and sort";
        opened.ok_or_else(|| Invalid::new("cursor.invalid", detail))
    }

    fn nonce(&self, cx: &Context, list: &str, plain: &[u8]) -> [u8; NONCE] {
        let [nonce @ .., _, _, _, _, _, _, _, _] = self.nonces.sign(&[&place(cx, list), plain]);
        nonce
    }
}

/// Where a cursor holds. The tenant's length is fixed, so the two can't run into one another.
fn place(cx: &Context, list: &str) -> Vec<u8> {
    [Uuid::from(cx.tenant()).as_bytes(), list.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, access::Access, list::Literal};

    fn cursors() -> Cursors {
        Cursors::new(&vec![1; 32].into())
    }

    fn cx(tenant: u128) -> Context {
        Context::new(Uuid::from_u128(tenant).into(), Actor::new("a"), Access::default())
    }

    fn at(name: &str) -> Position {
        Position { value: Some(Literal::Text(name.into())), id: Uuid::from_u128(7) }
    }

    #[test]
    fn a_cursor_opens_only_where_it_was_sealed() {
        let cursor = cursors().seal(&cx(1), "list", &at("ana"));
        assert_eq!(cursors().open(&cx(1), "list", &cursor), Ok(at("ana")));
        assert!(cursors().open(&cx(2), "list", &cursor).is_err());
        assert!(cursors().open(&cx(1), "another", &cursor).is_err());
        assert!(Cursors::new(&vec![2; 32].into()).open(&cx(1), "list", &cursor).is_err());
        for broken in ["", "!", "AAAA", &cursor[1..], &format!("{cursor}A"), &"A".repeat(32), &"A".repeat(200)] {
            assert!(cursors().open(&cx(1), "list", broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_cursor_tells_nothing_of_the_row() {
        let cursor = cursors().seal(&cx(1), "list", &at("ana lima"));
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        let id = Uuid::from_u128(7).to_string();
        for clear in ["ana", "lima", "text", "value", &id] {
            assert!(!bytes.windows(clear.len()).any(|window| window == clear.as_bytes()), "{clear}");
            assert!(!cursor.contains(clear), "{clear}");
        }
    }

    #[test]
    fn one_position_gives_one_cursor_and_no_two_share_a_nonce() {
        let seal = |tenant, list, name| cursors().seal(&cx(tenant), list, &at(name));
        assert_eq!(seal(1, "list", "ana"), seal(1, "list", "ana"));
        let nonce = |cursor: String| cursor[..NONCE / 3 * 4].to_owned();
        let first = nonce(seal(1, "list", "ana"));
        for other in [seal(1, "list", "anb"), seal(1, "tsil", "ana"), seal(2, "list", "ana")] {
            assert_ne!(nonce(other), first);
        }
    }

    #[test]
    fn no_bit_of_a_cursor_can_be_changed() {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursors().seal(&cx(1), "list", &at("ana"))).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(cursors().open(&cx(1), "list", &BASE64_URL_SAFE_NO_PAD.encode(flipped)).is_err(), "{bit}");
        }
    }
}
