//! `Rings`: the reader of a shared buffer. It looks, hands out frames, and sleeps.

use std::{
    io,
    os::fd::OwnedFd,
    process,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll, ready},
    time::Instant,
};

use record_proto::{BufferReader, HEAD_LENGTH, Layout, Next};

use super::dropped_counts::DroppedCounts;
use super::ring_pacing::{Found, RingPacing};
use super::ticks::Ticks;
use crate::sys::shared_memory::{SharedMemory, membarrier, wake_all};

/// The first byte of the payload of a hello.
const HELLO: u8 = 0;

/// After a look that found so many bytes, there probably are more.
const MANY_BYTES: usize = 64 * 1024;

/// The number of rings that [`Rings::reasons`] names.
const MAX_REASONS: usize = 8;

/// The frames that a child and its relatives leave in a shared buffer.
#[derive(Debug)]
pub(crate) struct Rings {
    pub(super) memory: SharedMemory,
    pub(super) layout: Layout,
    reader: BufferReader,
    phase: Phase,
    pacing: RingPacing,
    /// The frames that were handed out since the look.
    found: Found,
    ticks: Ticks,
    dropped: DroppedCounts,
    /// The report that was handed out last.
    report: Vec<u8>,
    /// The process that looked last. Another one that only drops this value, because it was forked or because it forked
    /// the one that reads, must change nothing.
    reader_pid: Option<u32>,
    /// Whether writers may leave fences to this reader while it ticks.
    has_barrier: bool,
    was_used: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The last look may have found frames that were not handed out.
    HandingOut,
    /// Everything that the look found was handed out. The next one is due at once, because there are frames that it hands
    /// out, or because the last one found many.
    LookDue,
    /// Everything was handed out.
    Empty,
    /// The same, and the writers know that the reader sleeps.
    Asleep,
    /// The cut was made, and everything before it was handed out.
    Ended,
}

impl Rings {
    /// Makes a buffer whose rings have together at most `bytes`.
    ///
    /// # Errors
    ///
    /// Returns an error if that is too little for a ring, or if the system refuses the memory.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        let layout = Layout::within(bytes).ok_or(io::Error::other("it would be below 32 KiB"))?;
        let memory = SharedMemory::new(layout.bytes())?;
        // Before anything is written: a system that refuses these pages would kill the process there.
        memory.populate(layout.data_begin())?;
        layout.write(memory.words());
        Ok(Self {
            memory,
            layout,
            reader: BufferReader::new(layout),
            phase: Phase::Empty,
            pacing: RingPacing::default(),
            found: Found::default(),
            ticks: Ticks::default(),
            dropped: DroppedCounts::default(),
            report: Vec::new(),
            reader_pid: None,
            has_barrier: membarrier::exists(),
            was_used: false,
        })
    }

    /// Returns the buffer's descriptor, which the child gets.
    pub(crate) fn take_fd(&mut self) -> Option<OwnedFd> {
        self.memory.take_fd()
    }

    /// Looks for new frames, unless some of the last look are left. Returns whether there are any.
    pub(crate) fn look(&mut self) -> bool {
        if matches!(self.phase, Phase::Empty | Phase::Asleep | Phase::LookDue) {
            self.reader_pid.get_or_insert_with(process::id);
            self.reader.awake(self.memory.words());
            self.begin_look();
        }
        self.has_payload()
    }

    /// Looks, if the reader slept. Returns whether there are frames: they are there when a bell has woken the reader.
    pub(crate) fn look_after_sleep(&mut self) -> bool {
        self.phase == Phase::Asleep && self.look()
    }

    /// Makes the cut: from now on, only the frames that were committed before are handed out. Whoever waits for room, or
    /// for frames to be read, is woken and finds that.
    pub(crate) fn close(&mut self) {
        if self.reader.is_closed() {
            return;
        }
        let words = self.memory.words();
        self.reader
            .close(words, membarrier::in_registered_processes);
        self.phase = Phase::HandingOut;
        self.reader.each_ring(words, |ring| {
            wake_all(ring.tail);
            wake_all(ring.dispatched);
        });
    }

    /// Returns whether [`next_payload`](Self::next_payload) has one. To be called when everything that was handed out is
    /// dispatched: gives the room of each part of a look back after its last frame.
    #[inline(always)]
    pub(crate) fn has_payload(&mut self) -> bool {
        self.has_frame() || self.has_payload_after_part()
    }

    #[inline(always)]
    fn has_frame(&mut self) -> bool {
        self.phase == Phase::HandingOut && self.reader.has_next(self.memory.words())
    }

    #[inline(never)]
    fn has_payload_after_part(&mut self) -> bool {
        while self.phase == Phase::HandingOut && !self.has_frame() {
            self.end_part();
        }
        self.phase == Phase::HandingOut || !self.dropped.is_empty()
    }

    /// Returns whether frames keep coming: some are to be handed out, or the next look is made at a tick.
    pub(crate) fn are_busy(&mut self) -> bool {
        self.has_payload() || self.pacing.is_awake(Instant::now())
    }

    /// Hands out the next payload of this look.
    #[inline(always)]
    pub(crate) fn next_payload(&mut self) -> Option<&[u8]> {
        if self.phase != Phase::HandingOut {
            self.report = self.dropped.take()?;
            return Some(&self.report);
        }
        let words = self.memory.words();
        let Next::Frame(_, frame) = self.reader.next(words) else {
            return None;
        };
        self.found.bytes += frame.len();
        self.found.frames += 1;
        let payload = frame.get(HEAD_LENGTH..)?;
        if payload.first() == Some(&HELLO) {
            let rings = (0..self.layout.rings()).map(|ring| self.layout.ring(words, ring));
            let owners = rings.map(|ring| ring.owner.load(Relaxed));
            self.dropped.note_hello(payload, owners);
        }
        Some(payload)
    }

    /// Gives the room of the frames that were handed out so far back, and says that they are dispatched.
    pub(crate) fn publish(&mut self) {
        let dropped = &mut self.dropped;
        self.was_used |= self
            .reader
            .publish(self.memory.words(), wake_all, |owner, counts| {
                dropped.report(owner, counts);
            });
    }

    /// Returns whether any frame came out of the rings.
    pub(crate) fn was_used(&self) -> bool {
        self.was_used
    }

    /// Returns whether everything before the cut was handed out.
    pub(crate) fn has_ended(&self) -> bool {
        self.phase == Phase::Ended && self.dropped.is_empty()
    }

    /// Returns why rings were given up, for the first few of them.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let given_up = self.reader.given_up().iter().take(MAX_REASONS);
        given_up
            .map(|(ring, error)| {
                format!("ring {ring} of the shared buffer makes no sense: {error}")
            })
            .collect()
    }

    /// Makes the next look when it is due. Ready if it found frames, or if there will be no more looks.
    ///
    /// While frames keep coming, looks are made at ticks. Otherwise the reader says that it sleeps: the child that logs
    /// next writes a bell into the pipe, and the reader of the pipe wakes this task.
    pub(crate) fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.reader_pid.get_or_insert_with(process::id);
        loop {
            match self.phase {
                Phase::Ended => return Poll::Ready(()),
                Phase::LookDue => {}
                _ if !self.pacing.is_awake(Instant::now()) => break,
                _ => match self.ticks.poll(cx) {
                    Some(tick) => ready!(tick),
                    None => break,
                },
            }
            if self.look() {
                return Poll::Ready(());
            }
        }
        match self.look_asleep() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Says that the reader sleeps, and looks once more. Returns whether that found frames.
    fn look_asleep(&mut self) -> bool {
        let words = self.memory.words();
        // Writers may have answered the value of the last sleep already.
        self.reader.awake(words);
        self.reader
            .fall_asleep(words, membarrier::in_registered_processes);
        self.report_drops(false);
        self.begin_look();
        let has_found = self.has_payload() || self.phase == Phase::LookDue;
        if has_found {
            self.reader.awake(self.memory.words());
        } else if self.phase == Phase::Empty {
            self.phase = Phase::Asleep;
        }
        has_found
    }

    fn begin_look(&mut self) {
        self.reader.look(self.memory.words());
        self.found = Found::default();
        self.phase = Phase::HandingOut;
    }

    /// Every frame of a part of the look was handed out: gives the room back, and begins the next part.
    fn end_part(&mut self) {
        self.publish();
        if self.reader.has_part() {
            return self.reader.go_on(self.memory.words());
        }
        if self.found.bytes > 0 {
            let now = Instant::now();
            let is_hot = self.pacing.on_frames(self.found, now);
            if is_hot && self.has_barrier {
                self.reader.tick(self.memory.words());
            }
            if self.dropped.is_due(now) {
                self.report_drops(false);
            }
        }
        if self.reader.is_closed() {
            self.report_drops(true);
            self.phase = Phase::Ended;
            return;
        }
        let is_due = self.reader.needs_look() || self.found.bytes >= MANY_BYTES;
        self.phase = match is_due {
            true => Phase::LookDue,
            false => Phase::Empty,
        };
    }

    /// Reports the new drops in rings that were not given back: those of sessions whose hello was read, or of `all`.
    fn report_drops(&mut self, all: bool) {
        let dropped = &self.dropped;
        let is_wanted = |owner| all || dropped.knows(owner);
        for (owner, counts) in self.reader.take_dropped(self.memory.words(), is_wanted) {
            self.dropped.report(owner, counts);
        }
    }
}

/// Tells the writers that nobody reads any more. If nobody ever looked, the bell's word still says that the reader
/// sleeps: a writer then finds the pipe without a reader when it rings.
impl Drop for Rings {
    fn drop(&mut self) {
        if self.reader_pid == Some(process::id()) {
            self.close();
        }
    }
}
