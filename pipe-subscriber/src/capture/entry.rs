//! `Entry`: the text of a record to be, and the record that becomes of it.

use std::borrow::Cow;

use log::Level;
use record_proto::{KeyValues, LogRecord};

use super::json_line::{JsonLine, REPLACED_KEY};
use super::line_buffer::MAX_LINE;

/// One or several lines of a stream.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) text: String,
    /// The number of lines in the text.
    pub(super) lines: usize,
    /// The recognised level.
    pub(super) level: Option<Level>,
    /// The time: that of the reading, or the one in a JSON line.
    pub(super) time: u64,
    /// The length of a line that was cut, in bytes.
    pub(super) original_length: Option<u64>,
    /// The number of bytes that were not UTF-8 and were replaced.
    pub(super) replaced: u64,
    pub(super) key_values: KeyValues<'static>,
}

impl Entry {
    /// Creates an entry of the bytes of one line.
    pub(super) fn new(bytes: &[u8], length: u64, time: u64) -> Self {
        let mut entry = Self {
            lines: 1,
            time,
            original_length: Some(length).filter(|&length| length > MAX_LINE as u64),
            ..Self::default()
        };
        entry.text.reserve(bytes.len());
        let bytes = match entry.original_length {
            None => bytes,
            Some(_) => without_partial_character(bytes),
        };
        for chunk in bytes.utf8_chunks() {
            entry.text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                entry.text.push(char::REPLACEMENT_CHARACTER);
                entry.replaced += chunk.invalid().len() as u64;
            }
        }
        entry
    }

    /// Takes over what a JSON line says.
    pub(super) fn set_json(&mut self, line: JsonLine) {
        self.level = line.level;
        self.text = line.message;
        self.time = line.time.unwrap_or(self.time);
        self.key_values = line.key_values;
    }

    /// Appends another entry after this number of empty lines.
    pub(super) fn append(&mut self, other: &Entry, empty_lines: usize) {
        (0..=empty_lines).for_each(|_| self.text.push('\n'));
        self.text.push_str(&other.text);
        self.lines += empty_lines + other.lines;
        self.replaced += other.replaced;
    }

    pub(super) fn into_record(mut self, target: &'static str, level: Level) -> LogRecord<'static> {
        if let Some(length) = self.original_length {
            self.text.push_str(&format!("… (cut, {length} bytes)"));
        }
        if self.replaced > 0 {
            self.key_values.push(REPLACED_KEY, self.replaced);
        }
        let level = self.level.unwrap_or(level);
        let mut record = LogRecord::new(level, Cow::Borrowed(target), self.text);
        record.time = self.time;
        record.original_length = self.original_length;
        record.key_values = self.key_values;
        record
    }
}

/// Removes the bytes of a character that the end of a cut line has in part.
fn without_partial_character(bytes: &[u8]) -> &[u8] {
    match bytes.utf8_chunks().last() {
        Some(last) if is_partial(last.invalid()) => &bytes[..bytes.len() - last.invalid().len()],
        _ => bytes,
    }
}

/// Returns whether more bytes could make these a character.
fn is_partial(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
