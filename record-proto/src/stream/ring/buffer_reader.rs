//! `BufferReader`: all frames of a buffer, in causal order.

use super::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, SeqCst},
    fence,
};
use super::entry::NO_TICKET;
use super::header::Sleeper;
#[cfg(any(test, record_proto_hooks))]
use super::hooks;
use super::layout::Layout;
use super::ring_reader::{FRAME_BUFFER, RingError, RingReader};
use super::ring_words::RingWords;

/// The one reader of a buffer.
///
/// It works in looks. A look begins with [`look`](Self::look), which reads the positions of all rings. Its entries are
/// handed out in parts, of at most 64 KiB of each ring: [`next`](Self::next) until it returns no frame, then
/// [`publish`](Self::publish), then [`go_on`](Self::go_on) if the look has more.
///
/// Frames come in causal order: if a log call of any writer of this buffer had returned before another began, its frame
/// comes first. For this the look reads the ticket counter first and the positions of the rings afterwards. An entry
/// with a lower ticket than the counter is in the look or was drawn by a log call that has not returned. An entry with a
/// higher one may have a predecessor that the look did not see, so it is held back until the next look.
///
/// What a writer puts into an entry holds nothing back for longer than that: an entry that was there at the last look is
/// handed out, whatever its ticket.
#[derive(Debug)]
pub struct BufferReader {
    layout: Layout,
    rings: Vec<RingReader>,
    /// The rings that have an entry, one bit each.
    active: u64,
    /// The rings that were claimed at the last look, one bit each.
    claimed: u64,
    given_up: Vec<(usize, RingError)>,
    given_up_bits: u64,
    /// The ticket counter at the last look.
    ticket: u64,
    sleeper: Sleeper,
    is_closed: bool,
    run: Option<Run>,
    /// The ring of the next entry, once [`has_next`](Self::has_next) has found it.
    found: Option<usize>,
    /// A frame that is too long for the copy of its ring; empty before the first one.
    long_frame: Vec<u8>,
}

/// The ring whose entries come next, without a look at the others, as long as their order words are below `end`.
#[derive(Debug, Clone, Copy)]
struct Run {
    ring: usize,
    end: u64,
}

/// What comes next; see [`BufferReader::next`].
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A frame, its length included, of the ring with this number.
    Frame(usize, &'a [u8]),
    /// This part of the look was handed out, and there is another one: [`BufferReader::go_on`].
    Part,
    /// Everything that the look found was handed out, except entries that wait for the next look.
    Look,
    /// Everything that the look found was handed out.
    Nothing,
}

impl BufferReader {
    /// Creates the reader of a new buffer.
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            rings: (0..layout.rings()).map(|_| RingReader::default()).collect(),
            active: 0,
            claimed: 0,
            given_up: Vec::new(),
            given_up_bits: 0,
            ticket: 0,
            sleeper: Sleeper::default(),
            is_closed: false,
            run: None,
            found: None,
            long_frame: Vec::new(),
        }
    }

    /// Looks at the ticket counter, and then at the positions of all claimed rings.
    pub fn look(&mut self, words: &[AtomicU64]) {
        if self.is_closed {
            return self.go_on(words);
        }
        (self.run, self.found) = (None, None);
        let header = self.layout.header(words);
        self.ticket = header.ticket.load(SeqCst);
        // The counter is read before every position. A writer draws its ticket before it moves its position.
        fence(SeqCst);
        let all = u64::MAX >> (64 - self.rings.len());
        // A ring whose entries are not all handed out stays in the look, whatever a writer makes of its bit.
        let claimed = header.claimed.load(Acquire) | self.active;
        self.claimed = claimed & all & !self.given_up_bits;
        #[cfg(any(test, record_proto_hooks))]
        {
            self.ticket = hooks::counter(self.ticket);
        }
        self.each_claimed(words, |ring, words| {
            #[cfg(any(test, record_proto_hooks))]
            hooks::pause();
            ring.look(words)
        });
    }

    /// Begins the next part of the same look.
    pub fn go_on(&mut self, words: &[AtomicU64]) {
        (self.run, self.found) = (None, None);
        self.each_claimed(words, |ring, words| ring.go_on(words));
    }

    /// Hands out the next frame.
    #[inline(always)]
    pub fn next(&mut self, words: &[AtomicU64]) -> Next<'_> {
        let Some(index) = self.found.take().or_else(|| self.first(words)) else {
            return match (self.has_part(), self.needs_look()) {
                (true, _) => Next::Part,
                (false, true) => Next::Look,
                (false, false) => Next::Nothing,
            };
        };
        if self.rings[index].is_long() {
            let data = self.layout.data(words, index);
            self.long_frame.resize(FRAME_BUFFER, 0);
            let length = self.rings[index].take_long(data, &mut self.long_frame);
            return Next::Frame(index, &self.long_frame[..length]);
        }
        Next::Frame(index, self.rings[index].take())
    }

    /// Returns whether [`next`](Self::next) has a frame.
    #[inline(always)]
    pub fn has_next(&mut self, words: &[AtomicU64]) -> bool {
        if self.found.is_none() {
            self.found = self.first(words);
        }
        self.found.is_some()
    }

    /// Returns whether the look has more parts than those that were handed out.
    pub fn has_part(&self) -> bool {
        let mut rings = bits(self.active).map(|index| &self.rings[index]);
        rings.any(|ring| self.may_hand_out(ring))
    }

    /// Returns whether entries are left that another look hands out.
    pub fn needs_look(&self) -> bool {
        self.active != 0 && !self.is_closed
    }

    /// Gives room back to the writers, and frees the rings that were released and are empty. To be called when every
    /// frame that was handed out is dispatched.
    ///
    /// Calls `wake` with each position that somebody waits for, and `freed` with the owner of each ring that was freed and
    /// the counts of dropped records that were not [taken](Self::take_dropped) yet. Returns whether any frames were read
    /// since the last call.
    pub fn publish(
        &mut self,
        words: &[AtomicU64],
        mut wake: impl FnMut(&AtomicU64),
        mut freed: impl FnMut(u64, [u64; 5]),
    ) -> bool {
        let (mut moved, mut due, mut ended) = (0_u64, 0, 0);
        for index in bits(self.claimed) {
            let words = self.layout.ring(words, index);
            let ring = &mut self.rings[index];
            moved |= u64::from(ring.publish(words)) << index;
            due |= u64::from(ring.wakes_writers(words)) << index;
            ended |= u64::from(ring.is_at_end()) << index;
        }
        if moved | due | ended == 0 {
            return false;
        }
        // A thread says that it waits, fences, and looks at the position again: it sees the position, or is seen waiting.
        fence(SeqCst);
        for index in bits(moved) {
            let ring = self.layout.ring(words, index);
            if ring.awaited.load(Relaxed) != 0 {
                wake(ring.dispatched);
            }
        }
        for index in bits(due) {
            let ring = self.layout.ring(words, index);
            if ring.waiting.load(Relaxed) != 0 {
                wake(ring.tail);
            }
        }
        for index in bits(ended) {
            let owner = self.layout.ring(words, index).owner.load(Relaxed);
            if let Some(dropped) = self.free_if_released(words, index) {
                freed(owner, dropped);
            }
        }
        moved != 0
    }

    /// Says that the reader is about to sleep. It must look and call [`next`](Self::next) once more before it does.
    ///
    /// `barrier` is called after a [`tick`](Self::tick).
    pub fn fall_asleep(&mut self, words: &[AtomicU64], barrier: impl FnOnce()) {
        self.sleeper.fall_asleep(self.layout.header(words), barrier);
    }

    /// Says that the reader looks by itself again.
    pub fn awake(&mut self, words: &[AtomicU64]) {
        self.sleeper.awake(self.layout.header(words));
    }

    /// Says that the reader goes on looking by itself for a while, for example at ticks.
    ///
    /// Then writers whose system can make their processors execute a fence, when the reader asks for that, leave out
    /// the fence of each record. The reader asks in the `barrier` that it gives to [`fall_asleep`](Self::fall_asleep)
    /// and [`close`](Self::close). A reader that cannot ask must not call this.
    pub fn tick(&mut self, words: &[AtomicU64]) {
        self.sleeper.tick(self.layout.header(words));
    }

    /// Makes the cut: what was committed before is handed out from here on, and nothing else.
    ///
    /// A commit that comes after the cut finds [`Reader::Closed`](super::Reader::Closed). `barrier` is called after a
    /// [`tick`](Self::tick).
    pub fn close(&mut self, words: &[AtomicU64], barrier: impl FnOnce()) {
        if self.is_closed {
            return;
        }
        self.sleeper.close(self.layout.header(words), barrier);
        self.look(words);
        self.is_closed = true;
    }

    /// Returns whether the cut was made.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Returns the rings that made no sense, with the reason.
    pub fn given_up(&self) -> &[(usize, RingError)] {
        &self.given_up
    }

    /// Takes the counts of dropped records, by level, that are new since the last call, with their owners: of all rings
    /// that are or were in use and were not freed, and whose owner is `wanted`.
    pub fn take_dropped(
        &mut self,
        words: &[AtomicU64],
        wanted: impl Fn(u64) -> bool,
    ) -> Vec<(u64, [u64; 5])> {
        let mut taken = Vec::new();
        for index in bits(self.claimed | self.given_up_bits) {
            let ring = self.layout.ring(words, index);
            let owner = ring.owner.load(Relaxed);
            if !wanted(owner) {
                continue;
            }
            let counts = self.rings[index].take_dropped(ring);
            if counts != [0; 5] {
                taken.push((owner, counts));
            }
        }
        taken
    }

    /// Calls `f` with the words of each ring that is or was in use and was not freed.
    pub fn each_ring(&self, words: &[AtomicU64], mut f: impl FnMut(RingWords<'_>)) {
        for index in bits(self.claimed | self.given_up_bits) {
            f(self.layout.ring(words, index));
        }
    }

    /// Returns the ring of the entry that comes next.
    #[inline(always)]
    fn first(&mut self, words: &[AtomicU64]) -> Option<usize> {
        if let Some(run) = self.run
            && self.rings[run.ring].find_copied()
            && self.goes_on(run)
        {
            return Some(run.ring);
        }
        self.find_first(words)
    }

    /// Returns the ring of the entry that comes next, which is not in the copy of the run's ring or not of the run.
    #[inline(never)]
    fn find_first(&mut self, words: &[AtomicU64]) -> Option<usize> {
        if let Some(run) = self.run {
            self.find_next(run.ring, words);
            if self.goes_on(run) {
                return Some(run.ring);
            }
        }
        self.begin_run().map(|run| run.ring)
    }

    /// Finds the next entry of a ring, if one was taken since the last one was found.
    fn find_next(&mut self, index: usize, words: &[AtomicU64]) {
        let ring_words = self.layout.ring(words, index);
        let ring = &mut self.rings[index];
        match ring.find_next(ring_words.data) {
            Ok(()) if ring.is_empty() => self.active &= !(1 << index),
            Ok(()) => {}
            Err(error) => self.give_up(index, ring_words, error),
        }
    }

    /// Returns whether the next entry of the run's ring comes before those of all others, and may be handed out.
    #[inline]
    fn goes_on(&self, run: Run) -> bool {
        let ring = &self.rings[run.ring];
        ring.order().is_some_and(|order| order < run.end) && !ring.is_at_stop()
    }

    /// Finds the ring whose entry comes first among those that may be handed out.
    fn begin_run(&mut self) -> Option<Run> {
        let mut first = None;
        let (mut least, mut second) = (u64::MAX, u64::MAX);
        for index in bits(self.active) {
            let ring = &self.rings[index];
            let Some(order) = ring.order().filter(|_| self.may_hand_out(ring)) else {
                continue;
            };
            if order < least {
                second = least;
                (first, least) = (Some(index), order);
            } else {
                second = second.min(order);
            }
        }
        // If this part of the first ring is over, the others must not overtake it.
        let ring = first.filter(|index| !self.rings[*index].is_at_stop())?;
        // An entry that is handed out whatever its order is a run by itself.
        let end = second.min(self.ticket);
        self.run = Some(Run { ring, end });
        self.run
    }

    /// Returns whether the look knew the entry's ticket, or the entry does not wait for that.
    fn may_hand_out(&self, ring: &RingReader) -> bool {
        let is_known = ring
            .order()
            .is_some_and(|order| order == NO_TICKET || order < self.ticket);
        // At the cut, an entry with an unknown ticket was committed after it.
        is_known || (ring.is_old() && !self.is_closed)
    }

    fn each_claimed(
        &mut self,
        words: &[AtomicU64],
        step: impl Fn(&mut RingReader, RingWords<'_>) -> Result<(), RingError>,
    ) {
        for index in bits(self.claimed) {
            let ring_words = self.layout.ring(words, index);
            match step(&mut self.rings[index], ring_words) {
                Ok(()) if self.rings[index].is_empty() => self.active &= !(1 << index),
                Ok(()) => self.active |= 1 << index,
                Err(error) => self.give_up(index, ring_words, error),
            }
        }
    }

    /// Frees a ring whose writer has released it, if everything in it was handed out. Returns its counts of dropped records.
    fn free_if_released(&mut self, words: &[AtomicU64], index: usize) -> Option<[u64; 5]> {
        let ring = self.layout.ring(words, index);
        // Acquire: sees the last position and all counts.
        let is_released = ring.released.load(Acquire) != 0;
        // The look may have read the position before the last entry.
        if !is_released || !self.rings[index].is_at(ring.head.load(Relaxed)) {
            return None;
        }
        let dropped = self.rings[index].take_dropped(ring);
        self.rings[index].reset_dropped(ring);
        self.claimed &= !(1 << index);
        self.active &= !(1 << index);
        self.layout.header(words).free(ring, index);
        Some(dropped)
    }

    #[cold]
    fn give_up(&mut self, index: usize, ring: RingWords<'_>, error: RingError) {
        self.rings[index].give_up(ring);
        self.given_up.push((index, error));
        self.given_up_bits |= 1 << index;
        self.claimed &= !(1 << index);
        self.active &= !(1 << index);
        // It may be the ring of the run.
        self.run = None;
    }
}

/// Returns the positions of the bits that are set.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(bit)
    })
}
