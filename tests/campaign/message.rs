//! The message of a record: its place, the length of its text, a hash of both, and the text.

use std::{fmt, sync::OnceLock};

use fastrand::Rng;
use log::Level;

use crate::random::hash;

/// Stands for the hash in a program that does not have this one. Its texts have the letter x only.
const NO_HASH: u64 = 0;

/// The record number `n` of a thread of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) member: usize,
    pub(crate) thread: usize,
    pub(crate) n: u64,
}

/// A message to be logged. `middle` is called after half of the text.
pub(crate) struct Message<F> {
    pub(crate) place: Place,
    pub(crate) text: &'static str,
    pub(crate) middle: F,
}

impl Place {
    /// Returns a number for this record of the trial with this seed.
    pub(crate) fn number(self, seed: u64) -> u64 {
        hash(&(seed, self))
    }
}

/// Returns the level of the record with this number in its thread.
pub(crate) fn level(n: u64) -> Level {
    const LEVELS: [Level; 5] = [
        Level::Error,
        Level::Warn,
        Level::Info,
        Level::Debug,
        Level::Trace,
    ];
    LEVELS[(n % 5) as usize]
}

/// Returns how many of the first `n` records of a thread have each level.
pub(crate) fn by_level(n: u64) -> [u64; 5] {
    std::array::from_fn(|level| n.saturating_add(4 - level as u64) / 5)
}

/// Returns a text of this length, which begins at one of 64 places of a long text.
pub(crate) fn text(length: usize, number: u64) -> &'static str {
    static LONG: OnceLock<String> = OnceLock::new();
    const ROOM: usize = 64;
    let long = LONG.get_or_init(|| {
        let mut random = Rng::with_seed(17);
        let mut letters = String::with_capacity(262_144 + ROOM);
        while letters.len() < 262_144 + ROOM {
            let letter = |byte: u8| char::from(b' ' + byte % 95);
            letters.extend(random.u64(..).to_ne_bytes().map(letter));
        }
        letters
    });
    let start = usize::try_from(number % ROOM as u64).expect("small");
    &long[start..start + length]
}

impl<F: Fn()> fmt::Display for Message<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { member, thread, n } = self.place;
        let hash = hash(&(self.place, self.text));
        write!(f, "{member} {thread} {n} {} {hash:x} ", self.text.len())?;
        let (one, other) = self.text.split_at(self.text.len() / 2);
        f.write_str(one)?;
        (self.middle)();
        f.write_str(other)
    }
}

/// Returns the place of a record whose message is whole.
pub(crate) fn read(message: &str) -> Option<Place> {
    let mut parts = message.splitn(6, ' ');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (member, thread, n, length) = (number()?, number()?, number()?, number()?);
    let written = u64::from_str_radix(parts.next()?, 16).ok()?;
    let text = parts.next()?;
    let place = Place {
        member: member.try_into().ok()?,
        thread: thread.try_into().ok()?,
        n,
    };
    let is_right = match written {
        NO_HASH => text.bytes().all(|byte| byte == b'x'),
        _ => hash(&(place, text)) == written,
    };
    (text.len() as u64 == length && is_right).then_some(place)
}
