//! Choices read out of an input, so that a mutated input is a mutated choice.

use std::mem;

/// What is left of an input; after its end everything is 0 and empty.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    pub fn rest(&mut self) -> &'a [u8] {
        mem::take(&mut self.0)
    }

    pub fn u8(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// Mostly up to 2, and never as much as `end`.
    pub fn few(&mut self, end: u8) -> u8 {
        match self.u8() {
            many @ 0xe0.. => many % end,
            few => few % 3,
        }
    }

    pub fn u16(&mut self) -> u16 {
        u16::from(self.u8()) << 8 | u16::from(self.u8())
    }

    /// A number of any width, small ones more often than not.
    pub fn u64(&mut self) -> u64 {
        match self.u8() {
            small @ 0..=0xf7 => u64::from(small),
            width => self
                .bytes(usize::from(width - 0xf7))
                .iter()
                .fold(0, |n, &byte| n << 8 | u64::from(byte)),
        }
    }

    /// So many bytes as the input says.
    pub fn sized(&mut self) -> &'a [u8] {
        let length = self.u64();
        self.bytes(usize::try_from(length).unwrap_or(usize::MAX))
    }

    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.sized()).into_owned()
    }

    /// A text of a few bytes, so that much is left for others.
    pub fn short_text(&mut self) -> String {
        let length = usize::from(self.u8() & 0x1f);
        String::from_utf8_lossy(self.bytes(length)).into_owned()
    }

    /// A short text, or one of around so many bytes.
    pub fn text_around(&mut self, length: usize) -> String {
        let choice = self.u8();
        if choice < 0xc0 {
            return self.short_text();
        }
        let length = length.saturating_sub(4) + usize::from(choice & 7);
        let mut text = self.short_text();
        let unit = ["x", "ß", "€", "\u{1f980}"][usize::from(choice >> 3 & 3)];
        let missing = length.saturating_sub(text.len());
        text += &unit.repeat(missing.div_ceil(unit.len()));
        text
    }

    pub fn maybe<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.u8() & 1 == 1).then(|| read(self))
    }
}
