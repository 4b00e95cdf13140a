//! `Ring`: one ring that this process has claimed, and its pages.

use std::sync::atomic::Ordering::Relaxed;

use record_proto::{Header, NoRoom, Place, Reader, RingWords, RingWriter};

use super::mapping::{FIRST_STEP, Mapping};
use super::wait::LOOK;
use crate::transport::LateFrame;

/// One claimed ring.
#[derive(Debug)]
pub(super) struct Ring {
    mapping: Mapping,
    header: Header<'static>,
    index: usize,
    writer: RingWriter<'static>,
    /// Whether the parent can make this process execute a fence.
    has_barrier: bool,
    /// The tail at the last commit, and the time of the commit that found it first.
    watched: (u64, u64),
}

/// What became of a frame in a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InRing {
    /// It is in the ring. What the parent does.
    Committed(Reader),
    /// It is in the ring. The parent should look by itself, and has read nothing for a while.
    Unread,
    /// There is no room.
    Full,
    /// It is longer than this many bytes, the longest that the ring takes.
    TooLong(usize),
    /// The parent has given the ring up, or somebody has written over its words.
    Broken,
    /// Somebody has pushed the ticket counter away: no ring of the buffer can be used.
    NoTicket,
}

impl Ring {
    /// Claims a ring. `None` if there is no free one, `Err` if the system refuses its first pages.
    pub(super) fn claim(
        mapping: Mapping,
        owner: u64,
        has_barrier: bool,
    ) -> Result<Option<Self>, PagesRefused> {
        let header = mapping.header();
        let Some(index) = header.claim(mapping.rings(), owner) else {
            return Ok(None);
        };
        let writer = RingWriter::new(mapping.ring(index), FIRST_STEP);
        if !mapping.populate(index, 0, FIRST_STEP) {
            writer.release();
            return Err(PagesRefused);
        }
        Ok(Some(Self {
            mapping,
            header,
            index,
            writer,
            has_barrier,
            watched: (u64::MAX, 0),
        }))
    }

    /// Puts a frame into the ring if there is room.
    #[inline(always)]
    pub(super) fn put(&mut self, frame: &mut impl LateFrame) -> InRing {
        let place = match self.room(frame.longest()) {
            Ok(place) => place,
            Err(NoRoom::Full) => return InRing::Full,
            Err(NoRoom::TooLong) => return InRing::TooLong(self.writer.max_frame()),
            Err(_) => return InRing::Broken,
        };
        let Some(ticket) = self.header.draw_ticket() else {
            return InRing::NoTicket;
        };
        self.writer.commit(place, ticket, frame.finish(false));
        match self.header.after_commit(self.has_barrier) {
            Reader::Awake if self.is_unread(frame.time()) => InRing::Unread,
            reader => InRing::Committed(reader),
        }
    }

    /// Whether there is room for a frame of this many bytes, or for the longest one if that is shorter. Also `true` for
    /// a ring that can never be used again: waiting is no use then.
    pub(super) fn has_room(&mut self, frame: usize) -> bool {
        let frame = frame.min(self.writer.max_frame());
        !matches!(self.room(frame), Err(NoRoom::Full))
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn words(&self) -> RingWords<'static> {
        self.writer.words()
    }

    pub(super) fn release(self) {
        self.writer.release();
    }

    #[inline(always)]
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

    /// Whether the parent has not moved the tail since a commit [`LOOK`] ago or more. `true` once in that time.
    ///
    /// A parent that is killed while it is awake never says that it sleeps. The time is that of the records, which
    /// cost no further clock. If it steps, the parent is looked for once more or once less.
    #[inline]
    fn is_unread(&mut self, time: u64) -> bool {
        // Relaxed: the tail is only compared. `room` loads it for its effects.
        let tail = self.writer.words().tail.load(Relaxed);
        if tail != self.watched.0 {
            self.watched = (tail, time);
            return false;
        }
        let is_due = time.wrapping_sub(self.watched.1) >= LOOK.as_nanos() as u64;
        if is_due {
            self.watched.1 = time;
        }
        is_due
    }
}

/// The system has no memory for the pages of a ring, or cannot take them safely.
#[derive(Debug)]
pub(super) struct PagesRefused;
