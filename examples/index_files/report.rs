//! The result of one worker: its totals and how it ended.

use std::{
    collections::VecDeque,
    fmt::{self, Display},
    ops::AddAssign,
    path::PathBuf,
    process::ExitStatus,
};

use log::Level;
use pipe_subscriber::{LogRecord, Summary};
use record_proto::Value;

pub(crate) struct Report {
    pub(crate) number: usize,
    pub(crate) pid: u32,
    pub(crate) totals: Totals,
    pub(crate) summary: Summary,
    pub(crate) status: ExitStatus,
    /// The paths that the worker was given and never answered.
    pub(crate) unanswered: VecDeque<PathBuf>,
}

/// Sums over the answers of a worker.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) files: u64,
    bytes: u64,
    lines: u64,
    words: u64,
    errors: u64,
}

impl Report {
    /// Returns how many paths the worker was given.
    pub(crate) fn paths(&self) -> u64 {
        self.totals.files + self.unanswered.len() as u64
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status.success() && self.summary.is_complete() && self.unanswered.is_empty()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            pid,
            summary,
            status,
            ..
        } = self;
        write!(f, "worker {number} [{pid}]: {summary}; {status}")
    }
}

impl Totals {
    /// Adds an answer. Its values arrive as the numbers that the worker logged, so no text has to be parsed.
    pub(crate) fn add(&mut self, record: &LogRecord<'_>) {
        let number = |key| match record.key_values.get(key) {
            Some(Value::I64(number)) => number.cast_unsigned(),
            _ => 0,
        };
        self.files += 1;
        self.bytes += number("bytes");
        self.lines += number("lines");
        self.words += number("words");
        self.errors += u64::from(record.level == Level::Error);
    }

    pub(crate) fn columns(&self) -> [u64; 5] {
        [self.files, self.bytes, self.lines, self.words, self.errors]
    }
}

impl AddAssign<&Totals> for Totals {
    fn add_assign(&mut self, other: &Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.lines += other.lines;
        self.words += other.words;
        self.errors += other.errors;
    }
}
