//! `ThreadRing`: the ring of one thread.

use std::cell::RefCell;

use record_proto::RingWords;

use super::claims::Claims;
use super::ring::{InRing, Ring};
use crate::transport::LateFrame;

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
pub(super) enum Own {
    Put(InRing),
    /// The thread has no ring, or is ending.
    None,
    /// The call is nested in another one of this thread, which is using the ring.
    Nested,
    /// The rings were retired.
    Retired,
}

/// Puts a frame into the ring of this thread. Claims one first if it has none.
#[inline(always)]
pub(super) fn put(claims: &'static Claims, frame: &mut impl LateFrame) -> Own {
    OWN.try_with(|own| {
        let Ok(mut own) = own.try_borrow_mut() else {
            return Own::Nested;
        };
        match &mut *own {
            Some(own) if std::ptr::eq(own.claims, claims) => own.put(frame),
            other => other.insert(ThreadRing::claim(claims)).put(frame),
        }
    })
    // The thread is ending.
    .unwrap_or(Own::None)
}

/// Returns the words of this thread's ring.
pub(super) fn words() -> Option<RingWords<'static>> {
    let words = OWN.try_with(|own| Some(own.try_borrow().ok()?.as_ref()?.ring.as_ref()?.words()));
    words.ok().flatten()
}

/// Whether this thread's ring has room for a frame of this many bytes. Also `true` if waiting is no use: the thread is
/// using the ring, has none any more, or has one that can never be used again.
pub(super) fn has_room(frame: usize) -> bool {
    let has_room = OWN.try_with(|own| {
        let mut own = own.try_borrow_mut().ok()?;
        Some(own.as_mut()?.ring.as_mut()?.has_room(frame))
    });
    has_room.ok().flatten().unwrap_or(true)
}

impl ThreadRing {
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
