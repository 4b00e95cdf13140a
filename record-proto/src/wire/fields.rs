//! `Fields`: reading the fields of one payload, which may be fewer or more than this version knows.

use crate::msgpack::{self, PayloadError, Reader, Reason};

/// The fields of one payload that are still to be read.
pub(crate) struct Fields<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Fields<'a> {
    /// Skips the kind and reads the number of fields. Fewer than `least` are an error.
    #[inline(always)]
    pub(crate) fn open(mut reader: Reader<'a>, least: usize) -> msgpack::Result<Self> {
        reader.byte()?;
        let start = reader.position();
        let left = reader.array_len()?;
        if left < least {
            let found = left;
            return Err(PayloadError::new(
                Reason::TooFewFields { found, least },
                start,
            ));
        }
        Ok(Self { reader, left })
    }

    /// Reads a field that must be there: one of the `least` of [`open`](Self::open).
    #[inline(always)]
    pub(crate) fn required<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> msgpack::Result<T>,
    ) -> msgpack::Result<T> {
        self.left -= 1;
        read(&mut self.reader)
    }

    /// Reads a field that may be nil or missing.
    #[inline(always)]
    pub(crate) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> msgpack::Result<T>,
    ) -> msgpack::Result<Option<T>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.reader.optional(read)
    }

    /// Like [`optional`](Self::optional), but a wrong type counts as nil, because readers before this field ignored it.
    #[inline(always)]
    pub(crate) fn lenient<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> msgpack::Result<T>,
    ) -> msgpack::Result<Option<T>> {
        let before = self.reader.clone();
        self.optional(read).or_else(|_| {
            self.reader = before;
            self.reader.skip().map(|()| None)
        })
    }

    /// Returns the instance if exactly three nils and an instance of 32 bits are left, so that nothing else has to be
    /// read. Most records end like this: `LogRecord::instance_only_end` writes these bytes.
    #[inline(always)]
    pub(crate) fn instance_only_end(&self) -> Option<u32> {
        match *self.reader.rest {
            [0xc0, 0xc0, 0xc0, 0xce, a, b, c, d] if self.left == 4 => {
                Some(u32::from_be_bytes([a, b, c, d]))
            }
            _ => None,
        }
    }

    /// Skips the fields of a later version, and fails if bytes follow them.
    #[inline(always)]
    pub(crate) fn close(mut self) -> msgpack::Result<()> {
        for _ in 0..self.left {
            self.reader.skip()?;
        }
        match self.reader.remaining() {
            0 => Ok(()),
            trailing => Err(PayloadError::new(
                Reason::TrailingBytes(trailing),
                self.reader.position(),
            )),
        }
    }
}

/// Adds the part of the payload to an error that happened while reading it.
pub(crate) trait InPart<T> {
    fn in_part(self, part: &'static str) -> msgpack::Result<T>;
}

impl<T> InPart<T> for msgpack::Result<T> {
    #[inline(always)]
    fn in_part(self, part: &'static str) -> msgpack::Result<T> {
        self.map_err(|error| error.in_part(part))
    }
}
