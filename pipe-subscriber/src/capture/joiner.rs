//! `Joiner`: keeps lines that belong together in one entry.

use std::time::{Duration, Instant};

use log::Level;

use super::entry::Entry;
use super::line_buffer::MAX_LINE;
use super::trace::{Step, Trace};

/// The time of silence after which no more lines of a trace are waited for.
pub(super) const SILENCE: Duration = Duration::from_millis(100);

/// The most lines of one entry.
const MAX_LINES: usize = 1000;

/// Joins the lines of traces, and the indented lines after a line with a recognised level.
///
/// Only a trace is waited for. Any other entry is finished as soon as there is no further line to look at.
#[derive(Debug)]
pub(super) struct Joiner {
    /// Whether lines are joined. If not, they only share their level.
    joins: bool,
    open: Option<Entry>,
    trace: Trace,
    /// The recognised level of the last entry, which also holds for lines that continue it later.
    level: Option<Level>,
    /// The number of empty lines since the last line.
    empty_lines: usize,
    /// When the last line came.
    last_line: Option<Instant>,
}

impl Joiner {
    pub(super) fn new(joins: bool) -> Self {
        Self {
            joins,
            open: None,
            trace: Trace::None,
            level: None,
            empty_lines: 0,
            last_line: None,
        }
    }

    /// Adds an entry of one line. `trace` is the trace that the line begins. Returns the entry that it finishes.
    ///
    /// A line that continues an entry gets the level of that entry, and has no use for its own.
    pub(super) fn push(&mut self, mut entry: Entry, trace: Trace, now: Instant) -> Option<Entry> {
        let empty_lines = std::mem::take(&mut self.empty_lines);
        self.last_line = Some(now);
        let step = match self.trace.step(&entry.text, empty_lines > 0) {
            Step::Joins(_) if entry.original_length.is_some() => Step::Ends,
            step => step,
        };
        match step {
            Step::Joins(trace) => {
                self.trace = trace;
                entry.level = self.level;
                if self.joins
                    && let Some(open) = &mut self.open
                    && has_room(open, &entry, empty_lines)
                {
                    open.append(&entry, empty_lines);
                    return None;
                }
            }
            Step::Ends => {
                self.level = entry.level;
                self.trace = match trace {
                    Trace::None => Trace::after_line(entry.level),
                    trace => trace,
                };
            }
        }
        self.open.replace(entry)
    }

    /// Adds a line that nothing can continue. Returns the entry that it finishes.
    pub(super) fn push_alone(&mut self, entry: Entry) -> Option<Entry> {
        self.trace = Trace::None;
        self.level = None;
        self.empty_lines = 0;
        self.open.replace(entry)
    }

    /// Adds an empty line. It becomes part of an entry only if another line of that entry follows.
    pub(super) fn push_empty(&mut self) {
        self.empty_lines = (self.empty_lines + 1).min(MAX_LINES);
    }

    /// Returns the last entry if it is finished, under the condition that there is no further line to look at now.
    pub(super) fn take_finished(&mut self, has_ended: bool, now: Instant) -> Option<Entry> {
        let is_finished = self.is_finished(has_ended, now);
        self.open.take_if(|_| is_finished)
    }

    pub(super) fn is_finished(&self, has_ended: bool, now: Instant) -> bool {
        self.open.is_some() && (has_ended || self.trace_is_over(now))
    }

    /// Returns when the last entry is finished if no line follows.
    pub(super) fn due(&self) -> Option<Instant> {
        self.open.as_ref()?;
        Some(self.last_line? + SILENCE)
    }

    fn trace_is_over(&self, now: Instant) -> bool {
        !self.joins
            || !self.trace.waits()
            || self.last_line.is_none_or(|last| last + SILENCE <= now)
    }
}

fn has_room(open: &Entry, next: &Entry, empty_lines: usize) -> bool {
    open.lines + empty_lines + next.lines <= MAX_LINES
        && open.text.len() + empty_lines + 1 + next.text.len() <= MAX_LINE
        && open.original_length.is_none()
}
