//! `run_child --check`: runs a program in several scenarios, and reports which rules of the wire format it breaks.
//!
//! A trial starts the program with the pipe of a scenario and reads packets. From packets come frames (`packets`), from
//! frames payloads (`payload`, `raw`), and from payloads processes with their numbers (`stream`, `fragments`,
//! `accounts`). With a shared buffer (`memory`), payloads come from its entries too (`rings`, `ring`), and
//! `bell` watches that the reader is woken.
//! `writers` and `processes` look at the program through `/proc`.

mod accounts;
mod bell;
mod fragments;
mod memory;
mod packets;
mod payload;
mod place;
mod processes;
mod program;
mod raw;
mod report;
mod ring;
mod rings;
mod rule;
mod scenario;
mod stream;
mod trial;
mod writers;

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Seek},
    time::Duration,
};

use clap::{Args, ValueEnum};
use record_proto::Layout;
use rustix::fs::{MemfdFlags, memfd_create};

use report::Report;
use scenario::Scenario;

use crate::support::inherited;

/// The packets at which the program is killed, one in each run.
const KILL_AT: [u64; 2] = [2, 3];

#[derive(Args)]
pub(crate) struct CheckOptions {
    /// Checks how the program writes its records: in all scenarios, or in these
    #[arg(long, value_enum, value_name = "SCENARIO", num_args = 0.., require_equals = true, value_delimiter = ',',
        conflicts_with_all = ["format", "input", "via", "label", "tee", "capture"])]
    check: Option<Vec<Scenario>>,
    /// With --check: the program is alone on the pipe and has one thread, so it may write longer frames
    #[arg(long, requires = "check")]
    alone: bool,
    /// With --check: a program that is silent for so long hangs
    #[arg(long, requires = "check", value_name = "N", default_value_t = 10, 
        value_parser = clap::value_parser!(u64).range(1..))]
    check_seconds: u64,
}

/// How the program is run.
pub(crate) struct Settings {
    command: Vec<OsString>,
    filter: String,
    alone: bool,
    /// The buffer that the program is offered.
    buffer: Option<Layout>,
    limit: Duration,
}

impl CheckOptions {
    /// Checks the program if that is asked for, and returns whether it follows all rules. It is offered a buffer of so
    /// many bytes; 0 for none.
    pub(crate) fn run(
        &self,
        command: &[OsString],
        filter: &str,
        buffer: usize,
    ) -> io::Result<Option<bool>> {
        let Some(scenarios) = &self.check else {
            return Ok(None);
        };
        let layout = Layout::within(buffer);
        if layout.is_none() && buffer > 0 {
            return Err(io::Error::other("a buffer has at least 32768 bytes"));
        }
        inherited::install_handlers()?;
        let settings = Settings {
            command: command.to_vec(),
            filter: filter.to_owned(),
            alone: self.alone,
            buffer: layout,
            limit: Duration::from_secs(self.check_seconds),
        };
        let scenarios = match &scenarios[..] {
            [] => Scenario::value_variants(),
            some => some,
        };
        let mut report = Report::default();
        let can_run = |scenario: &Scenario| layout.is_some() || scenario.needs_no_buffer();
        for &scenario in scenarios.iter().filter(|scenario| can_run(scenario)) {
            run(scenario, &settings, &mut report)?;
        }
        report.summary().map(Some)
    }
}

fn run(scenario: Scenario, settings: &Settings, report: &mut Report) -> io::Result<()> {
    let kills: &[Option<u64>] = match scenario {
        Scenario::Kill => &KILL_AT.map(Some),
        _ => &[None],
    };
    let mut output = File::from(memfd_create("output", MemfdFlags::CLOEXEC)?);
    let mut outcomes = Vec::new();
    for &kill_at in kills {
        output.set_len(0)?;
        output.rewind()?;
        outcomes.push(trial::run(scenario, kill_at, settings, &output)?);
    }
    report.scenario(scenario, outcomes, &output)
}
