//! Formatting what others wrote: it may fail, panic, or never stop growing.

use std::{
    any::Any,
    fmt::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::text::floor_boundary;

/// What stands behind the text so far where a value's `Display` or `Debug` returned an error.
pub const FORMATTING_FAILED: &str = "<formatting failed>";

/// What stands behind the text so far where a value's `Display` or `Debug` panicked.
pub const FORMATTING_PANICKED: &str = "<formatting panicked>";

/// Formats into a cleared buffer, at most `limit` bytes, whatever happens. Returns how long the whole text was.
pub(crate) fn format(buffer: &mut String, limit: usize, value: impl fmt::Display) -> usize {
    buffer.clear();
    let mut text = Limited {
        buffer,
        limit,
        length: 0,
    };
    match catch_unwind(AssertUnwindSafe(|| write!(text, "{value}"))) {
        Ok(Ok(())) => {}
        Ok(Err(fmt::Error)) => text.mark(FORMATTING_FAILED),
        Err(panic) => {
            discard(panic);
            text.mark(FORMATTING_PANICKED);
        }
    }
    text.length
}

/// Drops what was panicked with, which may panic once more; that second value is not dropped any more.
pub(crate) fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

/// Keeps the first bytes of a text and counts all of them.
struct Limited<'a> {
    buffer: &'a mut String,
    limit: usize,
    length: usize,
}

impl Limited<'_> {
    fn mark(&mut self, mark: &str) {
        let _never_fails = self.write_str(mark);
    }
}

impl Write for Limited<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        // Behind the first cut nothing more fits, even where a shorter character would.
        let room = match self.length == self.buffer.len() {
            true => self.limit - self.buffer.len(),
            false => 0,
        };
        self.length += piece.len();
        let piece = match piece.len() <= room {
            true => piece,
            false => &piece[..floor_boundary(piece, room)],
        };
        self.buffer.push_str(piece);
        Ok(())
    }
}
