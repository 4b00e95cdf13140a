//! The bell: a frame in the pipe that wakes a parent that sleeps.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use crate::transport::{Pipe, Written};

/// The bell's frame: its length, the kind, and no fields.
const BELL: &[u8] = &[0, 0, 0, 2, 5, 0x90];

/// How long after a bell the same sleep is answered by another one. Somebody else may have read the first one.
const AGAIN: Duration = Duration::from_millis(100);

thread_local! {
    /// The value of the bell's word for which this thread rang last, and when.
    static RUNG: Cell<Option<(u64, Instant)>> = const { Cell::new(None) };
}

/// Wakes the parent, which fell asleep with this value of the bell's word. Returns [`Written::Gone`] if it is gone.
#[cold]
pub(super) fn ring(asleep: u64, pipe: &Pipe) -> Written {
    let now = Instant::now();
    if let Some((value, at)) = RUNG.get()
        && value == asleep
        && now
            .checked_duration_since(at)
            .is_some_and(|passed| passed < AGAIN)
    {
        return Written::Whole;
    }
    let written = pipe.write_bell(BELL);
    if written == Written::Gone {
        return Written::Gone;
    }
    // The record is in the ring, whatever became of the bell.
    RUNG.set(Some((asleep, now)));
    Written::Whole
}
