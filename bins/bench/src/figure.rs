//! Figures, each beside its limit.

use serde_json::{Value, json};

/// A figure and its limit, measured in turns.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<f64>,
    pub(crate) limits: Vec<f64>,
    unit: &'static str,
    /// Whether the limit is not to be exceeded, rather than come close to.
    bound: bool,
}

impl Figure {
    /// Something a second, beside what would be possible.
    pub(crate) fn rate(name: &'static str) -> Self {
        Self { name, values: Vec::new(), limits: Vec::new(), unit: "1/s", bound: false }
    }

    /// Something that must not exceed a limit.
    pub(crate) fn bounded(name: &'static str, unit: &'static str, value: f64, limit: f64) -> Self {
        Self { name, values: vec![value], limits: vec![limit], unit, bound: true }
    }

    /// Prints the medians, with half of the distance between the lowest and the highest sample. The greater the ratio the
    /// better; of a bound it is how often the value goes into it.
    pub(crate) fn print(&mut self) -> Value {
        let median = |samples: &mut Vec<f64>| {
            samples.sort_by(f64::total_cmp);
            samples[samples.len() / 2]
        };
        let (value, limit) = (median(&mut self.values), median(&mut self.limits));
        let spread = |samples: &[f64]| (samples[samples.len() - 1] - samples[0]) / 2.0;
        let ratio = if self.bound { limit / value } else { value / limit };
        println!(
            "{:<16} {value:>9.1} ± {:>7.1} {:<4}  limit {limit:>9.1} ± {:>7.1}   ratio {ratio:.2}",
            self.name,
            spread(&self.values),
            self.unit,
            spread(&self.limits),
        );
        json!({ "name": self.name, "unit": self.unit, "value": value, "limit": limit, "ratio": ratio })
    }
}
