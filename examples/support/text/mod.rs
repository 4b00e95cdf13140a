//! Records as text for people: `Formatter`, which makes a line for a file or a pipe, and columns for a terminal.
//!
//! On a terminal, long records are folded at its width, and the parts that repeat in each record are left out or
//! aligned. Elsewhere a record is one line, so that grep(1) finds it, unless its message has lines or it has a
//! backtrace. No line but the first one of a record begins with text of a child, and controls are escaped. Each line of a
//! record in a batch begins with a bar.

mod batch;
mod batches;
mod clock;
mod columns;
mod content;
mod escape;
mod fold;
mod formatter;
mod palette;
mod screen;

pub(crate) use batch::Batch;
pub(crate) use batches::Batches;
pub(crate) use clock::TimeStyle;
pub(crate) use columns::process_name;
pub(crate) use content::plain_content;
pub(crate) use escape::Escaped;
pub(crate) use formatter::Formatter;
pub(crate) use screen::Screen;
