//! Escapes the control characters in a record's text.

use std::borrow::Cow;

use record_proto::{ErrorInfo, KeyValues, LogRecord, Value, has_control, is_control};

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
            *pairs = pairs.iter().map(escaped_top_pair).collect();
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

/// Escapes a pair of the record itself. A text value may have several lines here, but not within lists and maps,
/// because loggers show those as JSON.
fn escaped_top_pair<'v>((key, value): (&str, Value<'v>)) -> (String, Value<'v>) {
    let value = match value {
        Value::Str(text) => Value::Str(Cow::Owned(escaped_lines(&text))),
        other => escaped_value(other),
    };
    (escaped(key), value)
}

fn escaped_pair<'v>((key, value): (&str, Value<'v>)) -> (String, Value<'v>) {
    (escaped(key), escaped_value(value))
}

fn escaped_value(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Str(text) => Value::Str(Cow::Owned(escaped(&text))),
        Value::List(list) => Value::List(list.iter().map(escaped_value).collect()),
        Value::Map(map) => Value::Map(map.iter().map(escaped_pair).collect()),
        other => other,
    }
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
    // The copy of a text full of control characters is several times as long as the text. Its length is computed first,
    // so that it is allocated once.
    let escaped_length = |control: char| match control {
        '\n' => newline.len(),
        control => control.escape_default().len(),
    };
    let controls = text.chars().filter(|&character| is_control(character));
    out.reserve(text.len() + controls.map(escaped_length).sum::<usize>());
    for character in text.chars() {
        match character {
            '\n' => out.push_str(newline),
            control if is_control(control) => out.extend(control.escape_default()),
            character => out.push(character),
        }
    }
}
