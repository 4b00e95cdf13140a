//! What a standard stream can show: colours, and if it is a terminal, how wide that is.

use std::{io, os::fd::BorrowedFd};

use anstream::{AutoStream, ColorChoice, stream::RawStream};
use anstyle::{AnsiColor, Style};
use rustix::{stdio, termios::tcgetwinsize};

use super::{fold::fold, palette::paint};

/// The width of a terminal that does not tell its own.
const USUAL_WIDTH: usize = 80;
/// Folding at a smaller width would leave no room for text.
const MIN_WIDTH: usize = 40;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(super) colors: bool,
    terminal: Option<BorrowedFd<'static>>,
}

impl Screen {
    pub(crate) fn stdout() -> Self {
        Self::new(&io::stdout(), stdio::stdout())
    }

    pub(crate) fn stderr() -> Self {
        Self::new(&io::stderr(), stdio::stderr())
    }

    /// `--color`, NO_COLOR, CLICOLOR_FORCE, CLICOLOR and TERM decide about colours, in this order.
    fn new(stream: &impl RawStream, descriptor: BorrowedFd<'static>) -> Self {
        Self {
            colors: AutoStream::choice(stream) != ColorChoice::Never,
            terminal: stream.is_terminal().then_some(descriptor),
        }
    }

    /// Returns a line about the records as this screen shows it: green if all is well, else yellow.
    pub(crate) fn notice(&self, is_good: bool, line: &str) -> String {
        let style = match (self.colors, is_good) {
            (false, _) => Style::new(),
            (true, true) => AnsiColor::Green.on_default(),
            (true, false) => AnsiColor::Yellow.on_default().bold(),
        };
        self.folded(&paint(style, line).to_string())
    }

    /// Returns a line folded at the width of the terminal, if this is one.
    pub(crate) fn folded(&self, line: &str) -> String {
        match self.width() {
            Some(width) => fold(line, width, "", "  "),
            None => line.to_owned(),
        }
    }

    /// Returns the present width of the terminal, or `None` if the stream is none.
    pub(crate) fn width(&self) -> Option<usize> {
        let size = tcgetwinsize(self.terminal?).ok();
        let width = size.map_or(0, |size| usize::from(size.ws_col));
        Some(match width {
            0 => USUAL_WIDTH,
            width => width.max(MIN_WIDTH),
        })
    }
}
