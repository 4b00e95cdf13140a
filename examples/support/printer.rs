//! Prints records and the summary, to standard output or standard error.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
    mem,
};

use clap::{Args, ValueEnum};
use pipe_subscriber::Summary;
use record_proto::LogRecord;
use serde::Serialize;

use super::{
    figures::Figures,
    filter::Filter,
    gaps::Gaps,
    stats::Stats,
    stdio::{eprint_line, try_eprint_line, unless_closed},
    text::{Batch, Batches, Formatter, Screen, TimeStyle},
};

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// A line for each record, safe on a terminal
    Text,
    /// A JSON object for each record, with the original text
    Json,
}

/// The options of records as text, and of their statistics.
#[derive(Debug, Args)]
pub(crate) struct TextOptions {
    #[command(flatten)]
    color: colorchoice_clap::Color,
    /// How the times of the records are printed; local on a terminal and utc elsewhere if it is not given
    #[arg(long, value_enum, value_name = "STYLE")]
    time: Option<TimeStyle>,
    /// Prints how many records of each level, target and process there are instead of the records
    #[arg(long, conflicts_with = "format")]
    stats: bool,
}

/// Prints each record as soon as it arrives; but as text, those of a batch together.
#[derive(Debug)]
pub(crate) struct Printer {
    format: Format,
    formatter: Formatter,
    label: Option<String>,
    filter: Filter,
    gaps: Gaps,
    stats: Option<Stats>,
    batches: Batches,
    output: Output,
}

impl Printer {
    pub(crate) fn new(
        format: Format,
        text: &TextOptions,
        label: Option<String>,
        filter: Filter,
    ) -> Self {
        text.color.write_global();
        Self {
            format,
            formatter: Formatter::new(Screen::stdout(), text.time).with_dates(),
            label,
            filter,
            gaps: Gaps::default(),
            stats: text.stats.then(Stats::default),
            batches: Batches::default(),
            output: Output::default(),
        }
    }

    pub(crate) fn record(&mut self, record: &LogRecord<'_>) {
        // Records that are not shown have arrived nevertheless.
        self.gaps.add(record);
        let is_shown = self.filter.shows(record);
        if let Some(stats) = &mut self.stats {
            if is_shown {
                stats.add(record);
            }
            return;
        }
        match self.format {
            Format::Text => self.text(record, is_shown),
            Format::Json if is_shown => {
                let label = self.label.as_deref();
                self.output.json(&JsonRecord { record, label });
            }
            Format::Json => {}
        }
    }

    /// Prints a record and the batch that it has released, or holds a record of a batch.
    fn text(&mut self, record: &LogRecord<'_>, is_shown: bool) {
        if let Some(info) = record.batch {
            let batches = self.batches.hold(record, info, is_shown);
            return self.print_batches(&batches);
        }
        if is_shown {
            let label = self.label.as_deref();
            self.output.line(self.formatter.record(record, label));
        }
        let batches = self.batches.after(record, is_shown);
        self.print_batches(&batches);
    }

    fn print_batches(&mut self, batches: &[Batch]) {
        for batch in batches {
            for line in batch.lines(&mut self.formatter, self.label.as_deref()) {
                self.output.line(line);
            }
        }
    }

    /// Returns whether printing failed for another reason than a reader that is gone.
    pub(crate) fn has_failed(&self) -> bool {
        self.output.failed
    }

    /// Prints the summary: as JSON after the records, as text on standard error, with the gaps between the records. If
    /// JSON could not be printed, the text goes to standard error as well. The next record may be one of another stream.
    pub(crate) fn summary(&mut self, summary: &Summary, exit: Option<u8>) {
        let gaps = mem::take(&mut self.gaps);
        let batches = self.batches.take_all();
        self.print_batches(&batches);
        if let Some(stats) = &mut self.stats {
            let stats = mem::take(stats).report(|time| self.formatter.time(time));
            self.output.line(stats);
        }
        let figures = Figures::new(summary, exit);
        match self.format {
            Format::Text => {
                let screen = Screen::stderr();
                for gap in gaps.report(summary, |time| self.formatter.time(time)) {
                    eprint_line(screen.notice(false, &gap));
                }
                let is_good = summary.is_complete() && exit.unwrap_or(0) == 0;
                let line = screen.notice(is_good, &figures.to_string());
                self.output.check(try_eprint_line(line));
            }
            Format::Json => self.output.json(&JsonSummary { summary: figures }),
        }
        if self.format == Format::Json && self.has_failed() {
            eprint_line(Figures::new(summary, None));
        }
    }
}

/// A record as JSON.
#[derive(Serialize)]
struct JsonRecord<'a> {
    #[serde(flatten)]
    record: &'a LogRecord<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
}

/// A summary as JSON.
#[derive(Serialize)]
struct JsonSummary<'a> {
    summary: Figures<'a>,
}

/// Standard output, with one write for each line, so that no line waits in a buffer.
///
/// After a failure no more lines are printed, but the program goes on: the records still have to be read, or the pipe would
/// fill and the child would wait for ever. [`Printer::has_failed`] reports the failure at the end. A reader that is gone,
/// such as a pager, is not a failure.
#[derive(Debug, Default)]
struct Output {
    line: Vec<u8>,
    stopped: bool,
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
        if self.stopped {
            return;
        }
        self.line.clear();
        let printed = render(&mut self.line).and_then(|()| {
            self.line.push(b'\n');
            unless_closed(rustix::stdio::stdout())?.write_all(&self.line)
        });
        self.stopped = printed.is_err();
        self.check(printed);
    }

    fn check(&mut self, printed: io::Result<()>) {
        if let Err(error) = printed
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.failed = true;
            eprint_line(format_args!("cannot print: {error}"));
        }
    }
}
