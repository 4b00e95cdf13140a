//! One run of the benchmark, and the check that this project loses no record.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::{
    figures::Figures,
    load::{Load, Task},
    options::Settings,
    report::Report,
};

/// One run of the benchmark: its settings and its figures.
pub struct Bench {
    pub settings: Settings,
    pub figures: Figures,
    /// Systems that failed, and why. They are not tried again.
    left_out: BTreeMap<String, String>,
}

/// The systems that must not fail.
const OWN: [&str; 2] = ["shared", "direct"];

impl Bench {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            figures: Figures::default(),
            left_out: BTreeMap::new(),
        }
    }

    /// Measures one system under one load. A system that fails or loses a record is left out from then on.
    pub fn measure(&mut self, system: &str, load: &Load) -> Option<Report> {
        let task = Task {
            system: system.to_owned(),
            load: load.clone(),
        };
        self.attempt(system, || Report::of(&task))
    }

    /// The same for any way to get a report.
    pub fn attempt(
        &mut self,
        system: &str,
        report: impl FnOnce() -> Result<Report>,
    ) -> Option<Report> {
        if !self.settings.wants(system) || self.left_out.contains_key(system) {
            return None;
        }
        let checked = report().and_then(|report| {
            ensure!(report.lost == 0, "{} records lost", report.lost);
            Ok(report)
        });
        match checked {
            Ok(report) => Some(report),
            Err(error) => {
                eprintln!("  {system}: {error:#}");
                self.left_out
                    .insert(system.to_owned(), format!("{error:#}"));
                None
            }
        }
    }

    pub fn round(&self, part: &str, round: u32) {
        eprintln!("{part}: round {} of {}", round + 1, self.settings.rounds());
    }

    /// Returns the systems that the tables leave out, and why.
    pub fn left_out(&self) -> String {
        let mut text = String::new();
        for (system, reason) in &self.left_out {
            let reason = reason.lines().next().unwrap_or_default();
            text += &format!("Left out: {system} ({reason}).\n");
        }
        text
    }

    /// Whether this project's own systems ran without loss and error.
    pub fn is_sound(&self) -> bool {
        OWN.iter().all(|own| !self.left_out.contains_key(*own))
    }
}
