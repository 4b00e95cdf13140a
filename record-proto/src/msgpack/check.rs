//! Methods of `Reader` that check values without decoding them, within bounds on their number and depth, or skip
//! objects.

use super::read::Reader;
use super::reason::{PayloadError, Reason, Result};
use super::token::{Token, unexpected};

/// How deep lists and maps may nest within one key-value (wire format, version 1).
pub(crate) const MAX_DEPTH: usize = 8;

impl<'a> Reader<'a> {
    /// Returns the number of values that are still kept.
    pub(crate) fn values_left(&self) -> usize {
        self.values_left
    }

    /// Counts values against the limit.
    ///
    /// If there are more than are kept, returns [`Reason::TooManyValues`], which [`or_cut`](Self::or_cut) catches.
    #[inline(always)]
    pub(crate) fn count_values(&mut self, count: usize) -> Result<()> {
        match self.values_left.checked_sub(count) {
            Some(left) => self.values_left = left,
            None => return Err(PayloadError::new(Reason::TooManyValues, self.position())),
        }
        Ok(())
    }

    /// Returns the result of `read`; `None` if `read` found more values than are kept. The reader is then at its old
    /// position again, and keeps no more values.
    #[inline]
    pub(crate) fn or_cut<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        let before = self.clone();
        match read(self) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.reason() == Reason::TooManyValues => {
                *self = before;
                self.values_left = 0;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Checks an array of texts and returns its bytes, for reading on demand later.
    pub(crate) fn array_of_str(&mut self) -> Result<&'a [u8]> {
        let start = self.position();
        let length = self.array_len()?;
        self.count_values(length)?;
        for _ in 0..length {
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
                return Err(PayloadError::new(Reason::TooDeep, start));
            }
            Token::Str(length) => drop(self.text(length)?),
            Token::Bin(length) => drop(self.take(length)?),
            Token::Array(length) => {
                self.count_values(length)?;
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

    /// Skips one object of any type and depth.
    pub(crate) fn skip(&mut self) -> Result<()> {
        self.skip_objects(1)
    }

    /// Skips `count` objects of any type and depth, without recursion. Their texts are not checked.
    pub(crate) fn skip_objects(&mut self, count: u64) -> Result<()> {
        let mut pending = count;
        while pending > 0 {
            pending -= 1;
            // Objects of one byte (small numbers, nil, booleans, an empty text, list or map) are skipped without a
            // token: a payload may consist of nothing else.
            if let [
                0x00..=0x80 | 0x90 | 0xa0 | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff,
                rest @ ..,
            ] = self.rest
            {
                self.rest = rest;
                continue;
            }
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

    fn pairs(&mut self, length: usize, depth: usize) -> Result<()> {
        self.count_values(length)?;
        for _ in 0..length {
            self.str()?;
            self.value(depth)?;
        }
        Ok(())
    }
}
