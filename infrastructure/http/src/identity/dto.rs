//! What several resources of this context have, as JSON.

use std::collections::BTreeSet;

use fairlead_domain::{
    identity::RoleRef,
    ids::ProjectId,
    kernel::Invalid,
    values::{Email, Label, PersonName},
};
use secrecy::{SecretString, zeroize::Zeroize};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{problem::Check, request::List};

/// Roles in one request at most; a member has no more.
pub(super) const MAX_ROLES: usize = 20;
/// Projects in one request at most; a member is limited to no more.
pub(super) const MAX_PROJECTS: usize = 500;

/// A secret in a body. Nothing shows it.
#[derive(Debug, Clone)]
pub(super) struct Hidden(pub(super) SecretString);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let secret = Self(text.as_str().into());
        text.zeroize();
        Ok(secret)
    }
}

/// The present password, of who has one: so that nobody is locked out by a screen that was left open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct horse battery" }))]
pub(super) struct Confirmation {
    #[schema(value_type = Option<String>, format = Password, nullable = false)]
    password: Option<Hidden>,
}

impl Confirmation {
    /// The password.
    pub(super) fn password(self) -> Option<SecretString> {
        self.password.map(|Hidden(password)| password)
    }
}

/// A person who registers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Ana Lima", "email": "ana@example.com", "password": "correct horse battery" }))]
pub(super) struct NewUserBody {
    /// What the person is called.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Where the person is reached, and by which they sign in.
    #[schema(format = Email, max_length = 254)]
    email: String,
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 256)]
    password: Hidden,
}

impl NewUserBody {
    /// The person, or a fault for each value that is not acceptable.
    pub(super) fn read(self, check: &mut Check, parent: &str) -> Option<fairlead_application::identity::NewUser> {
        let name = check.at(format!("{parent}/name"), PersonName::new(&self.name));
        let email = check.at(format!("{parent}/email"), Email::new(&self.email));
        let password = password(check, format!("{parent}/password"), self.password);
        Some(fairlead_application::identity::NewUser { email: email?, name: name?, password: password? })
    }
}

/// A new password, or a fault.
pub(super) fn password(
    check: &mut Check,
    pointer: impl Into<String>,
    Hidden(password): Hidden,
) -> Option<SecretString> {
    check.at(pointer, fairlead_application::identity::Passwords::check(&password).map(|()| password))
}

/// A name, or a fault.
pub(super) fn label(check: &mut Check, text: &str) -> Option<Label> {
    check.at("/name", Label::new(text))
}

/// Roles, or a fault for each that is none.
pub(super) fn roles<const MAX: usize>(
    check: &mut Check,
    parent: &str,
    List(texts): List<String, MAX>,
) -> Option<BTreeSet<RoleRef>> {
    let roles = texts.iter().enumerate().map(|(n, text)| check.at(format!("{parent}/{n}"), text.parse::<RoleRef>()));
    roles.collect::<Vec<_>>().into_iter().collect()
}

/// The limit to projects.
pub(super) fn projects(List(ids): List<Uuid, MAX_PROJECTS>) -> BTreeSet<ProjectId> {
    ids.into_iter().map(Into::into).collect()
}

/// What must be there.
pub(super) fn missing(check: &mut Check, pointer: &str, detail: &str) {
    check.at::<()>(pointer, Err(Invalid::new("request.missing_field", detail)));
}
