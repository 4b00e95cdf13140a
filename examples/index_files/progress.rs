//! The progress on standard error: a bar, and lines and records that are printed above it.

use std::{
    fmt::{self, Display},
    sync::{Arc, Mutex, PoisonError},
};

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use record_proto::LogRecord;

use crate::{
    stdio,
    text::{Formatter, Screen},
};

/// Clones show the same bar.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    formatter: Arc<Mutex<Formatter>>,
}

impl Progress {
    /// Returns a bar without a length. It is shown only if standard error is a terminal.
    pub(crate) fn new() -> Self {
        let template = "{bar:32} {human_pos}/{human_len} files, {rate}/s, {elapsed}";
        let style = ProgressStyle::with_template(template).expect("the template is right");
        let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _never_fails = write!(out, "{}", HumanCount(state.per_sec() as u64));
        };
        Self {
            bar: ProgressBar::new(0).with_style(style.with_key("rate", rate)),
            formatter: Arc::new(Mutex::new(Formatter::new(Screen::stderr(), None))),
        }
    }

    /// Counts a file that was found.
    pub(crate) fn add_file(&self) {
        self.bar.inc_length(1);
    }

    /// Counts a file that was read.
    pub(crate) fn finish_file(&self) {
        self.bar.inc(1);
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Prints a line that does not run into the bar.
    pub(crate) fn print(&self, line: impl Display) {
        self.bar.suspend(|| stdio::eprint_line(line));
    }

    pub(crate) fn print_record(&self, record: &LogRecord<'_>, label: &str) {
        let formatter = self.formatter.lock();
        let mut formatter = formatter.unwrap_or_else(PoisonError::into_inner);
        self.print(formatter.record(record, Some(label)));
    }
}
