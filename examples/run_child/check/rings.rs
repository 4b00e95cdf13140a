//! `Rings`: the shared buffer as its reader sees it, with the rules of the words that all writers share.

use std::{
    collections::HashSet,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
        fence,
    },
};

use record_proto::Header;

use super::{
    memory::Memory,
    place::Place,
    ring::{Dropped, Entry, Ring},
    rule::{self, Finding},
};

/// The bell's value at the end.
const CLOSED: u64 = u64::MAX;
/// The first ticket that makes no sense.
const TICKET_LIMIT: u64 = 1 << 63;

/// The bytes of the header, and of a ring's head.
const HEADER: usize = 4096;
const RING_HEAD: usize = 256;
/// The offsets of words in the header.
const BELL: usize = 64;
const TICKET: usize = 256;
const CLAIMED: usize = 384;
/// The offsets of words in a ring's head.
const TAIL: usize = 128;
const DISPATCHED: usize = 192;

#[derive(Debug)]
pub(crate) struct Rings {
    memory: Memory,
    rings: Vec<Ring>,
    bell: u64,
    /// The ticket counter at the last look.
    ticket: u64,
    tickets: HashSet<u64>,
    /// Entries whose tickets were not below the counter that the look had read.
    held_back: Vec<Entry>,
    dropped: Vec<Dropped>,
    /// The words before the rings as the reader has left them. Those of the writers have no meaning here.
    kept: Vec<u64>,
    found: Vec<Finding>,
}

impl Rings {
    pub(crate) fn new(memory: Memory) -> Self {
        let rings = (0..memory.layout().rings()).map(Ring::new).collect();
        let bell = header(&memory).bell.load(Relaxed);
        let kept = head_words(&memory)
            .map(|(_, word)| word.load(Relaxed))
            .collect();
        Self {
            memory,
            rings,
            bell,
            ticket: 1,
            tickets: HashSet::new(),
            held_back: Vec::new(),
            dropped: Vec::new(),
            kept,
            found: Vec::new(),
        }
    }

    /// Returns the buffer's inode.
    pub(crate) fn inode(&self) -> u64 {
        self.memory.inode
    }

    /// Returns the instances of the processes that have a ring now.
    pub(crate) fn holders(&self) -> Vec<u32> {
        self.rings.iter().filter_map(Ring::holder).collect()
    }

    /// Returns what is wrong if rings were used that must not be, or were not used by a program that has ended well.
    pub(crate) fn use_or_disuse(&self, is_sealed: bool, has_ended: bool) -> Option<&'static str> {
        match (is_sealed, self.rings.iter().any(Ring::has_been_used)) {
            (false, true) => Some("a ring of a buffer that could be shortened was used"),
            (true, false) if has_ended => Some("no ring was claimed"),
            _ => None,
        }
    }

    /// Looks at all rings, and returns the entries in the order of their tickets.
    pub(crate) fn look(&mut self) -> Vec<Entry> {
        self.check_words();
        let before = header(&self.memory).ticket.load(SeqCst);
        // The counter is read before the heads: an entry that is not in this look has a higher ticket.
        fence(SeqCst);
        let mut entries = std::mem::take(&mut self.held_back);
        let old = entries.len();
        for (index, ring) in self.rings.iter_mut().enumerate() {
            let words = self.memory.layout().ring(self.memory.words(), index);
            let claimed = || header(&self.memory).claimed.load(Acquire);
            entries.extend(ring.look(words, claimed));
        }
        let after = header(&self.memory).ticket.load(SeqCst);
        self.check_tickets(&entries[old..], before, after);
        self.held_back = entries
            .extract_if(old.., |entry| entry.order >= before)
            .collect();
        entries.sort_by_key(|entry| entry.order);
        self.publish();
        entries
    }

    /// Says that the reader sleeps. It has to look once more.
    pub(crate) fn fall_asleep(&mut self) {
        self.set_bell(self.bell | 1);
    }

    pub(crate) fn wake_up(&mut self) {
        if !self.is_closed() {
            self.set_bell(self.bell.next_multiple_of(2));
        }
    }

    /// Says that the reader reads no more.
    pub(crate) fn close(&mut self) {
        self.set_bell(CLOSED);
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.bell & 1 == 1 && !self.is_closed()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.bell == CLOSED
    }

    /// Returns the place of an entry that came while the reader slept.
    pub(crate) fn entry_in_sleep(&self) -> Option<Place> {
        let words = |index| self.memory.layout().ring(self.memory.words(), index);
        let mut rings = self.rings.iter().enumerate();
        let (_, ring) = rings.find(|(index, ring)| ring.has_moved(words(*index)))?;
        self.is_asleep().then(|| ring.place())
    }

    /// Returns the dropped records that were counted since the last call.
    pub(crate) fn take_dropped(&mut self) -> Vec<Dropped> {
        std::mem::take(&mut self.dropped)
    }

    /// Ends the reading. `has_ended`: the processes have ended in good order.
    pub(crate) fn finish(&mut self, has_ended: bool) -> Vec<Finding> {
        self.check_words();
        for (index, ring) in self.rings.iter_mut().enumerate() {
            if has_ended {
                let words = self.memory.layout().ring(self.memory.words(), index);
                self.dropped.extend(ring.finish(words));
            }
            self.found.extend(ring.take_found());
        }
        std::mem::take(&mut self.found)
    }

    fn publish(&mut self) {
        for (index, ring) in self.rings.iter_mut().enumerate() {
            let words = self.memory.layout().ring(self.memory.words(), index);
            let clear = |mask| {
                // AcqRel: a writer that sees the bit cleared claims the ring afterwards.
                header(&self.memory).claimed.fetch_and(mask, AcqRel);
            };
            self.dropped.extend(ring.publish(words, clear));
            let head = (HEADER + index * RING_HEAD) / 8;
            self.kept[head + TAIL / 8] = ring.tail();
            self.kept[head + DISPATCHED / 8] = ring.position();
        }
    }

    fn set_bell(&mut self, value: u64) {
        self.bell = value;
        header(&self.memory).bell.store(value, SeqCst);
        // A writer that commits after the next look sees the bell.
        fence(SeqCst);
        self.kept[BELL / 8] = value;
    }

    fn check_tickets(&mut self, entries: &[Entry], before: u64, after: u64) {
        let mut find = |place, text| self.found.push(Finding::new(place, &rule::ORDER, text));
        let counter = Place::Word(TICKET as u64);
        if before < self.ticket {
            find(
                counter,
                format!("the counter went from {} back to {before}", self.ticket),
            );
        }
        self.ticket = before;
        for entry in entries {
            let Entry { order, place, .. } = *entry;
            if order >= TICKET_LIMIT {
                find(place, format!("ticket {order:#x}, which makes no sense"));
            } else if order >= after {
                find(place, format!("ticket {order}, but the counter is {after}"));
            } else if order != 0 && !self.tickets.insert(order) {
                find(place, format!("ticket {order} has been there before"));
            }
            let used = self.rings.iter().filter(|ring| ring.has_been_used());
            if order == 0 && (used.count() > 1 || !self.tickets.is_empty()) {
                let text = "no ticket, but there are several writers, or there were tickets";
                find(place, text.to_owned());
            }
        }
    }

    /// Finds words that only the reader may change, or nobody.
    fn check_words(&mut self) {
        for ((offset, word), kept) in head_words(&self.memory).zip(&mut self.kept) {
            let now = word.load(Relaxed);
            if is_writers(offset) || now == *kept {
                continue;
            }
            let text = format!("a word that is not a writer's went from {kept} to {now}");
            let finding = Finding::new(Place::Word(offset as u64), &rule::WORDS, text);
            self.found.push(finding);
            *kept = now;
        }
    }
}

fn header(memory: &Memory) -> Header<'_> {
    memory.layout().header(memory.words())
}

/// Returns the words before the rings, with their offsets.
fn head_words(memory: &Memory) -> impl Iterator<Item = (usize, &AtomicU64)> {
    let heads = HEADER + memory.layout().rings() * RING_HEAD;
    let words = memory.words()[..heads / 8].iter().enumerate();
    words.map(|(index, word)| (index * 8, word))
}

/// Returns whether writers change the word at this offset.
fn is_writers(offset: usize) -> bool {
    match offset {
        ..HEADER => matches!(offset, TICKET | CLAIMED),
        // Head, waiting, owner, released, the five counts of dropped records, and awaited.
        _ => matches!(offset % RING_HEAD, 0 | 8 | 64..120 | 200),
    }
}
