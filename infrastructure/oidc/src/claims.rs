//! What a provider says about somebody, and how much of it is believed.

use std::error::Error;

use fairlead_application::identity::oidc::{ExternalIdentity, OidcError};
use fairlead_domain::values::{Email, ExternalSubject, PersonName, Provider};
use openidconnect::{
    AdditionalClaims, EndUserEmail, EndUserFamilyName, EndUserGivenName, EndUserName, IdTokenClaims, LocalizedClaim,
    StandardClaims, core::CoreGenderClaim,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::settings::OidcProvider;

/// What Microsoft says besides. Of others these may be anything.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct More {
    /// The tenant.
    #[serde(default)]
    tid: Value,
    /// Whether the address is in a domain that the tenant has shown to be its own, or was verified.
    #[serde(default)]
    xms_edov: Value,
}

impl AdditionalClaims for More {}

pub(crate) type Claims = IdTokenClaims<More, CoreGenderClaim>;

/// What is said about a person, be it in a token or besides.
#[derive(Clone, Copy)]
pub(crate) struct Said<'c> {
    email: Option<&'c EndUserEmail>,
    email_verified: bool,
    name: Option<&'c LocalizedClaim<EndUserName>>,
    given_name: Option<&'c LocalizedClaim<EndUserGivenName>>,
    family_name: Option<&'c LocalizedClaim<EndUserFamilyName>>,
}

impl<'c> From<&'c Claims> for Said<'c> {
    fn from(claims: &'c Claims) -> Self {
        Self {
            email: claims.email(),
            email_verified: claims.email_verified() == Some(true),
            name: claims.name(),
            given_name: claims.given_name(),
            family_name: claims.family_name(),
        }
    }
}

impl<'c> From<&'c StandardClaims<CoreGenderClaim>> for Said<'c> {
    fn from(claims: &'c StandardClaims<CoreGenderClaim>) -> Self {
        Self {
            email: claims.email(),
            email_verified: claims.email_verified() == Some(true),
            name: claims.name(),
            given_name: claims.given_name(),
            family_name: claims.family_name(),
        }
    }
}

impl Said<'_> {
    /// An address that we take, and whether the provider says that it is verified.
    pub(crate) fn address(self) -> Option<(Email, bool)> {
        let email = Email::new(self.email?.as_str()).ok()?;
        Some((email, self.email_verified))
    }

    fn name(self) -> Option<PersonName> {
        let whole = self.name.and_then(|name| name.get(None)).map(|name| name.as_str().to_owned());
        let given = self.given_name.and_then(|name| name.get(None)).map(|name| name.as_str());
        let family = self.family_name.and_then(|name| name.get(None)).map(|name| name.as_str());
        let parts = || [given, family].into_iter().flatten().collect::<Vec<_>>().join(" ");
        PersonName::new(&whole.unwrap_or_else(parts)).ok()
    }
}

/// An answer that proves nothing, and why.
pub(crate) fn invalid(cause: impl Into<Box<dyn Error + Send + Sync>>) -> OidcError {
    OidcError::Invalid(cause.into())
}

/// How somebody is named who is known to one of all tenants: subjects of two tenants may be alike.
///
/// # Errors
/// [`OidcError::Invalid`] when the token's issuer is not the tenant that it names.
pub(crate) fn subject_of_tenant(claims: &Claims, template: &str) -> Result<String, OidcError> {
    let tenant = claims.additional_claims().tid.as_str().and_then(|tid| Uuid::try_parse(tid).ok());
    let tenant = tenant.ok_or_else(|| invalid("the token names no tenant"))?;
    let expected = template.replace("{tenantid}", &tenant.hyphenated().to_string());
    if **claims.issuer() != expected {
        return Err(invalid(format!("the token was issued by {}, and names the tenant {tenant}", **claims.issuer())));
    }
    Ok(format!("{tenant}/{}", claims.subject().as_str()))
}

/// Who it is, by the token and what else the provider said.
///
/// # Errors
/// [`OidcError::Invalid`] for a subject that is none, [`OidcError::Domain`]
pub(crate) fn identity(
    settings: &OidcProvider,
    provider: &Provider,
    subject: &str,
    claims: &Claims,
    told: Option<Said<'_>>,
) -> Result<ExternalIdentity, OidcError> {
    let subject = ExternalSubject::new(subject).map_err(invalid)?;
    let by_token = Said::from(claims);
    // An address and whether it is verified go together, whoever says so.
    let from_token = by_token.address().map(|(email, verified)| (email, verified || is_of_tenant(settings, claims)));
    let address = from_token.or_else(|| told.and_then(Said::address));
    let email_verified = address.as_ref().is_some_and(|(_, verified)| *verified || settings.emails_are_verified);
    let email = address.map(|(email, _)| email);
    let domains = settings.domains();
    let is_in_domain = |email: &Email| email.normalized().rsplit_once('@').is_some_and(|(_, d)| domains.contains(d));
    let is_allowed = domains.is_empty() || (email_verified && email.as_ref().is_some_and(is_in_domain));
    if !is_allowed {
        return Err(OidcError::Domain);
    }
    Ok(ExternalIdentity {
        provider: provider.clone(),
        subject,
        email,
        email_verified,
        name: by_token.name().or_else(|| told.and_then(Said::name)),
        may_link_by_email: settings.link_by_email && email_verified,
    })
}

fn is_of_tenant(settings: &OidcProvider, claims: &Claims) -> bool {
    settings.multi_tenant
        && match &claims.additional_claims().xms_edov {
            Value::Bool(verified) => *verified,
            Value::Number(number) => number.as_u64() == Some(1),
            Value::String(text) => matches!(text.as_str(), "1" | "true"),
            _ => false,
        }
}
