//! `LateFrame`: a frame that is completed once there is room for it. `Put`: what became of it.

use super::pipe::Written;

/// A frame that gets its last parts, the sequence number above all, once there is room for it.
///
/// So a log call that gives up waiting, or is killed while it waits, has taken no number that would then be missing.
pub(crate) trait LateFrame {
    /// Returns the length in bytes that the frame does not exceed, its own length included.
    fn longest(&self) -> usize;

    /// Returns about when it was logged, in nanoseconds since 1970.
    fn time(&self) -> u64;

    /// Completes the frame. Called at most once for each frame that is put into a ring.
    fn finish(&mut self) -> &[u8];
}

impl LateFrame for &mut dyn LateFrame {
    fn longest(&self) -> usize {
        (**self).longest()
    }

    fn time(&self) -> u64 {
        (**self).time()
    }

    fn finish(&mut self) -> &[u8] {
        (**self).finish()
    }
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It was written, or there was no room or no reader.
    Done(Written),
    /// It is longer than this many bytes, the longest that can be written in one piece.
    TooLong(usize),
    /// The session that the frame belongs to is over: this process was forked meanwhile, or it has lost its rings.
    SessionOver,
}
