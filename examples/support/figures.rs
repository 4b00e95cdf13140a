//! The figures of a summary, as a line for people and as an object for programs.

use std::fmt::{self, Display};

use log::Level;
use pipe_subscriber::{CapturedStream, ProcessSummary, StreamEnd, Summary};
use serde::Serialize;

/// The figures of a summary: an object with `Serialize`, one line of text with `Display`.
#[derive(Serialize)]
pub(crate) struct Figures<'a> {
    received: u64,
    dropped: u64,
    missing: u64,
    in_flight: u64,
    held_back: u64,
    unclosed: u64,
    malformed: u64,
    unknown: u64,
    end: StreamEnd,
    /// The exit code of this program, if it runs a child.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<u8>,
    dropped_by_level: ByLevel,
    incomplete: u64,
    evicted: u64,
    logger_panics: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    captured: &'a [CapturedStream],
    reasons: &'a [String],
    processes: &'a [ProcessSummary],
    /// The summary as text.
    #[serde(skip)]
    line: String,
}

#[derive(Serialize)]
struct ByLevel {
    error: u64,
    warn: u64,
    info: u64,
    debug: u64,
    trace: u64,
}

impl<'a> Figures<'a> {
    pub(crate) fn new(summary: &'a Summary, exit: Option<u8>) -> Self {
        Self {
            received: summary.received,
            dropped: summary.dropped,
            missing: summary.missing,
            in_flight: summary.in_flight,
            held_back: summary.held_back,
            unclosed: summary.unclosed,
            malformed: summary.malformed,
            unknown: summary.unknown,
            end: summary.end,
            exit,
            dropped_by_level: ByLevel {
                error: summary.dropped_by_level.of(Level::Error),
                warn: summary.dropped_by_level.of(Level::Warn),
                info: summary.dropped_by_level.of(Level::Info),
                debug: summary.dropped_by_level.of(Level::Debug),
                trace: summary.dropped_by_level.of(Level::Trace),
            },
            incomplete: summary.incomplete,
            evicted: summary.evicted,
            logger_panics: summary.logger_panics,
            captured: &summary.captured,
            reasons: &summary.reasons,
            processes: &summary.processes,
            line: summary.to_string(),
        }
    }
}

/// `summary: all 7 records received, exit 0`, or the losses instead; then the reasons.
impl Display for Figures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "summary: {}", self.line)?;
        if let Some(exit) = self.exit {
            write!(f, ", exit {exit}")?;
        }
        let more = self
            .reasons
            .iter()
            .filter(|&reason| !self.line.contains(reason));
        for reason in more {
            write!(f, "; {reason}")?;
        }
        Ok(())
    }
}
