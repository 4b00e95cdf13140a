//! The progress bar on standard error, and lines that are printed above it.

use std::fmt::{self, Display};

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

use crate::stdio;

/// Returns a bar without a length. It is shown only if standard error is a terminal.
pub(crate) fn progress_bar() -> ProgressBar {
    let template = "{bar:32} {human_pos}/{human_len} files, {rate}/s, {elapsed}";
    let style = ProgressStyle::with_template(template).expect("the template is right");
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _never_fails = write!(out, "{}", HumanCount(state.per_sec() as u64));
    };
    ProgressBar::new(0).with_style(style.with_key("rate", rate))
}

/// Prints a line on standard error that does not run into the progress bar.
pub(crate) fn eprint_line(progress: &ProgressBar, line: impl Display) {
    progress.suspend(|| stdio::eprint_line(line));
}
