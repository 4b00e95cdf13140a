//! The shared buffer that this process was given, for programs that spoil it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fastrand::Rng;

use crate::shared_words;

/// Returns a part of the variable, as a number.
fn named(place: usize) -> Option<u64> {
    let variable = std::env::var("RECORD_PIPE").ok()?;
    variable.split(':').nth(place)?.parse().ok()
}

pub(crate) fn bytes() -> usize {
    named(7).expect("a size") as usize
}

/// Maps the buffer. Only before a handler has taken the descriptor.
pub(crate) fn map() -> &'static [AtomicU64] {
    let number = named(4).expect("a buffer");
    shared_words::open(&format!("/proc/self/fd/{number}")).expect("a map")
}

/// Writes over a word that matters, with a value that is nearly right, or over any other.
pub(crate) fn write_over_one(words: &[AtomicU64], random: &mut Rng) {
    let at = match random.u8(..4) {
        0 => [8, 32, 48][random.usize(..3)],
        1 | 2 => 512 + random.usize(..512),
        _ => 1024 + random.usize(..words.len() - 1024),
    };
    let value = match random.u8(..8) {
        0 => u64::MAX,
        1 => random.u64(..512) * 8,
        2 | 3 => words[at].load(Relaxed).wrapping_add(8),
        4 => u64::from_ne_bytes((random.u64(..1 << 20) << 32).to_be_bytes()),
        5 | 6 => 0,
        _ => random.u64(..),
    };
    words[at].store(value, Relaxed);
}
