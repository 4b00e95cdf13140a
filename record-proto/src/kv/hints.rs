//! `Hints`: facts about the pairs of a map; and the methods of `Reader` that find them while they check the pairs.

use log::kv;

use crate::msgpack::{PayloadError, Reader, Reason, Result, Token, unexpected};
use crate::text::is_printable_ascii;

/// Facts about the pairs of a map, so that later questions need not read them. A fact is never wrongly `true`, but may
/// be wrongly `false`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hints {
    /// Each value is nil, a boolean, a number or a text.
    pub(crate) scalar: bool,
    /// No key and no text has a control character.
    pub(crate) printable: bool,
    /// The bytes end after the pairs that are kept, but the head of the map counts all.
    pub(super) is_cut: bool,
    /// One bit for each length that a key has. The highest bit stands for 31 bytes and more.
    pub(super) key_lengths: u32,
}

/// The bytes of a map that was checked, and the facts about its pairs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckedMap<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) hints: Hints,
}

impl CheckedMap<'_> {
    /// Fails if the map has more values than are kept.
    pub(crate) fn expect_whole(&self, offset: usize) -> Result<()> {
        match self.hints.is_cut {
            false => Ok(()),
            true => Err(PayloadError::new(Reason::TooManyValues, offset)),
        }
    }
}

impl Hints {
    pub(crate) const UNKNOWN: Self = Self {
        scalar: false,
        printable: false,
        is_cut: false,
        key_lengths: u32::MAX,
    };

    /// The facts about a map without pairs.
    pub(crate) const EMPTY: Self = Self {
        scalar: true,
        printable: true,
        is_cut: false,
        key_lengths: 0,
    };

    /// Returns the facts about pairs with scalar values and without controls.
    pub(super) fn plain<'k>(keys: impl Iterator<Item = &'k str>) -> Self {
        Self {
            scalar: true,
            printable: true,
            is_cut: false,
            key_lengths: keys.fold(0, |lengths, key| lengths | length_bit(key)),
        }
    }

    /// Adds a key to the facts.
    #[inline]
    pub(crate) fn add_key(&mut self, key: &str) {
        self.printable &= is_printable_ascii(key);
        self.key_lengths |= length_bit(key);
    }

    /// Returns whether the map may have this key: it has one of this length.
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
    /// Checks a map with text keys and allowed values, for reading on demand later. If it has more values than are
    /// kept, the pair that goes beyond the limit and all pairs after it are skipped.
    #[inline]
    pub(crate) fn map(&mut self) -> Result<CheckedMap<'a>> {
        let (start, values_left) = (self.position(), self.values_left());
        match self.whole_map() {
            Ok(hints) => Ok(CheckedMap {
                bytes: self.since(start),
                hints,
            }),
            Err(error) => self.with_copy(|reader| {
                reader.return_to(start, values_left);
                reader.cut_map(error)
            }),
        }
    }

    #[inline(always)]
    fn whole_map(&mut self) -> Result<Hints> {
        let length = match self.rest {
            [marker @ 0x80..=0x8f, rest @ ..] => {
                self.rest = rest;
                usize::from(marker & 0x0f)
            }
            _ => self.with_copy(Self::long_map_len)?,
        };
        self.count_values(length)?;
        let mut hints = Hints::EMPTY;
        for _ in 0..length {
            hints.add_key(self.str()?);
            match self.rest {
                [0xa0..=0xbf | 0xd9, ..] => hints.printable &= is_printable_ascii(self.str()?),
                [0x00..=0x7f | 0xcc..=0xcf, ..] => drop(self.uint()?),
                [0xc0 | 0xc2 | 0xc3, rest @ ..] => self.rest = rest,
                _ => hints = self.with_copy(|reader| reader.other_value(hints))?,
            }
        }
        Ok(hints)
    }

    /// Checks the pairs that are kept, and skips the others, if there are too many values. Returns any other error.
    #[cold]
    #[inline(never)]
    fn cut_map(&mut self, error: PayloadError) -> Result<CheckedMap<'a>> {
        if error.reason() != Reason::TooManyValues {
            return Err(error);
        }
        let start = self.position();
        let length = self.long_map_len()?;
        let mut end = self.position();
        let mut kept = 0;
        while kept < length && self.or_cut(Self::pair)?.is_some() {
            end = self.position();
            kept += 1;
        }
        self.skip_objects(2 * (length - kept) as u64)?;
        let is_cut = kept < length;
        Ok(CheckedMap {
            bytes: self.between(start..end),
            hints: Hints {
                is_cut,
                ..Hints::UNKNOWN
            },
        })
    }

    fn pair(&mut self) -> Result<()> {
        self.count_values(1)?;
        self.str()?;
        self.value(0)
    }

    fn long_map_len(&mut self) -> Result<usize> {
        let start = self.position();
        match self.token()? {
            Token::Map(length) => Ok(length),
            token => Err(unexpected("a map", token, start)),
        }
    }

    /// Checks a value that is none of the frequent ones, and returns the updated facts.
    fn other_value(&mut self, mut hints: Hints) -> Result<Hints> {
        let is_number = matches!(self.rest, [0xca | 0xcb | 0xd0..=0xd3 | 0xe0..=0xff, ..]);
        let is_text = matches!(self.rest, [0xda | 0xdb, ..]);
        hints.printable &= is_number;
        hints.scalar &= is_number || is_text;
        self.value(0)?;
        Ok(hints)
    }

    /// Reads a value for `log`. Returns `None` if it is no nil, boolean, number or text.
    #[inline(always)]
    pub(crate) fn scalar(&mut self) -> Option<kv::Value<'a>> {
        self.visit_scalar(|value| value)
    }

    /// Reads a value for `log` and passes it to `show`, which is inlined for each frequent type: so no value of a type
    /// that is known only at run time is moved.
    #[inline(always)]
    pub(crate) fn visit_scalar<R>(
        &mut self,
        mut show: impl FnMut(kv::Value<'a>) -> R,
    ) -> Option<R> {
        match self.rest {
            [0xa0..=0xbf | 0xd9..=0xdb, ..] => Some(show(kv::Value::from(self.str().ok()?))),
            [0x00..=0x7f | 0xcc..=0xcf, ..] => {
                let value = self.frequent_uint()?;
                Some(match i64::try_from(value) {
                    Ok(value) => show(kv::Value::from(value)),
                    Err(_) => show(kv::Value::from(value)),
                })
            }
            _ => Some(show(self.with_copy(Self::other_scalar)?)),
        }
    }

    #[inline(never)]
    fn other_scalar(&mut self) -> Option<kv::Value<'a>> {
        match self.token().ok()? {
            Token::Nil => Some(kv::Value::null()),
            Token::Bool(value) => Some(kv::Value::from(value)),
            Token::Uint(value) => Some(unsigned(value)),
            Token::Int(value) => Some(kv::Value::from(value)),
            Token::Float(value) => Some(kv::Value::from(value)),
            _ => None,
        }
    }
}

/// Returns a signed number if it fits, so that equal numbers have one type.
fn unsigned<'a>(value: u64) -> kv::Value<'a> {
    match i64::try_from(value) {
        Ok(value) => kv::Value::from(value),
        Err(_) => kv::Value::from(value),
    }
}
