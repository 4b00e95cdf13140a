//! A record as one line of text that is safe on a terminal.

use std::fmt::{self, Display, Write};

use record_proto::{ErrorInfo, KeyValues, LogRecord, Value, is_control};

/// `time level [label] process[pid] thread target: message key=value ...`, followed by the sources of an error.
///
/// Control characters are escaped, newlines too. A missing process or thread name is printed as `-`. Backtraces do not
/// fit into a line and are left out.
pub(crate) struct Line<'a> {
    pub(crate) record: &'a LogRecord<'a>,
    pub(crate) label: Option<&'a str>,
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.record;
        let time = humantime::format_rfc3339_nanos(record.timestamp());
        write!(f, "{time} {:<5} ", record.level.as_str())?;
        if let Some(label) = self.label {
            write!(f, "[{}] ", Escaped(label))?;
        }
        write!(f, "{}", Escaped(record.process.as_deref().unwrap_or("-")))?;
        if let Some(pid) = record.pid {
            write!(f, "[{pid}]")?;
        }
        let thread = record.thread.as_deref().unwrap_or("-");
        let (target, message) = (Escaped(&record.target), Escaped(&record.message));
        write!(f, " {} {target}: {message}", Escaped(thread))?;
        if let Some(length) = record.original_length {
            write!(f, " (cut, it had {length} bytes)")?;
        }
        write_pairs(&record.key_values, f)?;
        write_pairs(&record.context, f)?;
        match &record.error {
            Some(error) => write_error(error, &record.message, f),
            None => Ok(()),
        }
    }
}

fn write_pairs(pairs: &KeyValues<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (key, value) in pairs.iter() {
        write!(f, " {}=", Escaped(key))?;
        match value {
            Value::Str(text) if is_plain(&text) => f.write_str(&text)?,
            Value::Str(text) => write_quoted(&text, f)?,
            // Numbers and base64 have no control characters, and JSON escapes them itself.
            other => write!(f, "{other}")?,
        }
    }
    Ok(())
}

/// Writes the error's message unless it is printed already, as a key-value or as the message of a panic; then its sources.
fn write_error(error: &ErrorInfo<'_>, message: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if error.key.is_none() && error.message != message {
        write!(f, ", error: {}", Escaped(&error.message))?;
    }
    for source in error.sources.iter() {
        write!(f, ", caused by: {}", Escaped(source))?;
    }
    Ok(())
}

/// A text whose control characters are escaped as in Rust, so that a terminal does not act on them.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((position, control)) = rest.char_indices().find(|(_, c)| is_control(*c)) {
            let (before, from) = rest.split_at(position);
            write!(f, "{before}{}", control.escape_default())?;
            rest = &from[control.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// Returns whether a value can be told from the text around it without quotes.
fn is_plain(text: &str) -> bool {
    let special = |c: char| c.is_whitespace() || is_control(c) || matches!(c, '"' | '=' | ',');
    !text.is_empty() && !text.contains(special)
}

fn write_quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            control if is_control(control) => write!(f, "{}", control.escape_default())?,
            other => f.write_char(other)?,
        }
    }
    f.write_char('"')
}
