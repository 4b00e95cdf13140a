//! `ProcessRings`: what one process has claimed of a shared buffer.

use std::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{Relaxed, SeqCst},
};

use record_proto::{Header, Reader, RingWords};

use super::bell;
use super::common_ring::CommonRing;
use super::mapping::Mapping;
use super::marks::Marks;
use super::ring::{InRing, Ring};
use super::thread_ring::{self, Own};
use super::wait::{self, Waited};
use crate::sys::{membarrier, process};
use crate::transport::{Deadline, LateFrame, Overflow, Pipe, Put, Written};

/// The rings are in use.
const LIVE: u8 = 0;
/// The rings were given back: the process goes on with the pipe.
const RETIRED: u8 = 1;
/// The rings have become unusable: the process begins another session, on the pipe.
const LOST: u8 = 2;

/// How long to wait for threads that are writing into their rings, if those are lost.
const LOSE_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(100);

/// The rings of one process: a common one, and one for each thread as long as there are free ones.
///
/// It belongs to the process that made it: a forked child makes its own.
#[derive(Debug)]
pub(super) struct ProcessRings {
    generation: u64,
    mapping: Mapping,
    owner: u64,
    common: CommonRing,
    marks: Marks,
    state: AtomicU8,
    /// The system has refused pages: threads claim no more rings.
    has_no_pages: AtomicBool,
    has_barrier: bool,
}

impl ProcessRings {
    /// Claims the common ring for this process. `None` if there is no free one.
    pub(super) fn claim(mapping: Mapping, instance: u32) -> Option<Self> {
        let owner = 1 << 32 | u64::from(instance);
        let has_barrier = membarrier::register_for_others();
        let common = Ring::claim(mapping, owner, has_barrier).ok()??;
        Some(Self {
            generation: process::generation(),
            mapping,
            owner,
            common: CommonRing::new(common),
            marks: Marks::new(mapping.rings().count()),
            state: AtomicU8::new(LIVE),
            has_no_pages: AtomicBool::new(false),
            has_barrier,
        })
    }

    #[inline]
    pub(super) fn is_of_this_process(&self) -> bool {
        self.generation == process::generation()
    }

    #[inline]
    pub(super) fn is_live(&self) -> bool {
        // Relaxed: `Marks::synchronise` orders it.
        self.state.load(Relaxed) == LIVE
    }

    pub(super) fn is_lost(&self) -> bool {
        self.state.load(Relaxed) == LOST
    }

    /// Puts a frame into the ring of this thread, or into the common ring, and waits for room until the deadline.
    ///
    /// The caller has run all foreign code of the log call. So what is checked here still holds when the frame is
    /// completed, except if a signal handler forks.
    #[inline]
    pub(super) fn put(
        &'static self,
        frame: &mut impl LateFrame,
        pipe: &Pipe,
        deadline: &mut Deadline,
    ) -> Put {
        loop {
            if !self.is_of_this_process() {
                return Put::SessionOver;
            }
            let (in_ring, is_common) = match thread_ring::put(self, frame) {
                Own::Put(InRing::Committed(Reader::Awake)) => return Put::Done(Written::Whole),
                Own::Put(in_ring) => (in_ring, false),
                Own::None => match self.put_in_common(frame) {
                    Ok(in_ring) => (in_ring, true),
                    Err(put) => return put,
                },
                Own::Nested => return Put::Done(Written::Full),
                Own::Retired => return self.end(),
            };
            if let Some(put) = self.react(in_ring, is_common, frame.longest(), pipe, deadline) {
                return put;
            }
        }
    }

    /// Counts a dropped record. Returns `false` if that must be done by a frame.
    pub(super) fn note_dropped(&self, level: usize) -> bool {
        self.common
            .count_dropped(level, || self.is_of_this_process() && self.is_live())
    }

    /// Returns the bits of the rings that are in use.
    #[inline]
    pub(super) fn claimed(&self) -> u64 {
        self.mapping.header().claimed.load(Relaxed)
    }

    /// Claims a ring for a thread.
    pub(super) fn claim_for_thread(&self) -> Option<Ring> {
        if self.has_no_pages.load(Relaxed) {
            return None;
        }
        let Ok(ring) = Ring::claim(self.mapping, self.owner, self.has_barrier) else {
            self.has_no_pages.store(true, Relaxed);
            return None;
        };
        let ring = ring?;
        match self.enter(ring.index()) {
            Some(access) => {
                access.leave();
                Some(ring)
            }
            None => {
                ring.release();
                None
            }
        }
    }

    /// Marks a ring of this thread as busy. `None` if the rings were retired.
    #[inline]
    pub(super) fn enter(&self, ring: usize) -> Option<Access<'_>> {
        self.marks.enter(ring);
        if self.is_live() {
            return Some(Access {
                marks: &self.marks,
                ring,
            });
        }
        self.marks.forget(ring);
        None
    }

    /// Gives all rings back when the process exits. Records that are logged afterwards go through the pipe.
    pub(super) fn retire(&self, deadline: &mut Deadline) {
        self.give_back(RETIRED, deadline);
    }

    pub(super) fn header(&self) -> Header<'static> {
        self.mapping.header()
    }

    /// Returns the rings that belong to this process, those of threads that have ended included, as long as the parent
    /// has not read everything in them.
    pub(super) fn own(&self) -> impl Iterator<Item = RingWords<'static>> {
        let owner = self.owner;
        self.mapping
            .rings()
            .filter(move |ring| ring.owner.load(Relaxed) == owner)
    }

    pub(super) fn is_own(&self, ring: RingWords<'_>) -> bool {
        ring.owner.load(Relaxed) == self.owner
    }

    #[cold]
    fn put_in_common(&self, frame: &mut impl LateFrame) -> Result<InRing, Put> {
        match self.common.put(frame) {
            Ok(Some(in_ring)) => Ok(in_ring),
            Ok(None) => Err(self.end()),
            Err(_) => Err(Put::Done(Written::Full)),
        }
    }

    /// Returns how the call ends, or `None` if there may be room now.
    #[cold]
    fn react(
        &self,
        in_ring: InRing,
        is_common: bool,
        longest: usize,
        pipe: &Pipe,
        deadline: &mut Deadline,
    ) -> Option<Put> {
        match in_ring {
            InRing::Committed(Reader::Awake) => Some(Put::Done(Written::Whole)),
            InRing::Committed(Reader::Asleep(value)) => Some(Put::Done(bell::write(value, pipe))),
            InRing::Committed(Reader::Closed) => Some(Put::Done(Written::Gone)),
            InRing::Unread => Some(Put::Done(match pipe.has_reader() {
                Some(false) => Written::Gone,
                _ => Written::Whole,
            })),
            InRing::TooLong(longest) => Some(Put::TooLong(longest)),
            InRing::Broken | InRing::NoTicket => Some(self.lose()),
            InRing::Full => {
                let ring = match is_common {
                    true => self.common.words(),
                    // `None` after a nested call has lost the ring.
                    false => thread_ring::words()?,
                };
                let has_room = || match is_common {
                    true => self.common.has_room(longest),
                    false => thread_ring::has_room(longest),
                };
                match wait::for_room(self.header(), ring, pipe, deadline, has_room) {
                    Waited::Moved => None,
                    Waited::TooLong => Some(Put::Done(Written::Full)),
                    Waited::Gone => Some(Put::Done(Written::Gone)),
                }
            }
        }
    }

    /// Gives up all rings: none of them, or not the common one, can be used.
    #[cold]
    fn lose(&self) -> Put {
        self.give_back(LOST, &mut Deadline::new(Overflow::BlockFor(LOSE_TIMEOUT)));
        self.end()
    }

    fn give_back(&self, state: u8, deadline: &mut Deadline) {
        let was_live = self.state.compare_exchange(LIVE, state, SeqCst, SeqCst);
        // Without the barrier, nobody knows whether a thread is writing into its ring. Then all rings stay as they are.
        if was_live.is_err() || !self.marks.synchronise() {
            return;
        }
        let mut go_on = || deadline.remaining().is_some();
        let release = |ring| record_proto::release(self.mapping.ring(ring));
        self.marks.release_all(&mut go_on, release);
        self.common.give_back(go_on);
    }

    /// How frames go on that find the rings given back.
    #[cold]
    fn end(&self) -> Put {
        match self.is_lost() {
            true => Put::SessionOver,
            false => Put::NoRing,
        }
    }
}

/// A ring of this thread, which nobody else gives back meanwhile.
pub(super) struct Access<'a> {
    marks: &'a Marks,
    ring: usize,
}

impl Access<'_> {
    /// The thread keeps the ring.
    #[inline]
    pub(super) fn leave(self) {
        self.marks.leave(self.ring);
    }

    /// The thread does not have the ring any more.
    pub(super) fn forget(self) {
        self.marks.forget(self.ring);
    }
}
