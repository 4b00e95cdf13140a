//! `Ring`: one ring that this process has claimed, and its pages.

use record_proto::{NoRoom, Place, Reader, RingWords, RingWriter};

use super::mapping::{FIRST_STEP, Mapping};

/// One claimed ring.
#[derive(Debug)]
pub(super) struct Ring {
    mapping: Mapping,
    index: usize,
    writer: RingWriter<'static>,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It is in the ring. What the parent does.
    Done(Reader),
    Full,
    /// The ring cannot be used any more, or the frame is longer than any frame in it.
    Unusable,
}

impl Ring {
    /// Claims a ring, if there is a free one whose first pages can be had.
    pub(super) fn claim(mapping: Mapping, owner: u64) -> Option<Self> {
        let index = mapping.header().claim(mapping.rings(), owner)?;
        let ring = Self {
            mapping,
            index,
            writer: RingWriter::new(mapping.ring(index), FIRST_STEP),
        };
        if !mapping.populate(index, 0, FIRST_STEP) {
            ring.writer.release();
            return None;
        }
        Some(ring)
    }

    /// Puts a frame into the ring if there is room.
    #[inline]
    pub(super) fn put(&mut self, frame: &[u8]) -> Put {
        let place = match self.room(frame.len()) {
            Ok(place) => place,
            Err(NoRoom::Full) => return Put::Full,
            Err(_) => return Put::Unusable,
        };
        let header = self.mapping.header();
        let Some(ticket) = header.draw_ticket() else {
            return Put::Unusable;
        };
        self.writer.commit(place, ticket, frame);
        Put::Done(header.after_commit())
    }

    /// Whether a frame of this many bytes would fit.
    pub(super) fn has_room(&mut self, frame: usize) -> bool {
        !matches!(self.room(frame), Err(NoRoom::Full))
    }

    pub(super) fn words(&self) -> RingWords<'static> {
        self.writer.words()
    }

    pub(super) fn release(self) {
        self.writer.release();
    }

    #[inline]
    fn room(&mut self, frame: usize) -> Result<Place, NoRoom> {
        loop {
            match self.writer.room(frame) {
                Err(NoRoom::Unextended) => self.extend(),
                room => return room,
            }
        }
    }

    /// Takes as many pages more as the ring has. If the system refuses them, the ring stays as it is.
    #[cold]
    fn extend(&mut self) {
        let (from, to) = (self.writer.limit(), 2 * self.writer.limit());
        match self.mapping.populate(self.index, from, to) {
            true => self.writer.extend(to),
            false => self.writer.stop_growing(),
        }
    }
}
