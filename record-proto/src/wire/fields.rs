use super::error::PayloadError;
use crate::msgpack::{self, DecodeError, Reader, Reason};

/// The fields of one payload: as many as its writer knew.
pub(crate) struct Fields<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Fields<'a> {
    /// Behind the kind.
    #[inline(always)]
    pub(crate) fn open(bytes: &'a [u8], least: usize) -> msgpack::Result<Self> {
        let mut reader = Reader::new(bytes);
        reader.byte()?;
        let start = reader.position();
        let left = reader.array_len()?;
        if left < least {
            let found = left;
            return Err(DecodeError::new(
                Reason::TooFewFields { found, least },
                start,
            ));
        }
        Ok(Self { reader, left })
    }

    #[inline(always)]
    pub(crate) fn required<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> msgpack::Result<T>,
    ) -> msgpack::Result<T> {
        self.left -= 1;
        read(&mut self.reader)
    }

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

    /// A field that earlier readers ignored, whatever stood there: one of another type is taken as nil.
    #[inline(always)]
    pub(crate) fn tolerated<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> msgpack::Result<T>,
    ) -> msgpack::Result<Option<T>> {
        let before = self.reader.clone();
        self.optional(read).or_else(|_| {
            self.reader = before;
            self.reader.skip().map(|()| None)
        })
    }

    /// The instance of a record that ends as nearly all of them do, so that nothing is left to be read.
    #[inline(always)]
    pub(crate) fn usual_end(&self) -> Option<u32> {
        match *self.reader.rest {
            [0xc0, 0xc0, 0xc0, 0xce, a, b, c, d] if self.left == 4 => {
                Some(u32::from_be_bytes([a, b, c, d]))
            }
            _ => None,
        }
    }

    /// Passes over the fields of a later version; nothing may stand behind them.
    #[inline(always)]
    pub(crate) fn close(mut self) -> msgpack::Result<()> {
        for _ in 0..self.left {
            self.reader.skip()?;
        }
        match self.reader.remaining() {
            0 => Ok(()),
            behind => Err(DecodeError::new(
                Reason::TrailingBytes(behind),
                self.reader.position(),
            )),
        }
    }
}

/// Says in which part of the payload reading stopped.
pub(crate) trait Part<T> {
    fn part(self, part: &'static str) -> Result<T, Box<PayloadError>>;
}

impl<T> Part<T> for msgpack::Result<T> {
    #[inline(always)]
    fn part(self, part: &'static str) -> Result<T, Box<PayloadError>> {
        match self {
            Ok(read) => Ok(read),
            Err(error) => Err(stopped(&error, part)),
        }
    }
}

#[cold]
fn stopped(error: &DecodeError, part: &'static str) -> Box<PayloadError> {
    Box::new(PayloadError::new(part, error.offset, error.reason))
}
