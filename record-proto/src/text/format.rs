//! Formatting what others wrote: it may fail, panic, or never stop growing.

use std::{
    any::Any,
    fmt::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::truncate::floor_boundary;

/// What stands behind the text so far where a value's `Display` or `Debug` returned an error.
pub const FORMATTING_FAILED: &str = "<formatting failed>";

/// What stands behind the text so far where a value's `Display` or `Debug` panicked.
pub const FORMATTING_PANICKED: &str = "<formatting panicked>";

/// Formats into a cleared buffer, at most `limit` bytes, whatever happens. Returns how long the whole text was.
pub(crate) fn format(buffer: &mut String, limit: usize, value: impl fmt::Display) -> usize {
    format_with(buffer, limit, |text| write!(text, "{value}"))
}

/// The same with the arguments of a log call.
#[inline]
pub(crate) fn format_args(
    buffer: &mut String,
    limit: usize,
    arguments: &fmt::Arguments<'_>,
) -> usize {
    format_with(buffer, limit, |text| text.write_fmt(*arguments))
}

#[inline]
fn format_with(
    buffer: &mut String,
    limit: usize,
    write: impl FnOnce(&mut Limited<'_>) -> fmt::Result,
) -> usize {
    buffer.clear();
    let mut text = Limited {
        buffer,
        room: limit,
        cut: 0,
    };
    match catch_unwind(AssertUnwindSafe(|| write(&mut text))) {
        Ok(Ok(())) => {}
        Ok(Err(fmt::Error)) => text.mark(FORMATTING_FAILED),
        Err(panic) => {
            discard(panic);
            text.mark(FORMATTING_PANICKED);
        }
    }
    text.buffer.len() + text.cut
}

/// Drops what was panicked with, which may panic once more; that second value is not dropped any more.
pub(crate) fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

/// Keeps the first bytes of a text and counts the others. It takes no memory that cannot be had.
struct Limited<'a> {
    buffer: &'a mut String,
    /// How many more are kept. After the first cut nothing more fits, even if a shorter character would.
    room: usize,
    cut: usize,
}

impl Limited<'_> {
    fn mark(&mut self, mark: &str) {
        let _never_fails = self.write_str(mark);
    }

    /// The text is too long, or the system has no memory for more of it.
    #[cold]
    fn truncate(&mut self, piece: &str) {
        let mut kept = floor_boundary(piece, self.room);
        if self.buffer.try_reserve(kept).is_err() {
            let room = self.buffer.capacity() - self.buffer.len();
            kept = floor_boundary(piece, room.min(kept));
        }
        self.buffer.push_str(&piece[..kept]);
        self.cut += piece.len() - kept;
        self.room = 0;
    }
}

impl Write for Limited<'_> {
    #[inline]
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if piece.len() > self.room || self.buffer.try_reserve(piece.len()).is_err() {
            self.truncate(piece);
            return Ok(());
        }
        self.room -= piece.len();
        self.buffer.push_str(piece);
        Ok(())
    }
}
