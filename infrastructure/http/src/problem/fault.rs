//! Values that are not accepted, gathered so that a client learns of all of them at once.

use std::borrow::Cow;

use fairlead_domain::kernel::Invalid;
use serde::Serialize;
use utoipa::ToSchema;

use super::Problem;

/// One value that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Fault {
    /// Where in the body, as a JSON Pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "/email")]
    pub(crate) pointer: Option<String>,
    /// Which query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) parameter: Option<&'static str>,
    /// A stable name.
    #[schema(value_type = String, example = "email.invalid")]
    pub(crate) code: Cow<'static, str>,
    /// What is expected.
    #[schema(example = "must be an address such as name@example.com")]
    pub(crate) detail: String,
}

impl Fault {
    /// A value at a place in the body that is not accepted.
    pub(crate) fn at(pointer: String, invalid: Invalid) -> Self {
        Self { pointer: Some(pointer), parameter: None, code: invalid.code.into(), detail: invalid.detail }
    }
}

/// Gathers faults while values are built.
#[derive(Debug, Default)]
pub(crate) struct Check(Vec<Fault>);

impl Check {
    /// The value at a place in the body, or a fault.
    pub(crate) fn at<T>(&mut self, pointer: impl Into<String>, value: Result<T, Invalid>) -> Option<T> {
        value.map_err(|invalid| self.push(Some(pointer.into()), None, invalid)).ok()
    }

    /// The value of a query parameter, or a fault.
    pub(crate) fn parameter<T>(&mut self, name: &'static str, value: Result<T, Invalid>) -> Option<T> {
        value.map_err(|invalid| self.push(None, Some(name), invalid)).ok()
    }

    /// What was built, if there was no fault.
    ///
    /// # Errors
    /// All faults together.
    pub(crate) fn finish<T>(self, built: Option<T>) -> Result<T, Problem> {
        built.filter(|_| self.0.is_empty()).ok_or_else(|| Problem::invalid(self.0))
    }

    fn push(&mut self, pointer: Option<String>, parameter: Option<&'static str>, invalid: Invalid) {
        self.0.push(Fault { pointer, parameter, code: invalid.code.into(), detail: invalid.detail });
    }
}

/// The pointer to a member, its name escaped (RFC 6901, section 3).
pub(crate) fn member(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}
