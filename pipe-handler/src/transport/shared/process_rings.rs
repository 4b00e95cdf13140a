//! `ProcessRings`: what one process has claimed of a shared buffer.

use record_proto::Reader;

use super::bell;
use super::claims::{Claims, State};
use super::common_ring::CommonRing;
use super::mapping::Mapping;
use super::ring::InRing;
use super::thread_ring::{self, Own};
use super::wait::{self, Waited};
use crate::transport::{Deadline, LateFrame, Overflow, Pipe, Put, Written};

/// How long to wait for threads that are writing into their rings, if those are lost.
const LOSE_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(100);

/// The rings of one process: a common one, and one for each thread as long as there are free ones.
///
/// It belongs to the process that made it: a forked child makes its own.
#[derive(Debug)]
pub(super) struct ProcessRings {
    claims: Claims,
    common: CommonRing,
}

impl ProcessRings {
    /// Claims the common ring for this process. `None` if there is no free one.
    pub(super) fn claim(mapping: Mapping, instance: u32) -> Option<Self> {
        let claims = Claims::new(mapping, instance);
        let common = claims.claim().ok()??;
        Some(Self {
            claims,
            common: CommonRing::new(common),
        })
    }

    #[inline]
    pub(super) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Puts a frame into the ring of this thread, or into the common ring, and waits for room until the deadline. `None`
    /// if the rings were given back: the frame goes through the pipe.
    ///
    /// The caller has run all foreign code of the log call. So what is checked here still holds when the frame is
    /// completed, except if a signal handler forks.
    #[inline(always)]
    pub(super) fn put(
        &'static self,
        frame: &mut impl LateFrame,
        pipe: &Pipe,
        deadline: &mut Deadline,
    ) -> Option<Put> {
        loop {
            if !self.claims.is_of_this_process() {
                return Some(Put::SessionOver);
            }
            let (in_ring, is_common) = match thread_ring::put(&self.claims, frame) {
                Own::Put(InRing::Committed(Reader::Awake)) => {
                    return Some(Put::Done(Written::Whole));
                }
                Own::Put(in_ring) => (in_ring, false),
                Own::None => match self.put_in_common(frame) {
                    Ok(in_ring) => (in_ring, true),
                    Err(put) => return put,
                },
                Own::Nested => return Some(Put::Done(Written::Full)),
                Own::Retired => return self.end(),
            };
            if matches!(in_ring, InRing::Broken | InRing::NoTicket) {
                return self.lose();
            }
            let put = self.react(in_ring, is_common, frame.longest(), pipe, deadline);
            if put.is_some() {
                return put;
            }
        }
    }

    /// Counts a dropped record. Returns `false` if that must be done by a frame.
    pub(super) fn note_dropped(&self, level: usize) -> bool {
        self.common.count_dropped(level, || {
            self.claims.is_of_this_process() && self.claims.is_live()
        })
    }

    /// Gives all rings back when the process exits. Records that are logged afterwards go through the pipe.
    pub(super) fn retire(&self, deadline: &mut Deadline) {
        self.give_back(State::Retired, deadline);
    }

    #[cold]
    fn put_in_common(&self, frame: &mut dyn LateFrame) -> Result<InRing, Option<Put>> {
        match self.common.put(frame) {
            Ok(Some(in_ring)) => Ok(in_ring),
            Ok(None) => Err(self.end()),
            Err(_) => Err(Some(Put::Done(Written::Full))),
        }
    }

    /// Returns what became of the frame, or `None` if it has to be tried again.
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
            InRing::Broken | InRing::NoTicket => None,
            InRing::Full => {
                let ring = match is_common {
                    true => self.common.words(),
                    // `None` after a nested call has lost the ring.
                    false => thread_ring::words()?,
                };
                let has_room = |frame| match is_common {
                    true => self.common.has_room(frame),
                    false => thread_ring::has_room(frame),
                };
                let header = self.claims.header();
                match wait::for_room(header, ring, pipe, deadline, longest, has_room) {
                    Waited::Moved => None,
                    Waited::TooLong => Some(Put::Done(Written::Full)),
                    Waited::Gone => Some(Put::Done(Written::Gone)),
                }
            }
        }
    }

    /// Gives up all rings: none of them, or not the common one, can be used.
    #[cold]
    fn lose(&self) -> Option<Put> {
        self.give_back(
            State::Lost,
            &mut Deadline::new(Overflow::BlockFor(LOSE_TIMEOUT)),
        );
        self.end()
    }

    fn give_back(&self, state: State, deadline: &mut Deadline) {
        let mut go_on = || deadline.remaining().is_some();
        if self.claims.give_back(state, &mut go_on) {
            self.common.give_back(go_on);
        }
    }

    /// What becomes of frames that find the rings given back: `None` if they go through the pipe.
    #[cold]
    fn end(&self) -> Option<Put> {
        self.claims.is_lost().then_some(Put::SessionOver)
    }
}
