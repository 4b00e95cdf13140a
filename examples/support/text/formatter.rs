//! `Formatter`: one record as text, in the layout that suits the output.

use record_proto::LogRecord;

use super::{
    clock::{Clock, TimeStyle},
    columns::{Columns, process_name},
    content::{backtrace, causes, content},
    escape::Escaped,
    fold::fold,
    palette::{Palette, paint},
    screen::Screen,
};

/// Stands before each line of a record but the first: a child cannot write a line that looks like a record.
const INDENT: &str = "    ";

/// Stands before each line of a record that is printed in its batch. No blank, which a message could imitate.
const BAR: &str = "| ";

#[derive(Debug)]
pub(crate) struct Formatter {
    screen: Screen,
    palette: Palette,
    clock: Clock,
    columns: Columns,
    shows_dates: bool,
    /// The date of the last record.
    date: Option<String>,
}

impl Formatter {
    /// Creates a formatter. By default the time is local on a terminal, and UTC elsewhere.
    pub(crate) fn new(screen: Screen, time: Option<TimeStyle>) -> Self {
        let time = time.unwrap_or(match screen.width() {
            Some(_) => TimeStyle::Local,
            None => TimeStyle::Utc,
        });
        Self {
            screen,
            palette: Palette::new(screen.colors),
            clock: Clock::new(time),
            columns: Columns::default(),
            shows_dates: false,
            date: None,
        }
    }

    /// Shows each new date, and the name of the first process, on a line of its own if the output is a terminal.
    pub(crate) fn with_dates(self) -> Self {
        Self {
            shows_dates: true,
            ..self
        }
    }

    /// Returns a record as one or more lines, without a newline at the end. The label is the name of its child.
    pub(crate) fn record(&mut self, record: &LogRecord<'_>, label: Option<&str>) -> String {
        match self.screen.width() {
            Some(width) => self.on_terminal(record, label, width),
            None => self.on_one_line(record, label),
        }
    }

    /// Returns a record of a batch, in lines that begin with a bar.
    pub(crate) fn batched(&mut self, record: &LogRecord<'_>, label: Option<&str>) -> String {
        let text = match self.screen.width() {
            Some(width) => self.on_terminal(record, label, width - BAR.len()),
            None => self.on_one_line(record, label),
        };
        format!("{BAR}{}", text.replace('\n', &format!("\n{BAR}")))
    }

    /// Returns a time as it stands in records.
    pub(crate) fn time(&mut self, time: u64) -> String {
        let time = match self.screen.width() {
            Some(_) => self.clock.short(time),
            None => self.clock.full(time),
        };
        time.trim_start().to_owned()
    }

    /// `time level [label] process[pid] thread target: spans: message key=value ..., caused by: ...`; a missing process
    /// or thread name is `-`. Further lines of the message, and the backtrace, follow.
    fn on_one_line(&mut self, record: &LogRecord<'_>, label: Option<&str>) -> String {
        let Palette { dim, .. } = self.palette;
        let time = paint(dim, self.clock.full(record.time));
        let level = format!("{:<5}", record.level.as_str());
        let level = paint(self.palette.level(record.level), level);
        let mut line = format!("{time} {level} ");
        if let Some(label) = label {
            let style = self.palette.label(label);
            line += &format!("{} ", paint(style, format_args!("[{}]", Escaped(label))));
        }
        let thread = Escaped(record.thread.as_deref().unwrap_or("-"));
        let origin = format!("{} {thread}", process_name(record));
        line += &format!("{} ", paint(dim, origin));
        line += &content(record, &self.palette).replace('\n', &format!("\n{INDENT}"));
        for cause in causes(record, &self.palette) {
            line += &format!(", {cause}");
        }
        for frame in backtrace(record, &self.palette) {
            line += &format!("\n{INDENT}{frame}");
        }
        line
    }

    /// `time level label origin target: spans: message key=value ...`, folded at the width; each cause, and each line of
    /// the message and the backtrace, on lines of its own.
    fn on_terminal(&mut self, record: &LogRecord<'_>, label: Option<&str>, width: usize) -> String {
        let time = self.clock.short(record.time);
        // The time, the level and a blank after each.
        let indent = " ".repeat(time.len() + 7);
        let head = self.columns.columns(record, label, &self.palette);
        let content = content(record, &self.palette);
        let first = format!("{} {head} {content}", paint(self.palette.dim, time));

        let mut lines: Vec<String> = self.new_date(record).into_iter().collect();
        for (number, line) in first.split('\n').enumerate() {
            let start = if number == 0 { "" } else { &indent };
            lines.push(fold(line, width, start, &format!("{indent}  ")));
        }
        for line in causes(record, &self.palette) {
            lines.push(fold(&line, width, &indent, &format!("{indent}  ")));
        }
        for line in backtrace(record, &self.palette) {
            lines.push(fold(&line, width, INDENT, &INDENT.repeat(3)));
        }
        lines.join("\n")
    }

    /// Returns `--- date`, with the first process if this is the first record; `None` if the date is as before or not to
    /// be shown.
    fn new_date(&mut self, record: &LogRecord<'_>) -> Option<String> {
        let date = self.clock.date(record.time);
        if !self.shows_dates || self.date.as_ref() == Some(&date) {
            return None;
        }
        let line = match self.date.replace(date.clone()) {
            None => format!("--- {date}, {}", process_name(record)),
            Some(_) => format!("--- {date}"),
        };
        Some(paint(self.palette.dim, line).to_string())
    }
}
