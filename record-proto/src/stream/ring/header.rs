//! `Header`: the words of a whole buffer.

use super::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
    compiler_fence, fence,
};
use super::ring_words::RingWords;

/// The bell's value after the reader has stopped for good.
const CLOSED: u64 = u64::MAX;

/// The bell's value in a new buffer: the reader sleeps until its first look. So the writer of the first entry rings, and
/// finds out if nobody will ever read.
const NEVER_AWAKE: u64 = 1;

/// Tickets from here on are refused: somebody has pushed the counter.
const TICKET_LIMIT: u64 = 1 << 63;

/// The words of a whole buffer.
#[derive(Debug, Clone, Copy)]
pub struct Header<'m> {
    /// Counts how often the reader fell asleep and awoke: odd while it sleeps. Only the reader moves it.
    pub bell: &'m AtomicU64,
    /// Not 0 while the reader looks by itself at ticks, and will make the processors of all writers execute a fence
    /// before it sleeps. Only the reader moves it.
    pub ticks: &'m AtomicU64,
    /// The next ticket.
    pub ticket: &'m AtomicU64,
    /// One bit for each ring that is or was in use.
    pub claimed: &'m AtomicU64,
}

/// What a writer finds after it has committed an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// It will look by itself.
    Awake,
    /// It must be woken. The value is a different one each time that it falls asleep.
    Asleep(u64),
    /// It reads no more. Whether it has read the entry is unknown.
    Closed,
}

impl<'m> Header<'m> {
    pub(super) fn begin(self) {
        self.bell.store(NEVER_AWAKE, Relaxed);
        // 0 stands for "no ticket".
        self.ticket.store(1, Relaxed);
    }

    /// Draws a ticket: the order word of one entry. To be called after all foreign code of the log call has run.
    ///
    /// `None` if the counter makes no sense any more.
    #[inline]
    pub fn draw_ticket(self) -> Option<u64> {
        // A log call that returned before this one began has drawn its ticket before: the two calls are ordered by
        // whatever made the one precede the other, and the ticket's modification order agrees with that. AcqRel also
        // orders the ticket before the entry's commit.
        let ticket = self.ticket.fetch_add(1, AcqRel);
        (1..TICKET_LIMIT).contains(&ticket).then_some(ticket)
    }

    /// Returns what the reader does. To be called after each commit.
    ///
    /// `has_barrier`: the reader can make this process execute a fence, as [`BufferReader::tick`] says.
    ///
    /// [`BufferReader::tick`]: super::BufferReader::tick
    #[inline]
    pub fn after_commit(self, has_barrier: bool) -> Reader {
        if has_barrier {
            // The processor may load this word before the commit is visible. If the reader falls asleep after the load,
            // its barrier comes after the load too, and so after the commit, which precedes the load in this program:
            // the look that follows the barrier sees the entry.
            compiler_fence(SeqCst);
            if self.ticks.load(Relaxed) != 0 {
                return Reader::Awake;
            }
        }
        // The reader stores the bell, fences, and looks at the positions. So of the two fences one comes first: either
        // this load sees the reader asleep or closed, or the reader's look sees the entry.
        fence(SeqCst);
        match self.bell.load(Relaxed) {
            CLOSED => Reader::Closed,
            value if value & 1 == 1 => Reader::Asleep(value),
            _ => Reader::Awake,
        }
    }

    /// Returns whether the reader has stopped for good.
    pub fn is_closed(self) -> bool {
        self.bell.load(Relaxed) == CLOSED
    }

    /// Claims a free ring for `owner`, which is not 0. Returns its number.
    pub fn claim<'r>(
        self,
        rings: impl Iterator<Item = RingWords<'r>>,
        owner: u64,
    ) -> Option<usize> {
        for (index, ring) in rings.enumerate() {
            if ring.owner.load(Relaxed) != 0 {
                continue;
            }
            // Acquire: sees everything that the reader did before it freed the ring.
            if ring
                .owner
                .compare_exchange(0, owner, Acquire, Relaxed)
                .is_err()
            {
                continue;
            }
            // A ring that was freed is empty. One that is not was changed by somebody: nobody uses it any more.
            if ring.head.load(Relaxed) != ring.tail.load(Relaxed) {
                continue;
            }
            // Precedes every commit into the ring, so whoever sees the commit's effects sees the bit.
            self.claimed.fetch_or(1 << index, AcqRel);
            return Some(index);
        }
        None
    }

    /// Frees a ring whose writer has released it, after everything in it was dispatched and its counts were taken.
    pub(super) fn free(self, ring: RingWords<'_>, index: usize) {
        ring.released.store(0, Relaxed);
        ring.waiting.store(0, Relaxed);
        // Before the owner is cleared: the bit of the next owner must not be taken away.
        self.claimed.fetch_and(!(1 << index), AcqRel);
        // Release: the words above are the next owner's to change, and its changes must come after these. loom makes all
        // stores to a word in the order of its run, so no model shows that.
        ring.owner.store(0, Release);
    }
}

/// The reader's side of the bell. It trusts only its own copy of the value.
#[derive(Debug)]
pub(super) struct Sleeper {
    value: u64,
    ticks: bool,
}

impl Default for Sleeper {
    fn default() -> Self {
        Self {
            value: NEVER_AWAKE,
            ticks: false,
        }
    }
}

impl Sleeper {
    /// Says that the reader is about to sleep. It must look once more before it does.
    pub(super) fn fall_asleep(&mut self, header: Header<'_>, barrier: impl FnOnce()) {
        // Closed is odd, and stays.
        self.stop(header, self.value | 1, barrier);
    }

    /// Says that the reader looks by itself again.
    pub(super) fn awake(&mut self, header: Header<'_>) {
        if self.value & 1 == 1 && self.value != CLOSED {
            self.set(header, self.value + 1);
        }
    }

    /// Says that the reader looks once more and then never again.
    pub(super) fn close(&mut self, header: Header<'_>, barrier: impl FnOnce()) {
        self.stop(header, CLOSED, barrier);
    }

    /// Says that the reader executes a barrier before it sleeps.
    pub(super) fn tick(&mut self, header: Header<'_>) {
        if !self.ticks && self.value & 1 == 0 {
            self.ticks = true;
            header.ticks.store(1, Relaxed);
        }
    }

    fn stop(&mut self, header: Header<'_>, value: u64, barrier: impl FnOnce()) {
        header.ticks.store(0, Relaxed);
        self.set(header, value);
        // Together with the fence of `after_commit`: whoever commits after the look that follows sees the value.
        fence(SeqCst);
        // For those who found that the reader ticks, and left that fence out.
        if std::mem::take(&mut self.ticks) {
            barrier();
        }
    }

    fn set(&mut self, header: Header<'_>, value: u64) {
        self.value = value;
        header.bell.store(value, Release);
    }
}
