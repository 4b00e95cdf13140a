//! `ProcessRings`: what one process has claimed of a shared buffer. `ThreadRing`: the ring of one of its threads.

use std::{cell::RefCell, ptr, time::Duration};

use record_proto::{Reader, RingWords};

use super::bell;
use super::claims::{Claims, State};
use super::common_ring::CommonRing;
use super::mapping::Mapping;
use super::ring::{InRing, Ring};
use super::wait::{self, Waited};
use crate::transport::{Deadline, LateFrame, Overflow, Pipe, Written};

/// How long to wait for threads that are writing into their rings, if those are lost.
const LOSE_TIMEOUT: Duration = Duration::from_millis(100);

/// The rings of one process: a common one, and one for each thread as long as there are free ones.
///
/// It belongs to the process that made it: a forked child makes its own.
#[derive(Debug)]
pub(crate) struct ProcessRings {
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
    pub(crate) fn put(
        &'static self,
        frame: &mut impl LateFrame,
        pipe: &Pipe,
        deadline: &mut Deadline,
    ) -> Option<Written> {
        loop {
            if !self.claims.is_of_this_process() {
                return Some(Written::SessionOver);
            }
            let (in_ring, is_common) = match ThreadRing::put_own(&self.claims, frame) {
                Own::Put(InRing::Committed(Reader::Awake)) => {
                    return Some(Written::Whole);
                }
                Own::Put(in_ring) => (in_ring, false),
                Own::None => match self.put_in_common(frame) {
                    Ok(in_ring) => (in_ring, true),
                    Err(put) => return put,
                },
                Own::Nested => return Some(Written::Full),
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
    fn put_in_common(&self, frame: &mut dyn LateFrame) -> Result<InRing, Option<Written>> {
        match self.common.put(frame) {
            Ok(Some(in_ring)) => Ok(in_ring),
            Ok(None) => Err(self.end()),
            Err(_) => Err(Some(Written::Full)),
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
    ) -> Option<Written> {
        match in_ring {
            InRing::Committed(Reader::Awake) => Some(Written::Whole),
            InRing::Committed(Reader::Asleep(value)) => Some(bell::write(value, pipe)),
            InRing::Committed(Reader::Closed) => Some(Written::Gone),
            InRing::Unread => Some(match pipe.has_reader() {
                Some(false) => Written::Gone,
                _ => Written::Whole,
            }),
            InRing::TooLong(longest) => Some(Written::TooLong(longest)),
            InRing::Broken | InRing::NoTicket => None,
            InRing::Full => {
                let ring = match is_common {
                    true => self.common.words(),
                    // `None` after a nested call has lost the ring.
                    false => ThreadRing::words()?,
                };
                let has_room = |frame| match is_common {
                    true => self.common.has_room(frame),
                    false => ThreadRing::has_room(frame),
                };
                let header = self.claims.header();
                match wait::for_room(header, ring, pipe, deadline, longest, has_room) {
                    Waited::Moved => None,
                    Waited::TooLong => Some(Written::Full),
                    Waited::Gone => Some(Written::Gone),
                }
            }
        }
    }

    /// Gives up all rings: none of them, or not the common one, can be used.
    #[cold]
    fn lose(&self) -> Option<Written> {
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
    fn end(&self) -> Option<Written> {
        self.claims.is_lost().then_some(Written::SessionOver)
    }
}

thread_local! {
    static OWN: RefCell<Option<ThreadRing>> = const { RefCell::new(None) };
}

/// The ring of one thread, which goes back at the thread's end.
#[derive(Debug)]
struct ThreadRing {
    claims: &'static Claims,
    /// `None` if there was no free one, or if it became unusable.
    ring: Option<Ring>,
    /// The bits of the claimed rings when there was no free one.
    claimed: u64,
}

/// What became of a frame for the thread's own ring.
enum Own {
    Put(InRing),
    /// The thread has no ring, or is ending.
    None,
    /// The call is nested in another one of this thread, which is using the ring.
    Nested,
    /// The rings were retired.
    Retired,
}

impl ThreadRing {
    /// Puts a frame into the ring of this thread. Claims one first if it has none.
    #[inline(always)]
    fn put_own(claims: &'static Claims, frame: &mut impl LateFrame) -> Own {
        OWN.try_with(|own| {
            let Ok(mut own) = own.try_borrow_mut() else {
                return Own::Nested;
            };
            let own = match &mut *own {
                Some(own) if ptr::eq(own.claims, claims) => own,
                other => other.insert(Self::claim(claims)),
            };
            // In one place only, so that all of it is inlined into the log call.
            own.put(frame)
        })
        // The thread is ending.
        .unwrap_or(Own::None)
    }

    /// Returns the words of this thread's ring.
    fn words() -> Option<RingWords<'static>> {
        let words =
            OWN.try_with(|own| Some(own.try_borrow().ok()?.as_ref()?.ring.as_ref()?.words()));
        words.ok().flatten()
    }

    /// Whether this thread's ring has room for a frame of this many bytes. Also `true` if waiting is no use: the thread is
    /// using the ring, has none any more, or has one that can never be used again.
    fn has_room(frame: usize) -> bool {
        let has_room = OWN.try_with(|own| {
            let mut own = own.try_borrow_mut().ok()?;
            Some(own.as_mut()?.ring.as_mut()?.has_room(frame))
        });
        has_room.ok().flatten().unwrap_or(true)
    }

    #[cold]
    fn claim(claims: &'static Claims) -> Self {
        let claimed = claims.claimed();
        Self {
            claims,
            ring: claims.claim_for_thread(),
            claimed,
        }
    }

    #[inline(always)]
    fn put(&mut self, frame: &mut impl LateFrame) -> Own {
        let claims = self.claims;
        // Without a ring, it tries again once the parent has freed one.
        if self.ring.is_none() && claims.claimed() != self.claimed {
            *self = Self::claim(claims);
        }
        let Some(ring) = &mut self.ring else {
            return Own::None;
        };
        let Some(access) = claims.enter(ring.index()) else {
            return Own::Retired;
        };
        let in_ring = ring.put(frame);
        if in_ring == InRing::Broken {
            // Its words may be another process's by now.
            access.forget();
            self.ring = None;
            return Own::None;
        }
        access.leave();
        Own::Put(in_ring)
    }
}

impl Drop for ThreadRing {
    fn drop(&mut self) {
        let Some(ring) = self.ring.take() else {
            return;
        };
        // In a forked child, the ring is still the parent's. After a retirement, it was given back.
        if self.claims.is_of_this_process()
            && let Some(access) = self.claims.enter(ring.index())
        {
            ring.release();
            access.forget();
        }
    }
}
