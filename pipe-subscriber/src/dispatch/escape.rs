//! `Escaping`: escapes the control characters in a record's text.

use std::borrow::Cow;

use record_proto::{
    ErrorInfo, KeyValues, LogRecord, TextPlace, find_control, has_control, is_control,
};

/// The replacement of a newline in text that may have several lines.
const NEXT_LINE: &str = "\n    ";

/// Whether control characters in a child's text are escaped before a logger sees it.
///
/// A terminal acts on some of them: it clears the screen, overwrites lines or reverses text. It shows others not at
/// all, so that two different texts look the same, or one hides another. A logger that writes to a terminal, or lines
/// into a file, should never see them. A logger that writes JSON escapes most of them itself.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::{Escaping, PipeSubscriber};
/// use record_proto::{Encode, LogRecord};
/// # struct ToJson; impl log::Log for ToJson {
/// #     fn enabled(&self, _: &log::Metadata) -> bool { true }
/// #     fn log(&self, record: &log::Record) { assert_eq!(record.args().to_string(), "\u{1b}[2J") }
/// #     fn flush(&self) {}
/// # }
///
/// let mut stream = Vec::new();
/// LogRecord::new(log::Level::Info, "worker", "\u{1b}[2J").encode_frame(&mut stream);
/// PipeSubscriber::new(&stream[..]).escaping(Escaping::Off).run_into(ToJson).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Escaping {
    /// Control characters except tab are escaped as in Rust (`\r`, `\u{1b}`). This is the default.
    ///
    /// These are C0, DEL, C1, U+2028, U+2029, the bidirectional controls and invisible characters, but not the joiners
    /// and variation selectors that scripts and emoji need. [`is_control`] has the list.
    ///
    /// In messages, in texts that are values of key-values, and in the texts of errors, a newline becomes a newline and
    /// four spaces. A backtrace begins on such a line too. So multi-line text stays readable, and no line begins with
    /// text of the child, which could pass for another record (in a log whose own lines do not begin with four spaces).
    ///
    /// In keys, names, targets and module paths, and in texts within lists and maps, a newline is escaped as the other
    /// controls are.
    #[default]
    Controls,
    /// Text is passed on unchanged.
    Off,
}

impl Escaping {
    /// Escapes a text that must stay on one line, such as a key, a name or a target.
    #[inline]
    pub(crate) fn escape_line(self, text: &mut Cow<'_, str>) {
        if self == Self::Controls && has_control(text) {
            *text = Cow::Owned(escaped(text));
        }
    }

    /// Appends an escaped text that must stay on one line.
    pub(crate) fn append_line(self, text: &str, out: &mut String) {
        match self == Self::Controls && has_control(text) {
            true => escape(text, "\\n", out),
            false => out.push_str(text),
        }
    }

    /// Escapes all text of a record that its `log::Record` shows. Most records have nothing to escape, and are only
    /// read.
    #[inline]
    pub(crate) fn escape_record(self, record: &mut LogRecord<'_>) {
        if self == Self::Controls && may_need_escape(record) {
            self.escape_fields(record);
        }
    }

    /// Escapes the names of the process and the thread, which only the parent's own key-values show.
    pub(crate) fn escape_names(self, record: &mut LogRecord<'_>) {
        for text in [&mut record.process, &mut record.thread]
            .into_iter()
            .flatten()
        {
            self.escape_line(text);
        }
    }

    // Not inlined, so that the usual case stays small.
    #[inline(never)]
    fn escape_fields(self, record: &mut LogRecord<'_>) {
        if has_control(&record.message) {
            record.message = Cow::Owned(escaped_lines(&record.message));
        }
        for text in [&mut record.module_path, &mut record.file]
            .into_iter()
            .flatten()
        {
            self.escape_line(text);
        }
        self.escape_key_values(&mut record.key_values);
        self.escape_key_values(&mut record.context);
        if let Some(error) = &mut record.error {
            self.escape_error(error);
        }
    }

    /// Escapes the key-values of a span.
    #[cfg(feature = "tracing")]
    pub(crate) fn escape_pairs(self, pairs: &mut KeyValues<'_>) {
        if self == Self::Controls {
            self.escape_key_values(pairs);
        }
    }

    fn escape_error(self, error: &mut ErrorInfo<'_>) {
        if has_control(&error.message) {
            error.message = Cow::Owned(escaped_lines(&error.message));
        }
        if let Some(backtrace) = &mut error.backtrace
            && has_control(backtrace)
        {
            // The first line is indented too, so that it is aligned with the others.
            let mut lines = String::from(NEXT_LINE);
            escape(backtrace.trim_end(), NEXT_LINE, &mut lines);
            *backtrace = Cow::Owned(lines);
        }
        if let Some(key) = &mut error.key {
            self.escape_line(key);
        }
        if error.sources.iter().any(has_control) {
            error.sources = error.sources.iter().map(escaped_lines).collect();
        }
    }

    fn escape_key_values(self, pairs: &mut KeyValues<'_>) {
        if pairs.has_control() {
            // A text value may have several lines. A text within a list or map may not, because loggers show it as
            // JSON.
            *pairs = pairs.map_texts(|place, text, out| match place {
                TextPlace::Value => escape(text, NEXT_LINE, out),
                TextPlace::Key | TextPlace::Nested => escape(text, "\\n", out),
            });
        }
    }
}

#[inline]
fn may_need_escape(record: &LogRecord<'_>) -> bool {
    has_control(&record.message)
        || record.module_path.as_deref().is_some_and(has_control)
        || record.file.as_deref().is_some_and(has_control)
        || record.key_values.has_control()
        || record.context.has_control()
        || record.error.is_some()
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    escape(text, "\\n", &mut out);
    out
}

fn escaped_lines(text: &str) -> String {
    let mut out = String::new();
    escape(text, NEXT_LINE, &mut out);
    out
}

/// Appends a text with its control characters escaped, and with `newline` in place of each newline.
fn escape(text: &str, newline: &str, out: &mut String) {
    // The copy of a text full of controls is up to six times as long as the text. Its length is computed first, because
    // a buffer that doubles would take up to twice that.
    let mut added = 0;
    each_control(text, |_, control| match control {
        '\n' => added += newline.len(),
        control => added += escaped_length(control),
    });
    out.reserve(text.len() + added);
    let mut kept = 0;
    each_control(text, |at, control| {
        if kept < at {
            out.push_str(&text[kept..at]);
        }
        match control {
            '\n' => out.push_str(newline),
            control => push_escape(control, out),
        }
        kept = at + control.len_utf8();
    });
    out.push_str(&text[kept..]);
}

/// Calls `f` with each control and its position.
#[inline]
fn each_control(text: &str, mut f: impl FnMut(usize, char)) {
    let mut start = 0;
    while let Some(found) = find_control(text, start) {
        start = found;
        // Controls often follow each other, and a new search costs more than looking at the next character.
        for control in text[found..].chars().take_while(|&next| is_control(next)) {
            f(start, control);
            start += control.len_utf8();
        }
    }
}

/// Appends the same escape as `char::escape_default`. It is several times as fast, because a child may send texts of
/// nothing but controls.
fn push_escape(control: char, out: &mut String) {
    match C0.get(control as usize) {
        Some(escape) => out.push_str(escape),
        None => {
            out.push_str("\\u{");
            for place in (0..hex_digits(control)).rev() {
                let digit = u32::from(control) >> (4 * place) & 0xf;
                out.push(char::from(b"0123456789abcdef"[digit as usize]));
            }
            out.push('}');
        }
    }
}

/// Returns the length of the text that [`push_escape`] appends.
fn escaped_length(control: char) -> usize {
    match C0.get(control as usize) {
        Some(escape) => escape.len(),
        None => 4 + hex_digits(control),
    }
}

fn hex_digits(control: char) -> usize {
    (u32::from(control).ilog2() / 4 + 1) as usize
}

/// The escapes of the most frequent controls, by their code.
#[rustfmt::skip]
const C0: [&str; 32] = [
    "\\u{0}", "\\u{1}", "\\u{2}", "\\u{3}", "\\u{4}", "\\u{5}", "\\u{6}", "\\u{7}",
    "\\u{8}", "\\t", "\\n", "\\u{b}", "\\u{c}", "\\r", "\\u{e}", "\\u{f}",
    "\\u{10}", "\\u{11}", "\\u{12}", "\\u{13}", "\\u{14}", "\\u{15}", "\\u{16}", "\\u{17}",
    "\\u{18}", "\\u{19}", "\\u{1a}", "\\u{1b}", "\\u{1c}", "\\u{1d}", "\\u{1e}", "\\u{1f}",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_escaped_as_rust_does() {
        for control in ('\0'..=char::MAX).filter(|&character| is_control(character)) {
            let mut out = String::new();
            push_escape(control, &mut out);
            assert_eq!(out, control.escape_default().to_string());
            assert_eq!(escaped_length(control), out.len());
        }
    }
}
