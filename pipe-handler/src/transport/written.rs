/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// All of it is in the pipe or in a ring, and stays there even if this process is killed.
    Whole,
    /// There was no room before the deadline. Nothing was written.
    Full,
    /// The pipe has no reader, or the descriptor is gone. No write will ever succeed.
    Gone,
    /// It is longer than this many bytes, the longest that can be written in one piece.
    TooLong(usize),
    /// The session that it belongs to is over: this process was forked meanwhile, or it has lost its rings.
    SessionOver,
}
