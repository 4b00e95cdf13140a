//! Waiting until the parent has dispatched what stands in the rings.

use std::{
    mem,
    sync::atomic::{
        Ordering::{Acquire, Relaxed, SeqCst},
        fence,
    },
    time::Duration,
};

use record_proto::{Reader, RingWords};

use super::claims::Claims;
use super::wait::LOOK;
use super::{bell, futex};
use crate::transport::{Deadline, Overflow, Pipe, WaitReadError, Written};

/// Waits until the parent has dispatched everything that stands in the rings of this process now.
pub(super) fn wait(claims: &Claims, pipe: &Pipe, timeout: Duration) -> Result<(), WaitReadError> {
    let mut deadline = Deadline::new(Overflow::BlockFor(timeout));
    // Where each ring ends now: what is logged later does not count.
    let ends = claims.own().map(|ring| (ring, ring.head.load(Acquire)));
    for (ring, end) in ends.collect::<Vec<_>>() {
        let mut is_first = true;
        while !is_dispatched(claims, ring, end) {
            wake_parent(claims, pipe, mem::replace(&mut is_first, false))?;
            let left = deadline.remaining().ok_or(WaitReadError::TimedOut)?;
            let dispatched = ring.dispatched.load(Relaxed);
            ring.awaited.fetch_add(1, Relaxed);
            // As in `wait::for_room`: the parent sees this, or what it has dispatched is seen here.
            fence(SeqCst);
            if !is_dispatched(claims, ring, end) {
                futex::sleep(ring.dispatched, dispatched, left.min(LOOK));
            }
            ring.awaited.fetch_sub(1, Relaxed);
        }
    }
    Ok(())
}

/// Whether the parent has dispatched everything up to `end`. It frees a ring, which another process may then claim, only
/// after that.
fn is_dispatched(claims: &Claims, ring: RingWords<'_>, end: u64) -> bool {
    // Acquire: whoever waited sees what the parent did with the records, as far as it is in shared memory.
    let missing = end.wrapping_sub(ring.dispatched.load(Acquire));
    // Positions only grow: a dispatched one beyond the end gives a negative number.
    missing.cast_signed() <= 0 || !claims.is_own(ring)
}

/// Wakes the parent if it sleeps, because a bell may have been lost, and finds out whether it is gone.
fn wake_parent(claims: &Claims, pipe: &Pipe, is_first: bool) -> Result<(), WaitReadError> {
    let written = match claims.header().after_commit(false) {
        Reader::Closed => Written::Gone,
        Reader::Asleep(value) => bell::write(value, pipe),
        Reader::Awake if !is_first && pipe.has_reader() == Some(false) => Written::Gone,
        Reader::Awake => Written::Whole,
    };
    match written {
        Written::Gone => Err(WaitReadError::Gone),
        _ => Ok(()),
    }
}
