//! By whom people may sign in, and what is believed of what they say.

use std::{collections::BTreeSet, fmt};

use fairlead_application::identity::web::is_safe;
use fairlead_domain::values::Provider;
use secrecy::SecretString;
use serde::Deserialize;

/// A provider by whom people sign in. `Debug` shows its name alone.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcProvider {
    /// What it is called here: `[a-z][a-z0-9_-]*`. Users are linked to this name, so it never changes.
    pub name: String,
    /// Its own name, which is where it describes itself: `https://accounts.google.com`.
    pub issuer: String,
    /// What Fairlead is called there.
    pub client_id: String,
    /// The secret shared with it; a public client has none.
    pub client_secret: Option<SecretString>,
    /// What is asked for besides `openid`.
    #[serde(default = "defaults::scopes")]
    pub scopes: Vec<String>,
    /// Whether somebody who comes for the first time is taken for the user with the same verified address.
    #[serde(default)]
    pub link_by_email: bool,
    /// Where addresses must be; empty for anywhere. Only a verified address is in a domain.
    #[serde(default)]
    pub allowed_domains: Vec<String>,
    /// Whether addresses count as verified though the provider doesn't say so: of a directory that gives them out itself.
    #[serde(default)]
    pub emails_are_verified: bool,
    /// Whether it is Microsoft's door for all tenants (`common`, `organizations`), where each tenant is an issuer of its own.
    #[serde(default)]
    pub multi_tenant: bool,
}

mod defaults {
    pub(super) fn scopes() -> Vec<String> {
        ["email", "profile"].map(str::to_owned).into()
    }
}

/// Nobody can sign in by a provider as the settings say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {problem}")]
pub struct InvalidProvider {
    /// Which.
    pub provider: String,
    /// What is wrong. Never shows a secret.
    pub problem: String,
}

impl fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OidcProvider").field(&self.name).finish()
    }
}

impl OidcProvider {
    pub(crate) fn invalid(&self, problem: impl Into<String>) -> InvalidProvider {
        InvalidProvider { provider: self.name.clone(), problem: problem.into() }
    }

    /// Whether the parts fit together; the name, if they do.
    pub(crate) fn check(&self) -> Result<Provider, InvalidProvider> {
        let refuse = |problem: &str| Err(self.invalid(problem));
        let name = Provider::new(&self.name);
        let name = name.map_err(|_| self.invalid("name must match [a-z][a-z0-9_-]* and have 40 characters at most"))?;
        if self.client_id.is_empty() {
            return refuse("client_id must not be empty");
        }
        if !is_safe(&self.issuer) || self.issuer.contains(['?', '#']) {
            return refuse("issuer must be an https URL without a query; http is for addresses of this machine");
        }
        if let Some(scope) = self.scopes.iter().find(|scope| !is_scope(scope)) {
            return refuse(&format!("{scope:?} is no scope"));
        }
        if self.allowed_domains.iter().any(|domain| domain.is_empty() || domain.contains(['@', '*', ' '])) {
            return refuse("allowed_domains must be names such as example.com, each of which stands for itself alone");
        }
        // Whoever has a tenant of their own could claim anybody's address.
        if self.multi_tenant && self.emails_are_verified {
            return refuse("emails_are_verified can't be said of all tenants");
        }
        if self.multi_tenant && self.template().is_none() {
            return refuse(
                "multi_tenant is for an issuer such as https://login.microsoftonline.com/organizations/v2.0",
            );
        }
        Ok(name)
    }

    /// How the tenants' issuers are named: as the common one, with `{tenantid}` in its place.
    pub(crate) fn template(&self) -> Option<String> {
        ["common", "organizations", "consumers"].iter().find_map(|door| {
            let (before, after) = self.issuer.split_once(&format!("/{door}/"))?;
            Some(format!("{before}/{{tenantid}}/{after}"))
        })
    }

    /// The domains that are allowed, in lower case.
    pub(crate) fn domains(&self) -> BTreeSet<String> {
        self.allowed_domains.iter().map(|domain| domain.to_lowercase()).collect()
    }
}

/// RFC 6749, section 3.3.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
