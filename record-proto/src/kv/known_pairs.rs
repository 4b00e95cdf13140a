//! `KnownKeys` and `KnownPairs`: key-values of plain records, whose keys are known from earlier records.

use log::kv::{self, Key, VisitSource};

use super::hints::Hints;
use super::value::{KeyValues, Value};
use crate::msgpack::{KnownText, Reader};
use crate::text::without_controls;

/// The most pairs of plain key-values.
const MAX_PAIRS: usize = 16;

/// The most pairs of a map whose head has one byte.
const SHORT_MAP: usize = 15;

/// The keys of earlier records, by the position of their pair.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys([KnownText; MAX_PAIRS]);

/// Key-values with scalar values and without controls, whose keys are known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KnownPairs<'a> {
    /// The encoded map; empty if there are no pairs.
    map: &'a [u8],
    keys: &'a [KnownText],
}

impl KnownKeys {
    /// Reads plain key-values or nil, and returns the number of pairs. Returns `None` for anything else.
    #[inline(always)]
    pub(crate) fn read(&mut self, reader: &mut Reader<'_>) -> Option<usize> {
        if reader.skip_nil() {
            return Some(0);
        }
        let count = match reader.rest {
            [marker @ 0x80..=0x8f, rest @ ..] => {
                reader.rest = rest;
                usize::from(marker & 0x0f)
            }
            _ => reader.with_copy(long_count)?,
        };
        for key in self.0.get_mut(..count)? {
            key.read(reader)?;
            check_scalar(reader)?;
        }
        Some(count)
    }

    /// Returns the pairs that were read last. `map` are the bytes that were read.
    #[inline(always)]
    pub(crate) fn pairs<'a>(&'a self, map: &'a [u8], count: usize) -> KnownPairs<'a> {
        KnownPairs {
            map,
            keys: &self.0[..count],
        }
    }
}

impl<'a> KnownPairs<'a> {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    #[inline(always)]
    pub(crate) fn contains_key(&self, key: &str) -> bool {
        for known in self.keys {
            if known.text() == key {
                return true;
            }
        }
        false
    }

    pub(crate) fn to_key_values(self) -> KeyValues<'a> {
        match self.keys {
            [] => KeyValues::new(),
            keys => KeyValues::from_bytes(self.map, Hints::plain(keys.iter().map(KnownText::text))),
        }
    }

    #[inline(always)]
    fn after_head(self) -> Reader<'a> {
        let head = match self.len() {
            ..=SHORT_MAP => 1,
            _ => 3,
        };
        Reader::new(self.map.get(head..).unwrap_or_default())
    }

    /// Iterates over the pairs, in order.
    #[inline]
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let mut reader = self.after_head();
        self.keys.iter().map_while(move |key| {
            reader.rest = reader.rest.get(key.encoded_length()..)?;
            Some((key.text(), Value::read(&mut reader)?))
        })
    }

    #[inline]
    pub(crate) fn visit<'kvs>(
        &'kvs self,
        visitor: &mut dyn VisitSource<'kvs>,
    ) -> Result<(), kv::Error> {
        let mut reader = self.after_head();
        for key in self.keys {
            reader.rest = reader.rest.get(key.encoded_length()..).unwrap_or_default();
            let show = |value| visitor.visit_pair(Key::from_str(key.text()), value);
            match reader.visit_scalar(show) {
                Some(shown) => shown?,
                // This is never taken, because the pairs were checked.
                None => return Ok(()),
            }
        }
        Ok(())
    }
}

/// Reads the head of a map that is too long for a head of one byte.
#[inline(never)]
fn long_count(reader: &mut Reader<'_>) -> Option<usize> {
    let &[0xde, 0, count, ref rest @ ..] = reader.rest else {
        return None;
    };
    reader.rest = rest;
    Some(usize::from(count)).filter(|count| *count > SHORT_MAP)
}

/// Checks a scalar value without controls. Returns `None` for anything else.
#[inline(always)]
fn check_scalar(reader: &mut Reader<'_>) -> Option<()> {
    match reader.rest {
        [0xa0..=0xbf | 0xd9, ..] => {
            without_controls(reader.frequent_text()?)?;
        }
        [0x00..=0x7f | 0xcc..=0xcf, ..] => {
            reader.frequent_uint()?;
        }
        [0xc0 | 0xc2 | 0xc3, rest @ ..] => reader.rest = rest,
        _ => reader.with_copy(check_other_scalar)?,
    }
    Some(())
}

/// Checks a scalar value that is none of the frequent ones.
#[inline(never)]
fn check_other_scalar(reader: &mut Reader<'_>) -> Option<()> {
    match reader.rest {
        [0xda | 0xdb, ..] => without_controls(reader.str().ok()?.as_bytes()).map(drop),
        _ => reader.scalar().map(drop),
    }
}
