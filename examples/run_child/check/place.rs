//! `Place`: where something is, in the pipe's stream or in the shared buffer.

use std::{fmt, ops::Add};

/// A place at which a rule was or was not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// So many bytes of the pipe's stream come before it.
    Stream(u64),
    /// A word of the shared buffer, by its offset.
    Word(u64),
    /// A position of a ring.
    Ring(usize, u64),
}

impl Add<u64> for Place {
    type Output = Self;

    fn add(self, bytes: u64) -> Self {
        match self {
            Self::Stream(offset) => Self::Stream(offset + bytes),
            Self::Word(offset) => Self::Word(offset + bytes),
            Self::Ring(ring, position) => Self::Ring(ring, position + bytes),
        }
    }
}

/// `offset 46`, `buffer offset 64` or `ring 0 position 40`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(offset) => write!(f, "offset {offset}"),
            Self::Word(offset) => write!(f, "buffer offset {offset}"),
            Self::Ring(ring, position) => write!(f, "ring {ring} position {position}"),
        }
    }
}
