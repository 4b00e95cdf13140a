//! Waiting until the parent has read a part of a ring.

use std::{
    cell::Cell,
    ptr,
    sync::atomic::{
        Ordering::{Relaxed, SeqCst},
        fence,
    },
    time::{Duration, Instant},
};

use record_proto::{Header, Reader, RingWords};

use super::{bell, futex};
use crate::transport::{Deadline, Pipe, Written};

/// How long to sleep before the parent is looked for.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// How long the tail may stand still before a process without its pipe takes the parent for gone.
const STILL: Duration = Duration::from_secs(1);

/// The end of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// There may be room.
    Moved,
    /// The deadline was too short.
    TooLong,
    /// There is no parent any more.
    Gone,
}

/// What a thread knows about the full ring that it found last.
#[derive(Debug, Clone, Copy)]
struct Watch {
    /// The address of the ring's tail, which tells the rings apart.
    ring: usize,
    tail: u64,
    /// When the tail had this value first.
    moved: Instant,
    /// When the parent was looked for last.
    looked: Instant,
}

thread_local! {
    /// Kept from one record to the next: also records that do not wait find out that there is no parent.
    static WATCH: Cell<Option<Watch>> = const { Cell::new(None) };
}

/// Waits until a full ring has room again. `has_room` returns whether it has room for a frame of so many bytes, or for
/// the longest one.
///
/// Room for the longest frame ends the wait, and after a sleep also room for `frame` bytes. A thread that went on after
/// each move of the tail would write a few records and wait again, with a system call each time.
pub(super) fn for_room(
    header: Header<'_>,
    ring: RingWords<'_>,
    pipe: &Pipe,
    deadline: &mut Deadline,
    frame: usize,
    has_room: impl Fn(usize) -> bool,
) -> Waited {
    loop {
        let mut watch = Watch::begin(ring);
        let is_gone = watch.is_gone(pipe);
        WATCH.set(Some(watch));
        // A parent that sleeps is woken again from time to time: nobody commits anything in a full ring, so nobody else
        // does it if the first bell was lost.
        let is_gone = is_gone
            || match header.after_commit(false) {
                Reader::Awake => false,
                Reader::Asleep(value) => bell::write(value, pipe) == Written::Gone,
                Reader::Closed => true,
            };
        if is_gone {
            return Waited::Gone;
        }
        let Some(left) = deadline.remaining() else {
            return Waited::TooLong;
        };
        // Several threads may wait for room in the common ring.
        ring.waiting.fetch_add(1, Relaxed);
        // The parent moves the tail, fences, and looks whether somebody waits: it sees this, or the tail is seen here.
        fence(SeqCst);
        // Loaded before the room is looked at: if the tail moves after that, the sleep ends at once.
        let tail = ring.tail.load(Relaxed);
        let is_over = has_room(usize::MAX)
            || futex::sleep(ring.tail, tail, left.min(LOOK)) && has_room(frame);
        ring.waiting.fetch_sub(1, Relaxed);
        if is_over {
            return Waited::Moved;
        }
    }
}

impl Watch {
    /// Goes on with what this thread knows about the ring.
    fn begin(ring: RingWords<'_>) -> Self {
        let tail = ring.tail.load(Relaxed);
        let now = Instant::now();
        let address = ptr::from_ref(ring.tail).addr();
        match WATCH.get().filter(|watch| watch.ring == address) {
            Some(watch) if watch.tail == tail => watch,
            // It is not looked for at once: it has just read something, or so it seems.
            Some(watch) => Self {
                tail,
                moved: now,
                ..watch
            },
            None => Self {
                ring: address,
                tail,
                moved: now,
                looked: now,
            },
        }
    }

    /// Looks for the parent if that was not done for a while.
    fn is_gone(&mut self, pipe: &Pipe) -> bool {
        let now = Instant::now();
        if now.saturating_duration_since(self.looked) < LOOK {
            return false;
        }
        self.looked = now;
        match pipe.has_reader() {
            Some(has_reader) => !has_reader,
            None => now.saturating_duration_since(self.moved) >= STILL,
        }
    }
}
