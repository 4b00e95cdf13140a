//! The columns between a record's time and its text on a terminal: level, label and origin.

use std::collections::HashMap;

use anstyle::Style;
use record_proto::LogRecord;
use textwrap::core::display_width;

use super::{
    escape::Escaped,
    palette::{Palette, paint},
};

/// No column grows beyond this width; a longer text moves the rest of its own line.
const MAX_WIDTH: usize = 16;

/// Columns that grow with their contents, so that what comes after them stays aligned.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// The first process with each label, which is not named.
    first: HashMap<Option<String>, Process>,
    label_width: usize,
    origin_width: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Process {
    pid: Option<u64>,
    instance: Option<u32>,
}

impl Columns {
    /// Returns the level, the label, and the process and thread if they are not the first process and its main thread.
    pub(super) fn columns(
        &mut self,
        record: &LogRecord<'_>,
        label: Option<&str>,
        palette: &Palette,
    ) -> String {
        let level = format!("{:<5}", record.level.as_str());
        let mut text = paint(palette.level(record.level), level).to_string();
        if let Some(label) = label {
            let style = palette.label(label);
            text += &column(style, &Escaped(label).to_string(), &mut self.label_width);
        }
        text + &column(
            palette.dim,
            &self.origin(record, label),
            &mut self.origin_width,
        )
    }

    fn origin(&mut self, record: &LogRecord<'_>, label: Option<&str>) -> String {
        let process = Process {
            pid: record.pid,
            instance: record.instance,
        };
        let first = self.first.entry(label.map(str::to_owned));
        let is_first = *first.or_insert(process) == process;
        let process = (!is_first).then(|| process_name(record));
        let thread = record.thread.as_deref().filter(|&name| name != "main");
        let thread = thread.map(|name| Escaped(name).to_string());
        let parts: Vec<_> = process.into_iter().chain(thread).collect();
        parts.join("/")
    }
}

/// Returns a blank and a text that is padded to the width of the column, which grows; nothing while there was no text.
fn column(style: Style, text: &str, width: &mut usize) -> String {
    let length = display_width(text);
    *width = (*width).max(length.min(MAX_WIDTH));
    match *width {
        0 => String::new(),
        width => format!(
            " {}{:2$}",
            paint(style, text),
            "",
            width.saturating_sub(length)
        ),
    }
}

/// Returns `name[pid]`, or the part of it that is known.
pub(crate) fn process_name(record: &LogRecord<'_>) -> String {
    let name = Escaped(record.process.as_deref().unwrap_or("-"));
    match record.pid {
        Some(pid) => format!("{name}[{pid}]"),
        None => name.to_string(),
    }
}
