//! Formatting values with foreign `Display` and `Debug` code, which may fail, panic, or never stop writing.

use std::{
    any::Any,
    fmt::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::truncate::floor_boundary;

/// The marker after the text so far if a value's `Display` or `Debug` returned an error.
pub const FORMATTING_FAILED: &str = "<formatting failed>";

/// The marker after the text so far if a value's `Display` or `Debug` panicked.
pub const FORMATTING_PANICKED: &str = "<formatting panicked>";

/// Clears the buffer and formats at most `limit` bytes into it, whatever happens. Returns the length of the whole text.
pub(crate) fn format(buffer: &mut String, limit: usize, value: impl fmt::Display) -> usize {
    format_with(buffer, limit, |text| write!(text, "{value}"))
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
        Ok(Err(fmt::Error)) => text.append_marker(FORMATTING_FAILED),
        Err(panic) => {
            discard(panic);
            text.append_marker(FORMATTING_PANICKED);
        }
    }
    text.buffer.len() + text.cut
}

/// Drops the value of a panic. Its `Drop` may panic again; the value of that second panic is leaked.
pub(crate) fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

/// Keeps the first bytes of a text and counts the others. If the system has no memory for more, it cuts there instead
/// of aborting.
struct Limited<'a> {
    buffer: &'a mut String,
    /// How many more bytes are kept. After the first cut it is 0, even if a shorter character would still fit.
    room: usize,
    /// How many bytes were cut off.
    cut: usize,
}

impl Limited<'_> {
    fn append_marker(&mut self, marker: &str) {
        let _never_fails = self.write_str(marker);
    }

    /// Appends the beginning of a piece that is too long, or for which the system has no memory.
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
