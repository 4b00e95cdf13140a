//! Reading the pairs of a map, and what reading them once tells about them.

use log::kv;

use crate::msgpack::{Reader, Result, Token, unexpected};
use crate::text::is_plain;

/// What is known of the pairs of a map. Never wrongly `true`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hints {
    /// Each value is nil, a boolean, a number or a text.
    pub(crate) scalar: bool,
    /// No text in it has a control character.
    pub(crate) plain: bool,
    /// A bit for each length of a key, the highest for all that are longer.
    key_lengths: u32,
}

impl Hints {
    pub(crate) const UNKNOWN: Self = Self {
        scalar: false,
        plain: false,
        key_lengths: u32::MAX,
    };

    /// Of a map without pairs.
    pub(crate) const EMPTY: Self = Self {
        scalar: true,
        plain: true,
        key_lengths: 0,
    };

    /// Takes in one more key.
    #[inline]
    pub(crate) fn add_key(&mut self, key: &str) {
        self.plain &= is_plain(key);
        self.key_lengths |= length_bit(key);
    }

    /// Whether a key may be among them.
    #[inline]
    pub(crate) fn may_have_key(self, key: &str) -> bool {
        self.key_lengths & length_bit(key) != 0
    }
}

#[inline]
fn length_bit(key: &str) -> u32 {
    1 << key.len().min(31)
}

impl<'a> Reader<'a> {
    /// The bytes of a map with text keys and allowed values, for reading on demand later.
    #[inline]
    pub(crate) fn map(&mut self) -> Result<(&'a [u8], Hints)> {
        let start = self.position();
        let length = match self.rest {
            [marker @ 0x80..=0x8f, rest @ ..] => {
                self.rest = rest;
                usize::from(marker & 0x0f)
            }
            _ => self.outlined(Self::long_map_len)?,
        };
        let mut hints = Hints::EMPTY;
        for _ in 0..length {
            hints.add_key(self.str()?);
            match self.rest {
                [0xa0..=0xbf | 0xd9, ..] => hints.plain &= is_plain(self.str()?),
                [0x00..=0x7f | 0xcc..=0xcf, ..] => drop(self.uint()?),
                [0xc0 | 0xc2 | 0xc3, rest @ ..] => self.rest = rest,
                _ => hints = self.outlined(|reader| reader.other_value(hints))?,
            }
        }
        Ok((self.since(start), hints))
    }

    fn long_map_len(&mut self) -> Result<usize> {
        let start = self.position();
        match self.token()? {
            Token::Map(length) => Ok(length),
            token => Err(unexpected("a map", token, start)),
        }
    }

    /// A value that is neither short nor frequent.
    fn other_value(&mut self, mut hints: Hints) -> Result<Hints> {
        let is_number = matches!(self.rest, [0xca | 0xcb | 0xd0..=0xd3 | 0xe0..=0xff, ..]);
        let is_text = matches!(self.rest, [0xda | 0xdb, ..]);
        hints.plain &= is_number;
        hints.scalar &= is_number || is_text;
        self.value(0)?;
        Ok(hints)
    }

    /// A pair for `log` whose value is nil, a boolean, a number or a text.
    #[inline]
    pub(crate) fn scalar_pair(&mut self) -> Result<(&'a str, kv::Value<'a>)> {
        let key = self.str()?;
        let value = match self.rest {
            [0xa0..=0xbf | 0xd9..=0xdb, ..] => kv::Value::from(self.str()?),
            [0x00..=0x7f | 0xcc..=0xcf, ..] => unsigned(self.uint()?),
            _ => self.outlined(Self::other_scalar)?,
        };
        Ok((key, value))
    }

    fn other_scalar(&mut self) -> Result<kv::Value<'a>> {
        let start = self.position();
        Ok(match self.token()? {
            Token::Nil => kv::Value::null(),
            Token::Bool(value) => kv::Value::from(value),
            Token::Uint(value) => unsigned(value),
            Token::Int(value) => kv::Value::from(value),
            Token::Float(value) => kv::Value::from(value),
            token => return Err(unexpected("a scalar", token, start)),
        })
    }
}

/// As a signed number where it is one, so that equal numbers have one type.
fn unsigned<'a>(value: u64) -> kv::Value<'a> {
    match i64::try_from(value) {
        Ok(value) => kv::Value::from(value),
        Err(_) => kv::Value::from(value),
    }
}
