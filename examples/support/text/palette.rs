//! The colours: those of the terminal's own sixteen, which its user has chosen to be readable.

use std::fmt::{self, Display};

use anstyle::{AnsiColor, Style};
use log::Level;

/// A style for each part of a record; all are empty without colours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    colors: bool,
    /// What repeats in each record: its time, process, thread and target.
    pub(super) dim: Style,
    pub(super) spans: Style,
    pub(super) key: Style,
    pub(super) cause: Style,
}

impl Palette {
    pub(super) fn new(colors: bool) -> Self {
        let only_if = |style: Style| if colors { style } else { Style::new() };
        Self {
            colors,
            dim: only_if(Style::new().dimmed()),
            spans: only_if(AnsiColor::Cyan.on_default()),
            key: only_if(Style::new().dimmed().italic()),
            cause: only_if(AnsiColor::Red.on_default()),
        }
    }

    pub(super) fn level(&self, level: Level) -> Style {
        self.only_if(match level {
            Level::Error => AnsiColor::Red.on_default().bold(),
            Level::Warn => AnsiColor::Yellow.on_default().bold(),
            Level::Info => AnsiColor::Green.on_default(),
            Level::Debug => AnsiColor::Blue.on_default(),
            Level::Trace => AnsiColor::Magenta.on_default(),
        })
    }

    /// Returns the style of a label, which depends on its text alone: the same in each run and in each program.
    pub(super) fn label(&self, label: &str) -> Style {
        // No red and no yellow, which stand for levels.
        const COLORS: [AnsiColor; 8] = [
            AnsiColor::Cyan,
            AnsiColor::Magenta,
            AnsiColor::Blue,
            AnsiColor::Green,
            AnsiColor::BrightCyan,
            AnsiColor::BrightMagenta,
            AnsiColor::BrightBlue,
            AnsiColor::BrightGreen,
        ];
        self.only_if(
            COLORS[hash(label) as usize % COLORS.len()]
                .on_default()
                .bold(),
        )
    }

    fn only_if(&self, style: Style) -> Style {
        if self.colors { style } else { Style::new() }
    }
}

/// Returns a text in a style.
pub(super) fn paint<T: Display>(style: Style, text: T) -> Painted<T> {
    Painted { style, text }
}

pub(super) struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { style, text } = self;
        write!(f, "{style}{text}{style:#}")
    }
}

/// FNV-1a. Labels that differ only in their last digit get different colours, unless they are eight apart.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
