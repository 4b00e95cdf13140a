use std::borrow::Cow;

use record_proto::{ErrorInfo, KeyValues, LogRecord, Value, has_control, is_control};

/// What becomes of a newline in text that may have lines.
const NEXT_LINE: &str = "\n    ";

/// Whether the text of a child reaches the logger with its control characters.
///
/// A terminal acts upon them: it clears the screen, overwrites lines, turns text around. Others it does not show, so
/// that a text hides another one, or looks like it. A logger that writes to a terminal or into lines of a file should
/// never see them; one that writes JSON escapes most of them itself.
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
    /// Control characters are escaped as in Rust (`\r`, `\u{1b}`), tab excepted: C0, DEL, C1, U+2028, U+2029, the
    /// bidirectional controls and invisible characters, but not the joiners and variation selectors that scripts and
    /// emoji need; [`is_control`] has the list. The default.
    ///
    /// A newline in a message, in a text among the key-values and in what an error says becomes a newline and four spaces; a
    /// backtrace begins on such a line, too. So lines read as lines, and none begins with what a child wrote, where it could
    /// pass for another record (in a log whose own lines do not begin with four spaces). In keys, names, targets and module
    /// paths, and in the texts within lists and maps, a newline is escaped as the other controls are.
    #[default]
    Controls,
    /// The text is passed on as it came.
    Off,
}

impl Escaping {
    /// A text of one line: a key or a name.
    #[inline]
    pub(crate) fn text(self, text: &mut Cow<'_, str>) {
        if self == Self::Controls && has_control(text) {
            *text = Cow::Owned(escaped(text));
        }
    }

    /// Appends a text of one line.
    pub(crate) fn append(self, text: &str, out: &mut String) {
        match self == Self::Controls && has_control(text) {
            true => escape(text, "\\n", out),
            false => out.push_str(text),
        }
    }

    /// All text of a record that its `log::Record` shows. Mostly there is nothing to escape, and then it is only read.
    #[inline]
    pub(crate) fn record(self, record: &mut LogRecord<'_>) {
        if self == Self::Controls && may_need_escape(record) {
            self.each_text(record);
        }
    }

    /// The names that only the parent's own key-values show.
    pub(crate) fn names(self, record: &mut LogRecord<'_>) {
        for text in [&mut record.process, &mut record.thread]
            .into_iter()
            .flatten()
        {
            self.text(text);
        }
    }

    #[inline(never)]
    fn each_text(self, record: &mut LogRecord<'_>) {
        if has_control(&record.message) {
            record.message = Cow::Owned(escaped_lines(&record.message));
        }
        for text in [&mut record.module_path, &mut record.file]
            .into_iter()
            .flatten()
        {
            self.text(text);
        }
        self.key_values(&mut record.key_values);
        self.key_values(&mut record.context);
        if let Some(error) = &mut record.error {
            self.error(error);
        }
    }

    fn error(self, error: &mut ErrorInfo<'_>) {
        if has_control(&error.message) {
            error.message = Cow::Owned(escaped_lines(&error.message));
        }
        if let Some(backtrace) = &mut error.backtrace
            && has_control(backtrace)
        {
            // Its first line is aligned with the others.
            let mut lines = String::from(NEXT_LINE);
            escape(backtrace.trim_end(), NEXT_LINE, &mut lines);
            *backtrace = Cow::Owned(lines);
        }
        if let Some(key) = &mut error.key {
            self.text(key);
        }
        if error.sources.iter().any(has_control) {
            error.sources = error.sources.iter().map(escaped_lines).collect();
        }
    }

    fn key_values(self, pairs: &mut KeyValues<'_>) {
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

/// A pair of the record itself. Its text may have lines; within structures it may not, because loggers show those as JSON.
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

/// Appends a text with its controls escaped, and with `newline` for each newline.
fn escape(text: &str, newline: &str, out: &mut String) {
    // Of a text that is all controls the copy is several times as long: room is made once.
    let longer = |control: char| match control {
        '\n' => newline.len(),
        control => control.escape_default().len(),
    };
    let controls = text.chars().filter(|&character| is_control(character));
    out.reserve(text.len() + controls.map(longer).sum::<usize>());
    for character in text.chars() {
        match character {
            '\n' => out.push_str(newline),
            control if is_control(control) => out.extend(control.escape_default()),
            character => out.push(character),
        }
    }
}
