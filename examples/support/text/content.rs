//! The parts of a record that stand after its time, level and origin, in both layouts.

use std::fmt::Write;

use record_proto::{KeyValues, LogRecord};

use super::{
    escape::{Escaped, EscapedValue},
    palette::{Palette, paint},
};

/// Returns `target: span{key=value}:span: message key=value ...`. It has lines if the message has.
pub(super) fn content(record: &LogRecord<'_>, palette: &Palette) -> String {
    let target = paint(palette.dim, format_args!("{}:", Escaped(&record.target))).to_string();
    let mut text = target;
    if !record.spans.is_empty() {
        let _never_fails = write!(text, " {}:", paint(palette.spans, &record.spans));
    }
    for (number, line) in record
        .message
        .trim_end_matches('\n')
        .split('\n')
        .enumerate()
    {
        text.push(if number == 0 { ' ' } else { '\n' });
        let _never_fails = write!(text, "{}", Escaped(line));
    }
    if let Some(length) = record.original_length {
        let _never_fails = write!(text, " (cut, it had {length} bytes)");
    }
    for pairs in [&record.key_values, &record.context] {
        push_pairs(&mut text, pairs, palette);
    }
    text
}

/// Returns the content with the error's causes, and without colours.
pub(crate) fn plain_content(record: &LogRecord<'_>) -> String {
    let plain = Palette::new(false);
    let mut text = content(record, &plain);
    for cause in causes(record, &plain) {
        text += &format!(", {cause}");
    }
    text
}

/// Returns the error's message, unless it is printed already as a key-value or as the message of a panic; then its
/// sources, nearest first. Each is one line.
pub(super) fn causes(record: &LogRecord<'_>, palette: &Palette) -> Vec<String> {
    let Some(error) = &record.error else {
        return Vec::new();
    };
    let named = |name, text| format!("{} {}", paint(palette.cause, name), Escaped(text));
    let is_shown = error.key.is_some() || error.message == record.message;
    let own = (!is_shown).then(|| named("error:", &error.message));
    let sources = error
        .sources
        .iter()
        .map(|source| named("caused by:", source));
    own.into_iter().chain(sources).collect()
}

/// Returns the lines of the backtrace of a panic.
pub(super) fn backtrace(record: &LogRecord<'_>, palette: &Palette) -> Vec<String> {
    let backtrace = record
        .error
        .as_ref()
        .and_then(|error| error.backtrace.as_deref());
    let lines = backtrace.unwrap_or_default().lines();
    lines
        .map(|line| paint(palette.dim, Escaped(line)).to_string())
        .collect()
}

fn push_pairs(text: &mut String, pairs: &KeyValues<'_>, palette: &Palette) {
    for (key, value) in pairs.iter() {
        let key = paint(palette.key, format_args!("{}=", Escaped(key))).to_string();
        let _never_fails = write!(text, " {key}{}", EscapedValue(&value));
    }
}
