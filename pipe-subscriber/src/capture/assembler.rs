//! `Assembler`: makes records of the bytes of one stream. It does no I/O and reads no clock.

use std::time::Instant;

use log::Level;
use record_proto::LogRecord;

use super::entry::Entry;
use super::joiner::Joiner;
use super::json_line::JsonLine;
use super::level_text::{is_blank, level_of, without_colours};
use super::line_buffer::LineBuffer;
use super::overwritten::Overwritten;
use super::trace::Trace;
use crate::account::CapturedStream;

/// Makes records of the bytes of one stream.
#[derive(Debug)]
pub(super) struct Assembler {
    level: Level,
    recognises_levels: bool,
    joins_traces: bool,
    /// The time of the last fill, in nanoseconds since 1970.
    read_at: u64,
    lines: LineBuffer,
    joiner: Joiner,
    overwritten: Overwritten,
    has_ended: bool,
    pub(super) figures: CapturedStream,
}

impl Assembler {
    /// Creates an assembler for the stream of this name, whose records have this level.
    pub(super) fn new(
        name: &'static str,
        level: Level,
        recognises_levels: bool,
        joins_traces: bool,
    ) -> Self {
        Self {
            level,
            recognises_levels,
            joins_traces,
            read_at: 0,
            lines: LineBuffer::default(),
            joiner: Joiner::new(joins_traces),
            overwritten: Overwritten::default(),
            has_ended: false,
            figures: CapturedStream {
                name,
                ..CapturedStream::default()
            },
        }
    }

    /// Adds bytes that were read at `time`, in nanoseconds since 1970. To be called only if there is
    /// [nothing](Self::has_more) to take.
    pub(super) fn fill(&mut self, bytes: &[u8], time: u64) {
        self.read_at = time;
        self.lines.fill(bytes);
    }

    /// Notes that no more bytes come.
    pub(super) fn end(&mut self, time: u64) {
        self.read_at = time;
        self.has_ended = true;
        self.lines.end();
    }

    /// Returns whether a record can be made at `now`, or at least a line can be looked at.
    pub(super) fn has_more(&mut self, now: Instant) -> bool {
        self.lines.has_line()
            || self.joiner.is_finished(self.has_ended, now)
            || self.overwritten.holds() && self.has_ended
            || self.overwritten.held_until().is_some_and(|due| due <= now)
    }

    /// Returns when [`has_more`](Self::has_more) is true even if no bytes come, if it ever is.
    pub(super) fn due(&self) -> Option<Instant> {
        let dues = [self.joiner.due(), self.overwritten.held_until()];
        dues.into_iter().flatten().min()
    }

    /// Returns the next record that can be made at `now`.
    pub(super) fn next(&mut self, now: Instant) -> Option<LogRecord<'static>> {
        let entry = self.next_entry(now)?;
        self.figures.records += 1;
        self.figures.replaced += entry.replaced;
        Some(entry.into_record(self.figures.name, self.level))
    }

    fn next_entry(&mut self, now: Instant) -> Option<Entry> {
        while let Some(line) = self.lines.take_line() {
            if is_blank(line.bytes, self.recognises_levels) {
                if !line.is_overwritten {
                    self.figures.lines += 1;
                    self.joiner.push_empty();
                }
                // An empty line after a state leaves the state as it is.
                if !line.is_overwritten
                    && let Some(state) = self.overwritten.take()
                    && let Some(finished) = self.push_state(state)
                {
                    return Some(finished);
                }
                continue;
            }
            let entry = Entry::new(line.bytes, line.length, self.read_at);
            if line.is_overwritten {
                self.figures.overwritten += u64::from(self.overwritten.holds());
                if let Some(state) = self.overwritten.push(entry, now)
                    && let Some(finished) = self.push_state(state)
                {
                    return Some(finished);
                }
                continue;
            }
            self.figures.overwritten += u64::from(self.overwritten.take().is_some());
            self.figures.lines += 1;
            self.figures.cut += u64::from(entry.original_length.is_some());
            if let Some(finished) = self.push(entry, now) {
                return Some(finished);
            }
        }
        self.last_entry(now)
    }

    /// Returns the next entry that needs no further line.
    fn last_entry(&mut self, now: Instant) -> Option<Entry> {
        if let Some(entry) = self.joiner.take_finished(self.has_ended, now) {
            return Some(entry);
        }
        let state = match self.has_ended {
            true => self.overwritten.take(),
            false => self.overwritten.take_due(now),
        };
        let finished = self.push_state(state?);
        finished.or_else(|| self.joiner.take_finished(self.has_ended, now))
    }

    /// Gives the state of a line that was overwritten to the joiner, so that it goes after the lines before it. Returns
    /// the entry that it finishes.
    fn push_state(&mut self, state: Entry) -> Option<Entry> {
        self.figures.cut += u64::from(state.original_length.is_some());
        let state = self.finish(state);
        self.joiner.push_alone(state)
    }

    /// Recognises a line and gives it to the joiner. Returns the entry that it finishes.
    fn push(&mut self, mut entry: Entry, now: Instant) -> Option<Entry> {
        if !self.recognises_levels {
            let trace = self.trace_of(&entry.text);
            return self.joiner.push(entry, trace, now);
        }
        entry = self.finish(entry);
        if let Some(json) = JsonLine::read(&entry.text) {
            entry.set_json(json);
            return self.joiner.push_alone(entry);
        }
        let trace = Trace::begun_by(&entry.text);
        entry.level = match trace {
            Trace::None => level_of(&entry.text),
            _ => Some(Level::Error),
        };
        let trace = self.trace_of(&entry.text);
        self.joiner.push(entry, trace, now)
    }

    fn trace_of(&self, text: &str) -> Trace {
        match self.joins_traces {
            true => Trace::begun_by(text),
            false => Trace::None,
        }
    }

    /// Removes colours, if levels are recognised.
    fn finish(&self, mut entry: Entry) -> Entry {
        if self.recognises_levels {
            let plain = without_colours(&entry.text);
            if plain.len() < entry.text.len() {
                entry.text = plain.into_owned();
            }
        }
        entry
    }
}

#[cfg(test)]
mod tests;
