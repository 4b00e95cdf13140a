//! The samples of all measurements, and the ratios between systems.

use std::{collections::BTreeMap, fmt::Display};

use crate::stats::Summary;

/// For each measurement, system and figure one sample per round.
#[derive(Default)]
pub struct Figures(BTreeMap<String, Vec<f64>>);

fn key(part: impl Display, system: &str, figure: &str) -> String {
    format!("{part}/{system}/{figure}")
}

impl Figures {
    pub fn add(&mut self, part: impl Display, system: &str, figure: &str, sample: f64) {
        let samples = self.0.entry(key(part, system, figure)).or_default();
        samples.push(sample);
    }

    pub fn summary(&self, part: impl Display, system: &str, figure: &str) -> Option<Summary> {
        Summary::of(self.0.get(&key(part, system, figure))?)
    }

    pub fn median(&self, part: impl Display, system: &str, figure: &str) -> Option<f64> {
        Some(self.summary(part, system, figure)?.median)
    }

    /// Returns the median of the ratios between two systems in the same round.
    pub fn ratio(&self, part: impl Display, system: &str, to: &str, figure: &str) -> Option<f64> {
        Some(self.ratios(part, system, to, figure)?.median)
    }

    /// Returns the same with the least and the greatest ratio.
    pub fn ratios(
        &self,
        part: impl Display,
        system: &str,
        to: &str,
        figure: &str,
    ) -> Option<Summary> {
        let part = part.to_string();
        let own = self.0.get(&key(&part, system, figure))?;
        let other = self.0.get(&key(&part, to, figure))?;
        let ratios: Vec<f64> = own
            .iter()
            .zip(other)
            .map(|(own, other)| own / other)
            .collect();
        Summary::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let mut figures = Figures::default();
        // The machine was slow in the second round, for both.
        for (own, other) in [(10.0, 2.0), (5.0, 1.0), (12.0, 2.0)] {
            figures.add("e2e", "own", "rate", own);
            figures.add("e2e", "other", "rate", other);
        }
        assert_eq!(figures.ratio("e2e", "own", "other", "rate"), Some(5.0));
        assert_eq!(figures.median("e2e", "own", "rate"), Some(10.0));
        assert_eq!(figures.ratio("e2e", "own", "nobody", "rate"), None);
    }
}
