//! What a record says: which one it is, how long its text is, a sum of it, and the text.

use std::{fmt, sync::OnceLock};

use crate::random::{Random, mix};

/// The record number `n` of a thread of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) member: usize,
    pub(crate) thread: usize,
    pub(crate) n: u64,
}

/// A message to be logged. `middle` is called when half of it is written.
pub(crate) struct Message<F> {
    pub(crate) place: Place,
    pub(crate) text: &'static str,
    pub(crate) middle: F,
}

impl Place {
    /// A number for each record of a trial.
    pub(crate) fn number(self, seed: u64) -> u64 {
        let thread = (self.member * 64 + self.thread) as u64;
        mix(seed ^ mix(self.n << 12 | thread))
    }
}

/// Text of this length, from any place of a long one.
pub(crate) fn text(length: usize, number: u64) -> &'static str {
    static LONG: OnceLock<String> = OnceLock::new();
    const ROOM: usize = 64;
    let long = LONG.get_or_init(|| {
        let mut random = Random::new(17);
        let mut letters = String::with_capacity(262_144 + ROOM);
        while letters.len() < 262_144 + ROOM {
            let letter = |byte: u8| char::from(b' ' + byte % 95);
            letters.extend(random.next().to_ne_bytes().map(letter));
        }
        letters
    });
    let start = usize::try_from(number % ROOM as u64).expect("small");
    &long[start..start + length]
}

impl<F: Fn()> fmt::Display for Message<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { member, thread, n } = self.place;
        let sum = sum(self.place, self.text);
        write!(f, "{member} {thread} {n} {} {sum:x} ", self.text.len())?;
        let (one, other) = self.text.split_at(self.text.len() / 2);
        f.write_str(one)?;
        (self.middle)();
        f.write_str(other)
    }
}

/// Which record this is, if it is whole.
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
    (text.len() as u64 == length && sum(place, text) == written).then_some(place)
}

/// Of all that a message says. Eight bytes at a time: the campaign is to test pipes, not sums.
fn sum(place: Place, text: &str) -> u64 {
    let mut sum = place.number(text.len() as u64);
    let mut add = |word: u64| {
        sum = (sum ^ word)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(23)
    };
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
    rest.iter().for_each(|byte| add(u64::from(*byte)));
    sum
}
