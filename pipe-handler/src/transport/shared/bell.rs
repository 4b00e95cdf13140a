//! The bell: a frame in the pipe that wakes a parent that sleeps.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use crate::transport::{Deadline, Pipe, Written};

/// The bell's frame: its length, the kind, and no fields.
const BELL: &[u8] = &[0, 0, 0, 2, 5, 0x90];

/// How long after a bell the same sleep is answered by another one. Somebody else may have read the first one.
const AGAIN: Duration = Duration::from_millis(100);

thread_local! {
    /// The value of the bell's word for which this thread wrote the last bell, and when.
    static LAST: Cell<Option<(u64, Instant)>> = const { Cell::new(None) };
}

/// Wakes the parent, which fell asleep with this value of the bell's word. Returns [`Written::Gone`] if it is gone, and
/// else [`Written::Whole`]: the record that the bell announces is in the ring.
#[cold]
pub(super) fn write(asleep: u64, pipe: &Pipe) -> Written {
    let now = Instant::now();
    let is_answered = LAST.get().is_some_and(|(value, at)| {
        let passed = now.checked_duration_since(at);
        value == asleep && passed.is_some_and(|passed| passed < AGAIN)
    });
    if is_answered {
        return Written::Whole;
    }
    match write_bell(pipe) {
        Written::Gone => Written::Gone,
        // A full pipe wakes the parent too. A process without its pipe can wake nobody.
        _ => {
            LAST.set(Some((asleep, now)));
            Written::Whole
        }
    }
}

/// Writes a bell without waiting. Returns [`Written::Gone`] only if the pipe is there and has no reader.
fn write_bell(pipe: &Pipe) -> Written {
    // Under a number that was closed and used again, a bell would be written into somebody's file.
    if !pipe.end.is_ours() {
        return Written::Full;
    }
    match pipe.write(BELL, &mut Deadline::no_wait()) {
        Written::Gone if pipe.has_reader() != Some(false) => Written::Full,
        written => written,
    }
}
