use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Label;
use crate::kernel::Invalid;

/// How many ways of one kind there may be to reach a person.
const MAX_POINTS: usize = 20;

/// One of several ways to reach a person: an address, or a number.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Point<T> {
    /// The address, or the number.
    pub value: T,
    /// What it is for: `work`, `home`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Whether it is the one to use first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub primary: bool,
}

/// All ways of one kind to reach a person: each once, and if there is any, one of them is the primary one, which stands first.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Points<T>(Vec<Point<T>>);

impl<T> Default for Points<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> fmt::Debug for Points<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Points({})", self.0.len())
    }
}

impl<T: PartialEq + Clone> Points<T> {
    /// Takes what was given, in its order but for the primary one, which is the first where none is named.
    ///
    /// # Errors
    /// `points.too_many`, `points.repeated` or `points.two_primary`
    pub fn new(mut points: Vec<Point<T>>) -> Result<Self, Invalid> {
        if points.len() > MAX_POINTS {
            return Err(Invalid::new("points.too_many", format!("must not be more than {MAX_POINTS}")));
        }
        let repeated =
            |(n, point): (usize, &Point<T>)| points.iter().skip(n + 1).any(|other| other.value == point.value);
        if points.iter().enumerate().any(repeated) {
            return Err(Invalid::new("points.repeated", "must not hold the same twice"));
        }
        if points.iter().filter(|point| point.primary).count() > 1 {
            return Err(Invalid::new("points.two_primary", "must not have two that are primary"));
        }
        let primary = points.iter().position(|point| point.primary).unwrap_or(0);
        if let Some(first) = points.get_mut(..=primary) {
            first.rotate_right(1);
        }
        if let Some(first) = points.first_mut() {
            first.primary = true;
        }
        Ok(Self(points))
    }

    /// One alone.
    pub fn one(value: T) -> Self {
        Self(vec![Point { value, label: None, primary: true }])
    }

    /// These, with another primary one: one of them, or a new one, which takes the present one's place. With none, there is none at
    /// all; of several it has to be said which are to stay.
    ///
    /// # Errors
    /// `points.several`
    pub fn with_primary(&self, value: Option<T>) -> Result<Self, Invalid> {
        if value.is_none() && self.0.len() > 1 {
            return Err(Invalid::new("points.several", "are several; say which are to stay"));
        }
        let Some(value) = value else { return Ok(Self::default()) };
        let mut points = self.0.clone();
        for point in &mut points {
            point.primary = point.value == value;
        }
        if points.iter().all(|point| !point.primary) {
            match points.first_mut() {
                Some(first) => *first = Point { value, label: first.label.take(), primary: true },
                None => return Ok(Self::one(value)),
            }
        }
        Self::new(points)
    }

    /// These and those of another that are not here, which come last.
    ///
    /// # Errors
    /// `points.too_many`
    pub fn and(&self, others: &Self) -> Result<Self, Invalid> {
        let known = |value: &T| self.0.iter().any(|point| point.value == *value);
        let new = others.0.iter().filter(|point| !known(&point.value)).cloned();
        let new = new.map(|point| Point { primary: self.0.is_empty() && point.primary, ..point });
        Self::new(self.0.iter().cloned().chain(new).collect())
    }
}

impl<T> Points<T> {
    /// The one to use first.
    pub fn primary(&self) -> Option<&T> {
        self.0.first().map(|point| &point.value)
    }

    /// All of them, the primary one first.
    pub fn iter(&self) -> impl Iterator<Item = &Point<T>> {
        self.0.iter()
    }

    /// All addresses or numbers, the primary one first.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|point| &point.value)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
