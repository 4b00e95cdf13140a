//! `Reader`: reading MessagePack that cannot be trusted. No recursion beyond [`MAX_DEPTH`], no panic, and no allocation
//! except for an error.

use ascii::AsciiStr;

use super::reason::{DecodeError, Reason, Result};
use super::token::{Token, unexpected};

/// How deep lists and maps may nest within one key-value (wire format, version 1).
pub(crate) const MAX_DEPTH: usize = 8;

#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    all: &'a [u8],
    pub(crate) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            all: bytes,
            rest: bytes,
        }
    }

    pub(crate) fn position(&self) -> usize {
        self.all.len() - self.rest.len()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Returns the bytes from `start` to the present position.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        &self.all[start..self.position()]
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8> {
        let Some((&byte, rest)) = self.rest.split_first() else {
            return Err(DecodeError::new(Reason::UnexpectedEnd, self.position()));
        };
        self.rest = rest;
        Ok(byte)
    }

    /// Runs a rare, outlined `read` on a copy, so that this reader can stay in registers.
    #[inline(always)]
    pub(crate) fn with_copy<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let mut copy = self.clone();
        let value = read(&mut copy);
        *self = copy;
        value
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> Result<u32> {
        let offset = self.position();
        u32::try_from(self.uint()?).map_err(|_| DecodeError::new(Reason::Range("32 bits"), offset))
    }

    #[inline(always)]
    pub(crate) fn uint(&mut self) -> Result<u64> {
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
            _ => return self.with_copy(Self::long_uint),
        };
        self.rest = rest;
        Ok(value)
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
        // Most texts are short: their length is in the marker or in the byte after it.
        let length = match self.rest {
            [marker @ 0xa0..=0xbf, rest @ ..] => {
                self.rest = rest;
                marker & 0x1f
            }
            [0xd9, length, rest @ ..] => {
                self.rest = rest;
                *length
            }
            _ => return self.with_copy(Self::long_str),
        };
        self.text(usize::from(length))
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

    /// Checks an array of texts and returns its bytes, for reading on demand later.
    pub(crate) fn array_of_str(&mut self) -> Result<&'a [u8]> {
        let start = self.position();
        for _ in 0..self.array_len()? {
            self.str()?;
        }
        Ok(self.since(start))
    }

    /// Checks one value at `depth`. Fails for a list or map at [`MAX_DEPTH`], which ends the recursion.
    pub(crate) fn value(&mut self, depth: usize) -> Result<()> {
        let start = self.position();
        let token = self.token()?;
        match token {
            Token::Array(_) | Token::Map(_) if depth == MAX_DEPTH => {
                return Err(DecodeError::new(Reason::TooDeep, start));
            }
            Token::Str(length) => drop(self.text(length)?),
            Token::Bin(length) => drop(self.take(length)?),
            Token::Array(length) => {
                for _ in 0..length {
                    self.value(depth + 1)?;
                }
            }
            Token::Map(length) => self.pairs(length, depth + 1)?,
            Token::Ext(_) => return Err(unexpected("a value", token, start)),
            Token::Nil | Token::Bool(_) | Token::Uint(_) | Token::Int(_) | Token::Float(_) => {}
        }
        Ok(())
    }

    /// Skips one object of any type and depth, without recursion.
    pub(crate) fn skip(&mut self) -> Result<()> {
        let mut pending: u64 = 1;
        while pending > 0 {
            pending -= 1;
            match self.token()? {
                Token::Str(length) | Token::Bin(length) | Token::Ext(length) => {
                    self.take(length)?;
                }
                Token::Array(length) => pending = pending.saturating_add(length as u64),
                Token::Map(length) => pending = pending.saturating_add(2 * length as u64),
                Token::Nil | Token::Bool(_) | Token::Uint(_) | Token::Int(_) | Token::Float(_) => {}
            }
        }
        Ok(())
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
                return Err(DecodeError::new(
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
            return Err(DecodeError::new(Reason::UnexpectedEnd, self.position()));
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

    fn pairs(&mut self, length: usize, depth: usize) -> Result<()> {
        for _ in 0..length {
            self.str()?;
            self.value(depth)?;
        }
        Ok(())
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
            return Err(DecodeError::new(Reason::UnexpectedEnd, self.position()));
        };
        self.rest = rest;
        Ok(*bytes)
    }
}

#[inline(never)]
fn utf8(bytes: &[u8], start: usize) -> Result<&str> {
    std::str::from_utf8(bytes)
        .map_err(|error| DecodeError::new(Reason::NotUtf8, start + error.valid_up_to()))
}

fn signed(value: i64) -> Token {
    match u64::try_from(value) {
        Ok(value) => Token::Uint(value),
        Err(_) => Token::Int(value),
    }
}
