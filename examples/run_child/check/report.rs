//! `Report`: prints the findings of each scenario.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
};

use clap::ValueEnum;
use record_proto::is_control;
use rustix::stdio;

use super::{
    rule::{Finding, Rule},
    scenario::Scenario,
    trial::Outcome,
};
use crate::support::stdio::unless_closed;

/// The most findings of one rule that are printed for a scenario.
const SHOWN: usize = 3;
/// The last lines of the program's output that are printed if something was found.
const OUTPUT_LINES: usize = 5;
/// The most bytes of the program's output that are read.
const OUTPUT_BYTES: u64 = 4096;

#[derive(Debug, Default)]
pub(crate) struct Report {
    scenarios: usize,
    failed: usize,
    /// The rules that were printed for an earlier scenario.
    known: Vec<&'static Rule>,
}

impl Report {
    /// Prints the findings of a scenario.
    pub(crate) fn scenario(
        &mut self,
        scenario: Scenario,
        outcomes: Vec<Outcome>,
        output: &File,
    ) -> io::Result<()> {
        let name = scenario.to_possible_value();
        let name = name.as_ref().map_or("", |value| value.get_name());
        let count = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
        let (frames, records) = (count(|run| run.frames), count(|run| run.records));
        let found: Vec<_> = outcomes.iter().flat_map(|run| &run.found).collect();
        self.scenarios += 1;

        let mut text = match (found.len(), frames) {
            (0, 0) => format!("{name}: ok\n"),
            (0, _) => format!("{name}: ok ({frames} frames, {records} records)\n"),
            _ => format!("{name}: NOT ok ({frames} frames, {records} records)\n"),
        };
        if !found.is_empty() {
            self.failed += 1;
            self.findings(&found, &mut text);
            text += &last_lines(output)?;
        }
        unless_closed(stdio::stdout())?.write_all(text.as_bytes())
    }

    /// Prints the summary, and returns whether nothing was found.
    pub(crate) fn summary(&self) -> io::Result<bool> {
        let text = match self.failed {
            0 => format!("all {} scenarios ok\n", self.scenarios),
            failed => format!("{failed} of {} scenarios NOT ok\n", self.scenarios),
        };
        unless_closed(stdio::stdout())?.write_all(text.as_bytes())?;
        Ok(self.failed == 0)
    }

    fn findings(&mut self, found: &[&Finding], text: &mut String) {
        let mut rules: Vec<&'static Rule> = Vec::new();
        for finding in found {
            if !rules.contains(&finding.rule()) {
                rules.push(finding.rule());
            }
        }
        for &rule in &rules {
            let of_rule = || found.iter().filter(|finding| finding.rule() == rule);
            // A fault of the stream is the same one in each scenario.
            let shown = if self.known.contains(&rule) { 1 } else { SHOWN };
            for finding in of_rule().take(shown) {
                *text += &format!("  {finding}\n");
            }
            if let more @ 1.. = of_rule().count().saturating_sub(shown) {
                *text += &format!("  ... and {more} more of {}\n", rule.name());
            }
        }
        self.known.extend(rules);
    }
}

/// Returns the last lines that the program has printed, with controls escaped.
fn last_lines(mut output: &File) -> io::Result<String> {
    let length = output.metadata()?.len();
    output.seek(io::SeekFrom::Start(length.saturating_sub(OUTPUT_BYTES)))?;
    let mut bytes = Vec::new();
    output.take(OUTPUT_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().rev().take(OUTPUT_LINES).collect();
    let line = |line: &&str| format!("  | {}\n", escaped(line));
    Ok(lines.iter().rev().map(line).collect())
}

fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for character in line.chars() {
        match is_control(character) {
            true => text.extend(character.escape_default()),
            false => text.push(character),
        }
    }
    text
}
