//! Records and summaries, written to standard output.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

use clap::ValueEnum;
use pipe_subscriber::Summary;
use record_proto::LogRecord;
use serde::Serialize;

use super::{
    figures::Figures,
    stdio::{given, say, try_to_say},
    text,
};

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// A line for each record, safe on a terminal
    Text,
    /// A JSON object for each record, with the original text
    Json,
}

/// Prints each record when it comes.
#[derive(Debug)]
pub(crate) struct Printer {
    format: Format,
    label: Option<String>,
    output: Output,
}

/// A record as JSON.
#[derive(Serialize)]
struct Object<'a> {
    #[serde(flatten)]
    record: &'a LogRecord<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
}

/// A summary as JSON.
#[derive(Serialize)]
struct End<'a> {
    summary: Figures<'a>,
}

impl Printer {
    pub(crate) fn new(format: Format, label: Option<String>) -> Self {
        Self {
            format,
            label,
            output: Output::default(),
        }
    }

    pub(crate) fn record(&mut self, record: &LogRecord<'_>) {
        let label = self.label.as_deref();
        match self.format {
            Format::Text => self.output.line(text::Line { record, label }),
            Format::Json => self.output.json(&Object { record, label }),
        }
    }

    /// Whether something could not be printed although somebody may still want it.
    pub(crate) fn has_failed(&self) -> bool {
        self.output.failed
    }

    /// For programs among the records, for people on standard error; there for all if the records could not be printed.
    pub(crate) fn summary(&mut self, summary: &Summary, exit: Option<u8>) {
        let figures = Figures::new(summary, exit);
        match self.format {
            Format::Text => self.output.note(try_to_say(figures)),
            Format::Json => self.output.json(&End { summary: figures }),
        }
        if self.format == Format::Json && self.has_failed() {
            say(Figures::new(summary, None));
        }
    }
}

/// Standard output, one write for each line, so that nothing is held back.
///
/// A failure is told at the end only: when nothing can be printed any more, the records still have to be read, or the
/// pipe would fill and the child would wait for ever. A reader that is gone, such as a pager, has seen enough.
#[derive(Debug, Default)]
struct Output {
    line: Vec<u8>,
    closed: bool,
    failed: bool,
}

impl Output {
    fn line(&mut self, line: impl Display) {
        self.print(|buffer| write!(buffer, "{line}"));
    }

    fn json(&mut self, object: &impl Serialize) {
        self.print(|buffer| Ok(serde_json::to_writer(buffer, object)?));
    }

    fn print(&mut self, render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) {
        if self.closed {
            return;
        }
        self.line.clear();
        let printed = render(&mut self.line).and_then(|()| {
            self.line.push(b'\n');
            given(rustix::stdio::stdout())?.write_all(&self.line)
        });
        self.closed = printed.is_err();
        self.note(printed);
    }

    fn note(&mut self, printed: io::Result<()>) {
        if let Err(error) = printed
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.failed = true;
            say(format_args!("cannot print: {error}"));
        }
    }
}
