//! The result of one measurement, which runs in a process of its own.

use std::{
    env::current_exe,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{load::Task, stats::Percentiles};

/// The result of one measurement.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    pub records: u64,
    pub lost: u64,
    /// From the start to the dispatch of the last record.
    pub seconds: f64,
    pub child_cpu: f64,
    pub parent_cpu: f64,
    pub child_allocations: u64,
    pub parent_allocations: u64,
    pub peak_kib: u64,
    /// Of all children, and of the parent, when the last record was logged and dispatched.
    pub child_pss_kib: u64,
    pub parent_pss_kib: u64,
    /// Nanoseconds.
    pub latency: Option<Percentiles>,
    /// Nanoseconds.
    pub calls: Option<Percentiles>,
    /// Nanoseconds.
    pub disabled: Option<f64>,
    /// Per second.
    pub wakeups: Option<f64>,
}

impl Report {
    /// Makes a measurement in a process of its own, whose memory and CPU are those of this measurement only.
    pub fn of(task: &Task) -> Result<Self> {
        let mut command = Command::new(current_exe()?);
        command.arg("parent").arg(serde_json::to_string(task)?);
        Self::from_output(&mut command)
    }

    /// Runs a program that prints a report.
    pub fn from_output(command: &mut Command) -> Result<Self> {
        let output = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            bail!("{}: {}", output.status, text.trim());
        }
        serde_json::from_slice(&output.stdout).context("a report")
    }

    pub fn records_per_second(&self) -> f64 {
        self.records as f64 / self.seconds
    }

    /// CPU seconds per million records, the same as microseconds per record: of the child and of the parent.
    pub fn cpu_per_million(&self) -> (f64, f64) {
        let millions = self.records as f64 / 1e6;
        (self.child_cpu / millions, self.parent_cpu / millions)
    }
}
