//! `Reader`: reads MessagePack that cannot be trusted. It neither panics nor allocates.

use std::ops::Range;

use ascii::AsciiStr;

use super::reason::{PayloadError, Reason, Result};
use super::token::{Token, unexpected};

/// The default number of values of a record or hello that decoding keeps: 8,192.
///
/// Values are counted as [`Payload::decode_with_limit`](crate::Payload::decode_with_limit) describes. The limit bounds
/// the time that one record takes: decoding and escaping 8,192 pairs of nothing but controls takes 1.2 ms on a Xeon of
/// 2 cores, and other values less than 1 ms.
pub const DEFAULT_VALUE_LIMIT: usize = 8_192;

#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    all: &'a [u8],
    pub(crate) rest: &'a [u8],
    /// The number of values that are still kept.
    pub(super) values_left: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self::with_value_limit(bytes, DEFAULT_VALUE_LIMIT)
    }

    /// Creates a reader that keeps at most this many values.
    pub(crate) fn with_value_limit(bytes: &'a [u8], values: usize) -> Self {
        Self {
            all: bytes,
            rest: bytes,
            values_left: values,
        }
    }

    /// Returns to an earlier position, and to the number of values that were left there.
    pub(crate) fn return_to(&mut self, position: usize, values_left: usize) {
        (self.rest, self.values_left) = (&self.all[position..], values_left);
    }

    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.all.len() - self.rest.len()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Returns the bytes from `start` to the present position.
    #[inline(always)]
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        &self.all[start..self.position()]
    }

    /// Returns the bytes between two positions.
    pub(crate) fn between(&self, positions: Range<usize>) -> &'a [u8] {
        &self.all[positions]
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8> {
        let Some((&byte, rest)) = self.rest.split_first() else {
            return Err(PayloadError::new(Reason::UnexpectedEnd, self.position()));
        };
        self.rest = rest;
        Ok(byte)
    }

    /// Runs a rare, outlined `read` on a copy, so that this reader can stay in registers.
    #[inline(always)]
    pub(crate) fn with_copy<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let mut copy = self.clone();
        let value = read(&mut copy);
        *self = copy;
        value
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> Result<u32> {
        let offset = self.position();
        u32::try_from(self.uint()?).map_err(|_| PayloadError::new(Reason::Range("32 bits"), offset))
    }

    #[inline(always)]
    pub(crate) fn uint(&mut self) -> Result<u64> {
        match self.frequent_uint() {
            Some(value) => Ok(value),
            None => self.with_copy(Self::long_uint),
        }
    }

    /// Reads an unsigned number in one of the unsigned forms. Returns `None` for anything else, without reading it.
    #[inline(always)]
    pub(crate) fn frequent_uint(&mut self) -> Option<u64> {
        let (value, rest) = match *self.rest {
            // Small numbers are the most frequent ones and are their own marker.
            [byte @ 0..=0x7f, ref rest @ ..] => (u64::from(byte), rest),
            [0xcf, a, b, c, d, e, f, g, h, ref rest @ ..] => {
                (u64::from_be_bytes([a, b, c, d, e, f, g, h]), rest)
            }
            [0xce, a, b, c, d, ref rest @ ..] => {
                (u64::from(u32::from_be_bytes([a, b, c, d])), rest)
            }
            [0xcd, a, b, ref rest @ ..] => (u64::from(u16::from_be_bytes([a, b])), rest),
            [0xcc, a, ref rest @ ..] => (u64::from(a), rest),
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    #[inline(never)]
    fn long_uint(&mut self) -> Result<u64> {
        let start = self.position();
        match self.token()? {
            Token::Uint(value) => Ok(value),
            token => Err(unexpected("an unsigned integer", token, start)),
        }
    }

    pub(crate) fn bool(&mut self) -> Result<bool> {
        let start = self.position();
        match self.token()? {
            Token::Bool(value) => Ok(value),
            token => Err(unexpected("a boolean", token, start)),
        }
    }

    #[inline(always)]
    pub(crate) fn str(&mut self) -> Result<&'a str> {
        match self.frequent_text() {
            Some(bytes) => match AsciiStr::from_ascii(bytes) {
                Ok(text) => Ok(text.as_str()),
                Err(_) => utf8(bytes, self.position() - bytes.len()),
            },
            None => self.with_copy(Self::long_str),
        }
    }

    /// Reads a text of at most 255 bytes, whose length is in its marker or in the byte after it. Returns `None` for
    /// anything else, without reading it. Whether the bytes are UTF-8 is not checked.
    #[inline(always)]
    pub(crate) fn frequent_text(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = match self.rest {
            [marker @ 0xa0..=0xbf, rest @ ..] => (usize::from(marker & 0x1f), rest),
            [0xd9, length, rest @ ..] => (usize::from(*length), rest),
            _ => return None,
        };
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    /// Skips these bytes if they are next. Returns whether they were.
    #[inline(always)]
    pub(crate) fn skip_bytes(&mut self, bytes: &[u8]) -> bool {
        match starts_with(self.rest, bytes) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Skips a nil if it is next. Returns whether it was.
    #[inline(always)]
    pub(crate) fn skip_nil(&mut self) -> bool {
        match self.rest {
            [0xc0, rest @ ..] => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline(never)]
    fn long_str(&mut self) -> Result<&'a str> {
        let start = self.position();
        match self.token()? {
            Token::Str(length) => self.text(length),
            token => Err(unexpected("text", token, start)),
        }
    }

    pub(crate) fn bin(&mut self) -> Result<&'a [u8]> {
        let start = self.position();
        match self.token()? {
            Token::Bin(length) => self.take(length),
            token => Err(unexpected("bytes", token, start)),
        }
    }

    #[inline(always)]
    pub(crate) fn array_len(&mut self) -> Result<usize> {
        match self.rest {
            [marker @ 0x90..=0x9f, rest @ ..] => {
                self.rest = rest;
                Ok(usize::from(marker & 0x0f))
            }
            // A record with more than 15 fields has this form.
            [0xdc, 0, length, rest @ ..] => {
                self.rest = rest;
                Ok(usize::from(*length))
            }
            _ => self.with_copy(Self::long_array_len),
        }
    }

    fn long_array_len(&mut self) -> Result<usize> {
        let start = self.position();
        match self.token()? {
            Token::Array(length) => Ok(length),
            token => Err(unexpected("an array", token, start)),
        }
    }

    /// Returns `None` for nil, and otherwise the result of `read`.
    #[inline(always)]
    pub(crate) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        if let [0xc0, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// Reads the next marker and the number or length after it. The content of a text, of bytes or of an extension is
    /// left to be [taken](Self::take), and so are the items of arrays and maps.
    #[inline]
    pub(crate) fn token(&mut self) -> Result<Token> {
        Ok(match self.byte()? {
            byte @ 0x00..=0x7f => Token::Uint(u64::from(byte)),
            byte @ 0x80..=0x8f => Token::Map(usize::from(byte & 0x0f)),
            byte @ 0x90..=0x9f => Token::Array(usize::from(byte & 0x0f)),
            byte @ 0xa0..=0xbf => Token::Str(usize::from(byte & 0x1f)),
            0xc0 => Token::Nil,
            0xc1 => {
                return Err(PayloadError::new(
                    Reason::ReservedMarker,
                    self.position() - 1,
                ));
            }
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4 => Token::Bin(self.length::<1>()?),
            0xc5 => Token::Bin(self.length::<2>()?),
            0xc6 => Token::Bin(self.length::<4>()?),
            // The type byte of an extension counts as content.
            0xc7 => Token::Ext(self.length::<1>()?.saturating_add(1)),
            0xc8 => Token::Ext(self.length::<2>()?.saturating_add(1)),
            0xc9 => Token::Ext(self.length::<4>()?.saturating_add(1)),
            0xca => Token::Float(f64::from(f32::from_be_bytes(self.array()?))),
            0xcb => Token::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Token::Uint(u64::from(u8::from_be_bytes(self.array()?))),
            0xcd => Token::Uint(u64::from(u16::from_be_bytes(self.array()?))),
            0xce => Token::Uint(u64::from(u32::from_be_bytes(self.array()?))),
            0xcf => Token::Uint(u64::from_be_bytes(self.array()?)),
            0xd0 => signed(i64::from(i8::from_be_bytes(self.array()?))),
            0xd1 => signed(i64::from(i16::from_be_bytes(self.array()?))),
            0xd2 => signed(i64::from(i32::from_be_bytes(self.array()?))),
            0xd3 => signed(i64::from_be_bytes(self.array()?)),
            byte @ 0xd4..=0xd8 => Token::Ext((1 << (byte - 0xd4)) + 1),
            0xd9 => Token::Str(self.length::<1>()?),
            0xda => Token::Str(self.length::<2>()?),
            0xdb => Token::Str(self.length::<4>()?),
            0xdc => Token::Array(self.length::<2>()?),
            0xdd => Token::Array(self.length::<4>()?),
            0xde => Token::Map(self.length::<2>()?),
            0xdf => Token::Map(self.length::<4>()?),
            byte @ 0xe0..=0xff => Token::Int(i64::from(byte as i8)),
        })
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return Err(PayloadError::new(Reason::UnexpectedEnd, self.position()));
        };
        self.rest = rest;
        Ok(bytes)
    }

    #[inline(always)]
    pub(crate) fn text(&mut self, length: usize) -> Result<&'a str> {
        let bytes = self.take(length)?;
        match AsciiStr::from_ascii(bytes) {
            Ok(text) => Ok(text.as_str()),
            Err(_) => utf8(bytes, self.position() - bytes.len()),
        }
    }

    #[inline]
    fn length<const N: usize>(&mut self) -> Result<usize> {
        let number = self.array::<N>()?;
        Ok(number
            .iter()
            .fold(0, |length, &byte| length << 8 | usize::from(byte)))
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(PayloadError::new(Reason::UnexpectedEnd, self.position()));
        };
        self.rest = rest;
        Ok(*bytes)
    }
}

#[inline(never)]
fn utf8(bytes: &[u8], start: usize) -> Result<&str> {
    std::str::from_utf8(bytes)
        .map_err(|error| PayloadError::new(Reason::NotUtf8, start + error.valid_up_to()))
}

fn signed(value: i64) -> Token {
    match u64::try_from(value) {
        Ok(value) => Token::Uint(value),
        Err(_) => Token::Int(value),
    }
}

/// Returns the bytes after `beginning` if `bytes` begins with it. Most lengths are compared inline, because a call of
/// `memcmp` takes longer.
#[inline(always)]
fn starts_with<'a>(bytes: &'a [u8], beginning: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = bytes.split_at_checked(beginning.len())?;
    let same = match beginning.len() {
        2..4 => same_ends::<2>(start, beginning),
        4..8 => same_ends::<4>(start, beginning),
        8..=16 => same_ends::<8>(start, beginning),
        17..=32 => same_ends::<16>(start, beginning),
        33..=64 => same_ends::<32>(start, beginning),
        _ => start == beginning,
    };
    same.then_some(rest)
}

#[inline(always)]
fn same_ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}
