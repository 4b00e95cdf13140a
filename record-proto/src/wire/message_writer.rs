//! `MessageWriter`: formats a message straight into its frame.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::msgpack::{Cursor, MsgpackWrite};
use crate::text::{FORMATTING_FAILED, FORMATTING_PANICKED, discard, floor_boundary};

/// Writes a message into a frame.
///
/// Bytes beyond the limit are left out and counted, and so are bytes for which there is no memory.
#[derive(Debug)]
pub struct MessageWriter<'b> {
    out: Cursor<'b>,
    /// The position up to which text is appended without further checks: the smaller of `end` and the end of the
    /// buffer; 0 after the first cut.
    soft_end: usize,
    /// The position of the limit.
    end: usize,
    /// The number of bytes that were left out. Once it is above 0, nothing more is written, even if a shorter character
    /// would fit.
    cut: u64,
}

impl<'b> MessageWriter<'b> {
    /// Calls `write` to format a message at the position of `out`. Also returns the length of the whole message if it
    /// was cut.
    #[inline(always)]
    pub(super) fn format(
        out: Cursor<'b>,
        limit: usize,
        write: impl FnOnce(&mut Self) -> fmt::Result,
    ) -> (Cursor<'b>, Option<u64>) {
        let start = out.position();
        let mut writer = Self {
            end: start.saturating_add(limit),
            soft_end: out.end_of_room().min(start.saturating_add(limit)),
            out,
            cut: 0,
        };
        match catch_unwind(AssertUnwindSafe(|| write(&mut writer))) {
            Ok(Ok(())) => {}
            Ok(Err(fmt::Error)) => writer.mark(FORMATTING_FAILED),
            Err(panic) => {
                discard(panic);
                writer.mark(FORMATTING_PANICKED);
            }
        }
        let Self { out, cut, .. } = writer;
        let original_length = (cut > 0).then(|| (out.position() - start) as u64 + cut);
        (out, original_length)
    }

    #[cold]
    fn mark(&mut self, mark: &str) {
        let _never_fails = fmt::Write::write_str(self, mark);
    }

    /// Appends a piece that does not fit before `soft_end`: grows the buffer, or cuts the message.
    #[cold]
    #[inline(never)]
    fn write_slowly(&mut self, piece: &str) {
        let position = self.out.position();
        let room = match self.cut {
            0 => self.out.room_up_to(piece.len().min(self.end - position)),
            _ => 0,
        };
        let kept = floor_boundary(piece, room);
        self.out.append(&piece.as_bytes()[..kept]);
        self.cut += (piece.len() - kept) as u64;
        self.soft_end = match self.cut {
            0 => self.end.min(self.out.end_of_room()),
            _ => 0,
        };
    }
}

impl fmt::Write for MessageWriter<'_> {
    #[inline]
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if !self.out.append_before(self.soft_end, piece.as_bytes()) {
            self.write_slowly(piece);
        }
        Ok(())
    }
}
