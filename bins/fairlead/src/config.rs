//! Settings: from the environment (`FAIRLEAD_…`), then from `fairlead.toml`, then defaults.

mod defaults;
mod forms;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use fairlead_application::identity::tokens::Algorithm;
use fairlead_domain::values::Tag;
use fairlead_http::{Rate, TrustedProxies};
use fairlead_oidc::OidcProvider;
use fairlead_postgres::InstallationKeys;
use fairlead_telemetry::LogFormat;
use fairlead_tokens::TrustedIssuer;
use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::Deserialize;
use uuid::Uuid;

use self::forms::{keys, list, parsed, parsed_if_given, proxies, tables, tag};

/// Every setting. `fairlead.example.toml` explains each.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    database_url: Option<SecretString>,
    app_database_url: Option<SecretString>,
    engine_database_url: Option<SecretString>,
    amqp_url: Option<SecretString>,
    organization_id: Option<Uuid>,
    secret_key: Option<SecretString>,
    #[serde(default, deserialize_with = "keys")]
    encryption_keys: Option<InstallationKeys>,
    #[serde(default = "defaults::erasure_journal")]
    pub(crate) erasure_journal: PathBuf,
    #[serde(default = "defaults::http_address", deserialize_with = "parsed")]
    pub(crate) http_address: SocketAddr,
    #[serde(default, deserialize_with = "parsed_if_given")]
    pub(crate) operations_address: Option<SocketAddr>,
    #[serde(default = "defaults::sequencing_limit_seconds", deserialize_with = "parsed")]
    pub(crate) sequencing_limit_seconds: u32,
    #[serde(default = "defaults::handling_limit_seconds", deserialize_with = "parsed")]
    pub(crate) handling_limit_seconds: u32,
    pub(crate) otlp_endpoint: Option<String>,
    #[serde(default = "defaults::service_name")]
    pub(crate) service_name: String,
    #[serde(default = "defaults::trace_ratio", deserialize_with = "parsed")]
    pub(crate) trace_ratio: f64,
    #[serde(default = "defaults::issuer")]
    pub(crate) token_issuer: String,
    #[serde(default = "defaults::audience")]
    pub(crate) token_audience: String,
    #[serde(default, deserialize_with = "parsed")]
    pub(crate) token_algorithm: Algorithm,
    #[serde(default = "defaults::signing_key_days", deserialize_with = "parsed")]
    pub(crate) signing_key_days: u16,
    #[serde(default, deserialize_with = "tables")]
    pub(crate) trusted_issuers: Vec<TrustedIssuer>,
    #[serde(default, deserialize_with = "tables")]
    pub(crate) oidc_providers: Vec<OidcProvider>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) cors_origins: Vec<String>,
    #[serde(default, deserialize_with = "proxies")]
    pub(crate) trusted_proxies: TrustedProxies,
    #[serde(default = "defaults::max_body_bytes", deserialize_with = "parsed")]
    pub(crate) max_body_bytes: usize,
    #[serde(default = "defaults::database_connections", deserialize_with = "parsed")]
    pub(crate) database_connections: usize,
    #[serde(default = "defaults::rate_limit_per_organization", deserialize_with = "parsed")]
    pub(crate) rate_limit_per_organization: Rate,
    #[serde(default = "defaults::rate_limit_per_key", deserialize_with = "parsed")]
    pub(crate) rate_limit_per_key: Rate,
    #[serde(default = "defaults::sign_in_tries", deserialize_with = "parsed")]
    pub(crate) sign_in_tries: u32,
    #[serde(default, deserialize_with = "parsed")]
    pub(crate) open_registration: bool,
    #[serde(default = "defaults::backlog_per_organization", deserialize_with = "parsed")]
    pub(crate) backlog_per_organization: u64,
    #[serde(default = "defaults::event_streams", deserialize_with = "parsed")]
    pub(crate) event_streams: usize,
    #[serde(default = "defaults::event_streams_per_organization", deserialize_with = "parsed")]
    pub(crate) event_streams_per_organization: usize,
    #[serde(default = "defaults::partitions", deserialize_with = "parsed")]
    pub(crate) partitions: u8,
    #[serde(default, deserialize_with = "tag")]
    pub(crate) new_contact_tag: Option<Tag>,
    pub(crate) app_url: Option<String>,
    pub(crate) smtp_url: Option<SecretString>,
    mail_from: Option<String>,
    #[serde(default = "defaults::mail_directory")]
    pub(crate) mail_directory: PathBuf,
    #[serde(default = "defaults::rotting_seconds", deserialize_with = "parsed")]
    pub(crate) rotting_seconds: u32,
    #[serde(default = "defaults::idempotency_days", deserialize_with = "parsed")]
    pub(crate) idempotency_days: u16,
    #[serde(default = "defaults::closed_organization_days", deserialize_with = "parsed")]
    pub(crate) closed_organization_days: u16,
    #[serde(default = "defaults::audit_days", deserialize_with = "parsed")]
    pub(crate) audit_days: u16,
    #[serde(default = "defaults::shutdown_seconds", deserialize_with = "parsed")]
    pub(crate) shutdown_seconds: u16,
    #[serde(default = "defaults::log_filter")]
    pub(crate) log_filter: String,
    #[serde(default)]
    pub(crate) log_format: LogFormat,
}

/// A setting is wrong or missing. Says which, and never its value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file is not there.
    #[error("there is no file {0}")]
    NoFile(String),
    /// A value can't be taken.
    #[error("{0}")]
    Wrong(String),
    /// A value is needed that nobody gave.
    #[error("{key} is missing: set FAIRLEAD_{} in the environment, or {key} in fairlead.toml", key.to_uppercase())]
    Missing {
        /// The setting.
        key: &'static str,
    },
    /// A value is too short, or of no use.
    #[error("{key} is wrong: {problem}")]
    Useless {
        /// The setting.
        key: &'static str,
        /// What is expected.
        problem: &'static str,
    },
}

impl Config {
    /// Reads all settings. `file` must exist; without one, `fairlead.toml` may.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(missing) = file.filter(|file| !file.is_file()) {
            return Err(ConfigError::NoFile(missing.display().to_string()));
        }
        let file = file.unwrap_or(Path::new("fairlead.toml"));
        Self::read(file, std::env::vars())
    }

    fn read(file: &Path, environment: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        // Taken as text: figment's own provider would read a secret of digits as a number. Tests have variables of
        // their own.
        let environment: BTreeMap<_, _> = environment
            .filter_map(|(name, value)| Some((name.strip_prefix("FAIRLEAD_")?.to_lowercase(), value)))
            .filter(|(name, value)| !name.starts_with("test_") && !value.is_empty())
            .collect();
        let named = |key: &str| match environment.contains_key(key) {
            true => format!("FAIRLEAD_{}", key.to_uppercase()),
            false => key.to_owned(),
        };
        let in_file = if file.is_file() { Figment::from(Toml::file_exact(file)) } else { Figment::new() };
        let config: Self = in_file.merge(Serialized::defaults(&environment)).extract().map_err(|error| {
            let error = error.into_iter().next();
            let error = error.map(|error| (error.path.join("."), error.kind));
            ConfigError::Wrong(match error {
                Some((key, kind)) if !key.is_empty() => format!("{} is wrong: {}", named(&key), discreet(&kind)),
                Some((_, figment::error::Kind::UnknownField(key, _))) => format!("{} is no setting", named(&key)),
                Some((_, kind)) => discreet(&kind),
                None => "the settings can't be read".to_owned(),
            })
        })?;
        config.check()
    }

    fn check(self) -> Result<Self, ConfigError> {
        if self.secret_key.as_ref().is_some_and(|secret| secret.expose_secret().len() < 32) {
            let problem = "it must have 32 characters at least";
            return Err(ConfigError::Useless { key: "secret_key", problem });
        }
        if self.signing_key_days == 0 {
            return Err(ConfigError::Useless { key: "signing_key_days", problem: "it must be 1 at least" });
        }
        if self.database_connections == 0 {
            return Err(ConfigError::Useless { key: "database_connections", problem: "it must be 1 at least" });
        }
        if !(0.0..=1.0).contains(&self.trace_ratio) {
            return Err(ConfigError::Useless { key: "trace_ratio", problem: "it must be between 0 and 1" });
        }
        if !(1..=64).contains(&self.partitions) {
            return Err(ConfigError::Useless { key: "partitions", problem: "it must be from 1 to 64" });
        }
        if self.rotting_seconds == 0 {
            return Err(ConfigError::Useless { key: "rotting_seconds", problem: "it must be 1 at least" });
        }
        if self.idempotency_days == 0 {
            return Err(ConfigError::Useless { key: "idempotency_days", problem: "it must be 1 at least" });
        }
        if self.audit_days == 0 {
            return Err(ConfigError::Useless { key: "audit_days", problem: "it must be 1 at least" });
        }
        Ok(self)
    }

    /// The administrator's URL, for migrations.
    pub(crate) fn database_url(&self) -> Result<&SecretString, ConfigError> {
        required("database_url", self.database_url.as_ref())
    }

    /// The URL of the login for requests.
    pub(crate) fn app_database_url(&self) -> Result<&SecretString, ConfigError> {
        required("app_database_url", self.app_database_url.as_ref())
    }

    /// The URL of the engine's login.
    pub(crate) fn engine_database_url(&self) -> Result<&SecretString, ConfigError> {
        required("engine_database_url", self.engine_database_url.as_ref())
    }

    /// The broker's URL.
    pub(crate) fn amqp_url(&self) -> Result<&SecretString, ConfigError> {
        required("amqp_url", self.amqp_url.as_ref())
    }

    /// Who sends letters. A server wants to know; files don't.
    pub(crate) fn mail_from(&self) -> Result<&str, ConfigError> {
        let anybody = self.smtp_url.is_none().then_some("Fairlead <no-reply@localhost>");
        required("mail_from", self.mail_from.as_deref().or(anybody))
    }

    /// The organization of tokens that `fairlead token` signs.
    pub(crate) fn organization_id(&self) -> Result<Uuid, ConfigError> {
        required("organization_id", self.organization_id)
    }

    /// The keys that wrap the keys of organizations.
    pub(crate) fn encryption_keys(&self) -> Result<InstallationKeys, ConfigError> {
        required("encryption_keys", self.encryption_keys.clone())
    }

    /// The installation's secret, as bytes.
    pub(crate) fn secret(&self) -> Result<SecretSlice<u8>, ConfigError> {
        Ok(SecretSlice::from(self.secret_key()?.expose_secret().as_bytes().to_vec()))
    }

    /// The installation's secret.
    pub(crate) fn secret_key(&self) -> Result<&SecretString, ConfigError> {
        required("secret_key", self.secret_key.as_ref())
    }
}

fn required<T>(key: &'static str, value: Option<T>) -> Result<T, ConfigError> {
    value.ok_or(ConfigError::Missing { key })
}

/// What is wrong, without the value, which may be secret.
fn discreet(kind: &figment::error::Kind) -> String {
    use figment::error::Kind;
    match kind {
        Kind::InvalidType(found, expected) => {
            let found = match found {
                figment::error::Actual::Str(_) => "a text",
                figment::error::Actual::Bool(_) => "true or false",
                figment::error::Actual::Unsigned(_) | figment::error::Actual::Signed(_) => "a number",
                _ => "something else",
            };
            format!("found {found}, expected {expected}")
        }
        Kind::UnknownVariant(_, known) => format!("expected one of {}", known.join(", ")),
        Kind::InvalidValue(_, expected) => format!("expected {expected}"),
        kind => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/none.toml")), variables)
    }

    #[test]
    fn what_is_wrong_is_named_and_never_shown() {
        let digits = "1".repeat(64);
        let config =
            read(&[("FAIRLEAD_SECRET_KEY", &digits), ("FAIRLEAD_CORS_ORIGINS", "https://a.example, ")]).unwrap();
        assert_eq!(config.secret_key().unwrap().expose_secret(), digits);
        assert_eq!(config.cors_origins, ["https://a.example"]);
        assert_eq!(config.amqp_url().unwrap_err().to_string().split(' ').next(), Some("amqp_url"));
        for (name, value, key) in [
            ("FAIRLEAD_SECRET_KEY", "hunter2", "secret_key"),
            ("FAIRLEAD_TOKEN_ALGORITHM", "hunter2", "FAIRLEAD_TOKEN_ALGORITHM"),
            ("FAIRLEAD_SIGNING_KEY_DAYS", "0", "signing_key_days"),
            ("FAIRLEAD_TRUSTED_ISSUERS", r#"[{ "issuer": "hunter2" }]"#, "FAIRLEAD_TRUSTED_ISSUERS"),
            ("FAIRLEAD_TRUSTED_ISSUERS", "hunter2", "FAIRLEAD_TRUSTED_ISSUERS"),
            ("FAIRLEAD_OIDC_PROVIDERS", r#"[{ "name": "hunter2" }]"#, "FAIRLEAD_OIDC_PROVIDERS"),
            ("FAIRLEAD_HTTP_ADDRESS", "hunter2", "FAIRLEAD_HTTP_ADDRESS"),
            ("FAIRLEAD_DATABASE_CONNECTIONS", "hunter2", "FAIRLEAD_DATABASE_CONNECTIONS"),
            ("FAIRLEAD_DATABASE_CONNECTIONS", "0", "database_connections"),
            ("FAIRLEAD_ORGANIZATION_ID", "hunter2", "FAIRLEAD_ORGANIZATION_ID"),
            ("FAIRLEAD_LOG_FORMAT", "hunter2", "FAIRLEAD_LOG_FORMAT"),
            ("FAIRLEAD_SHUTDOWN_SECONDS", "70000", "FAIRLEAD_SHUTDOWN_SECONDS"),
            ("FAIRLEAD_OPERATIONS_ADDRESS", "hunter2", "FAIRLEAD_OPERATIONS_ADDRESS"),
            ("FAIRLEAD_TRACE_RATIO", "1.5", "trace_ratio"),
            ("FAIRLEAD_TRACE_RATIO", "NaN", "trace_ratio"),
            ("FAIRLEAD_ENCRYPTION_KEYS", "hunter2", "FAIRLEAD_ENCRYPTION_KEYS"),
            ("FAIRLEAD_NEW_CONTACT_TAG", "no tag: hunter2", "FAIRLEAD_NEW_CONTACT_TAG"),
            ("FAIRLEAD_TRUSTED_PROXIES", "10.0.0.0/8, hunter2", "FAIRLEAD_TRUSTED_PROXIES"),
            ("FAIRLEAD_TYPO", "hunter2", "FAIRLEAD_TYPO"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(key) && !error.contains("hunter2"), "{name}: {error}");
        }
    }

    #[test]
    fn the_example_is_valid_and_explains_every_setting() {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fairlead.example.toml"));
        let text = std::fs::read_to_string(path).unwrap();
        let uncommented =
            text.lines().map(|line| line.strip_prefix("#! ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
        let file = std::env::temp_dir().join(format!("fairlead-example-{}.toml", std::process::id()));
        std::fs::write(&file, uncommented).unwrap();
        let config = Config::read(&file, std::iter::empty());
        std::fs::remove_file(&file).unwrap();
        let shown = format!("{:?}", config.unwrap());
        for (key, value) in shown.split(", ").filter_map(|part| part.split_once(": ")) {
            assert!(value != "None", "{key} is not in the example");
        }
    }
}
