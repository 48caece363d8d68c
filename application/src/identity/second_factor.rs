//! The second factor: codes that change with time (RFC 6238), and codes that were written down.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use totp_rs::{Algorithm, Secret, TOTP};

use crate::{AppError, ports::Entropy};

/// How long a code holds, in seconds.
const STEP: u64 = 30;
/// How many codes before and after the present one are accepted, since clocks differ.
const SKEW: i64 = 1;
/// Bytes of a secret (RFC 4226, section 4, recommends 20).
const SECRET: usize = 20;
/// How many codes are written down.
pub(super) const RECOVERY_CODES: u8 = 10;
/// Bytes of such a code.
const RECOVERY: usize = 10;

/// A fresh secret.
///
/// # Errors
/// [`AppError::Internal`] when the operating system gives no chance.
pub(super) fn fresh_secret(entropy: &dyn Entropy) -> Result<SecretSlice<u8>, AppError> {
    let mut secret = vec![0; SECRET];
    entropy.fill(&mut secret).map_err(AppError::internal)?;
    Ok(secret.into())
}

fn totp(secret: &[u8]) -> Result<TOTP, AppError> {
    TOTP::new(Algorithm::SHA1, 6, 0, STEP, secret.to_vec()).map_err(|error| AppError::internal(error.to_string()))
}

/// The secret in base 32, and as the address that apps read from a QR code.
pub(super) fn shown(secret: &[u8], issuer: &str, account: &str) -> (SecretString, SecretString) {
    let text = Secret::Raw(secret.to_vec()).to_encoded().to_string();
    let (issuer, account) = (escaped(issuer), escaped(account));
    let address = format!(
        "otpauth://totp/{issuer}:{account}?secret={text}&issuer={issuer}&algorithm=SHA1&digits=6&period={STEP}"
    );
    (text.into(), address.into())
}

/// Percent-encoded but for unreserved characters (RFC 3986, section 2.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Which step of time a code is of, if it is one of about now.
///
/// # Errors
/// [`AppError::Internal`]
pub(super) fn step_of(secret: &[u8], code: &SecretString, now: DateTime<Utc>) -> Result<Option<i64>, AppError> {
    let (totp, present) = (totp(secret)?, now.timestamp().div_euclid(STEP.cast_signed()));
    let code = code.expose_secret().trim().as_bytes().to_vec();
    // All are compared, so that the time does not tell which one it was.
    let mut found = None;
    for step in present - SKEW..=present + SKEW {
        let expected = totp.generate((step * STEP.cast_signed()).cast_unsigned());
        if bool::from(expected.as_bytes().ct_eq(&code)) {
            found = Some(step);
        }
    }
    Ok(found)
}

/// Fresh codes to be written down, and what is kept of them.
///
/// # Errors
/// [`AppError::Internal`] when the operating system gives no chance.
pub(super) fn fresh_recovery_codes(entropy: &dyn Entropy) -> Result<(Vec<SecretString>, SecretSlice<u8>), AppError> {
    let (mut codes, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..RECOVERY_CODES {
        let mut code = [0; RECOVERY];
        entropy.fill(&mut code).map_err(AppError::internal)?;
        let code = BASE64_URL_SAFE_NO_PAD.encode(code);
        kept.extend(Sha256::digest(code.as_bytes()));
        codes.push(code.into());
    }
    Ok((codes, kept.into()))
}

/// Which of the codes that were written down it is.
pub(super) fn recovery_code(kept: &[u8], code: &SecretString) -> Option<u8> {
    let hash = Sha256::digest(code.expose_secret().trim().as_bytes());
    let mut found = None;
    for (index, kept) in (0..).zip(kept.chunks(hash.len())) {
        if bool::from(kept.ct_eq(&hash)) {
            found = Some(index);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::System;

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B: the last six digits for SHA-1.
        let secret = b"12345678901234567890";
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            let at = DateTime::from_timestamp(time, 0).unwrap();
            assert_eq!(step_of(secret, &code.into(), at).unwrap(), Some(time / 30));
            let later = at + chrono::Duration::seconds(30);
            assert_eq!(step_of(secret, &code.into(), later).unwrap(), Some(time / 30), "clocks differ");
            let much_later = at + chrono::Duration::seconds(90);
            assert_eq!(step_of(secret, &code.into(), much_later).unwrap(), None);
        }
    }

    #[test]
    fn a_recovery_code_is_found_by_its_place() {
        let (codes, kept) = fresh_recovery_codes(&System).unwrap();
        for (index, code) in (0..).zip(&codes) {
            assert_eq!(recovery_code(kept.expose_secret(), code), Some(index));
        }
        assert_eq!(recovery_code(kept.expose_secret(), &"AAAAAAAAAAAAAA".into()), None);
        assert!(!kept.expose_secret().is_empty() && codes.len() == usize::from(RECOVERY_CODES));
    }

    #[test]
    fn an_app_reads_the_address() {
        let (secret, address) = shown(b"12345678901234567890", "Fair lead", "ana@example.com");
        assert_eq!(secret.expose_secret(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(address.expose_secret().starts_with("otpauth://totp/Fair%20lead:ana%40example.com?secret=GEZDGNBV"));
    }
}
