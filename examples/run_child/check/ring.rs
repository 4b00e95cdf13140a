//! `Ring`: one ring of the shared buffer, with the rules of its head and of its entries.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use record_proto::{DEFAULT_MAX_FRAME_LENGTH, HEAD_LENGTH, RingWords};

use super::{
    place::Place,
    rule::{self, Finding, Rule},
};

/// The order that stands for the rest of the ring.
const JUMP: u64 = u64::MAX;
/// The tail of a ring that is read no more.
const GIVEN_UP: u64 = 1 << 63;
/// The bytes of an entry before its frame.
const ORDER: u64 = 8;

/// The owner of a ring is this and its instance.
const OWNED: u64 = 1 << 32;

/// One frame in a ring.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) order: u64,
    /// Where the entry begins.
    pub(crate) place: Place,
    /// The instance of the ring's owner.
    pub(crate) instance: u32,
    pub(crate) payload: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Ring {
    index: usize,
    /// The position of the next entry.
    position: u64,
    /// The head at the last look.
    head: u64,
    /// The instance of the owner at the last look.
    instance: Option<u32>,
    is_claimed: bool,
    is_released: bool,
    has_been_used: bool,
    is_given_up: bool,
    last_order: u64,
    found: Vec<Finding>,
}

impl Ring {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            position: 0,
            head: 0,
            instance: None,
            is_claimed: false,
            is_released: false,
            has_been_used: false,
            is_given_up: false,
            last_order: 0,
            found: Vec::new(),
        }
    }

    /// Returns the instance of the process that has the ring, unless it was given back.
    pub(crate) fn holder(&self) -> Option<u32> {
        self.instance.filter(|_| !self.is_released)
    }

    pub(crate) fn has_been_used(&self) -> bool {
        self.has_been_used
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Returns the tail that the writer sees.
    pub(crate) fn tail(&self) -> u64 {
        match self.is_given_up {
            true => GIVEN_UP,
            false => self.position,
        }
    }

    /// Where an entry comes next.
    pub(crate) fn place(&self) -> Place {
        Place::Ring(self.index, self.position)
    }

    /// Returns whether there are entries that no look has seen.
    pub(crate) fn has_moved(&self, words: RingWords<'_>) -> bool {
        !self.is_given_up && words.head.load(Acquire) != self.head
    }

    /// Reads the words of the writer; `claimed` is read after the head.
    pub(crate) fn look(&mut self, words: RingWords<'_>, claimed: impl Fn() -> u64) -> Vec<Entry> {
        if self.is_given_up {
            return Vec::new();
        }
        // Acquire: a head that is read after it is the last one.
        let is_released = words.released.load(Acquire) != 0;
        // Acquire: sees the entries before the head, and what their writer did before.
        let head = words.head.load(Acquire);
        let has_moved = head != self.head;
        let (bit, owner) = (claimed() >> self.index & 1 != 0, words.owner.load(Relaxed));
        self.check_claim(bit, owner, has_moved);
        self.is_released = is_released;
        if self.check_head(words, head) {
            return self.entries(words);
        }
        Vec::new()
    }

    /// Frees the room of everything that was read, and the ring if it was given back. Returns the dropped records that
    /// its owner has counted then.
    pub(crate) fn publish(&mut self, words: RingWords<'_>, clear: impl Fn(u64)) -> Option<Dropped> {
        words.dispatched.store(self.position, Release);
        // Release: the loads of the entries come before the stores of those that take their place.
        words.tail.store(self.tail(), Release);
        let is_free = self.is_released && !self.is_given_up;
        let instance = self.instance.filter(|_| is_free)?;
        let counts = words.dropped.iter().map(|count| count.swap(0, Relaxed));
        let dropped = Dropped {
            instance,
            counts: counts.collect(),
        };
        words.released.store(0, Relaxed);
        words.waiting.store(0, Relaxed);
        clear(!(1 << self.index));
        // Release: whoever claims the ring sees it empty.
        words.owner.store(0, Release);
        (self.instance, self.is_claimed, self.is_released) = (None, false, false);
        Some(dropped)
    }

    /// Returns everything that was found.
    pub(crate) fn take_found(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.found)
    }

    /// Ends the reading: a process that has ended in good order gives its rings back.
    pub(crate) fn finish(&mut self, words: RingWords<'_>) -> Option<Dropped> {
        let instance = self.holder().filter(|_| !self.is_given_up)?;
        let text = format!("instance {instance:08x} has ended and has not given it back");
        self.find(&rule::RELEASE, self.place(), text);
        let counts = words.dropped.iter().map(|count| count.load(Relaxed));
        Some(Dropped {
            instance,
            counts: counts.collect(),
        })
    }

    fn check_claim(&mut self, bit: bool, owner: u64, has_moved: bool) {
        let instance = u32::try_from(owner.wrapping_sub(OWNED)).ok();
        let is_back = has_moved && owner == 0 && self.has_been_used;
        let wrong = match self.instance {
            _ if owner != 0 && instance.is_none() => "an owner that is not 2^32 + an instance",
            Some(before) if instance != Some(before) => "the owner has changed",
            _ if is_back => "an entry after the ring was given back",
            _ if has_moved && owner == 0 => "an entry in a ring without an owner",
            _ if has_moved && !bit => "an entry before the ring's bit in claimed",
            _ if self.is_claimed && !bit => "the ring's bit in claimed is gone",
            _ => "",
        };
        let rule = match is_back {
            true => &rule::RELEASE,
            false => &rule::CLAIM,
        };
        if !wrong.is_empty() {
            self.find(rule, self.place(), wrong);
        }
        self.instance = instance;
        self.is_claimed = bit;
        self.has_been_used |= has_moved || owner != 0;
    }

    /// Takes the new head. Returns whether it can be one.
    fn check_head(&mut self, words: RingWords<'_>, head: u64) -> bool {
        let size = size_of_val(words.data) as u64;
        let wrong = match head {
            _ if head < self.head => Some("which is less than before".to_owned()),
            _ if !head.is_multiple_of(8) => Some("which is no multiple of 8".to_owned()),
            _ if head - self.position > size => Some(format!(
                "which is more than the ring's {size} bytes after the tail"
            )),
            _ => None,
        };
        if let Some(why) = wrong {
            let text = format!("the head went from {} to {head}, {why}", self.head);
            self.give_up(&rule::HEAD, self.place(), text);
            return false;
        }
        self.head = head;
        true
    }

    fn entries(&mut self, words: RingWords<'_>) -> Vec<Entry> {
        let mut entries = Vec::new();
        while self.position < self.head && !self.is_given_up {
            entries.extend(self.entry(words));
        }
        entries
    }

    fn entry(&mut self, words: RingWords<'_>) -> Option<Entry> {
        let size = size_of_val(words.data) as u64;
        let word = |position: u64| words.data[(position % size) as usize / 8].load(Relaxed);
        if word(self.position) == JUMP && !self.jump(size) {
            return None;
        }
        let (start, order) = (self.position, word(self.position));
        let place = self.place();
        let [a, b, c, d, ..] = word(start + ORDER).to_ne_bytes();
        let payload = u64::from(u32::from_be_bytes([a, b, c, d]));
        let frame = payload + HEAD_LENGTH as u64;
        let end = start + ORDER + frame.next_multiple_of(8);
        let wrong = match end {
            _ if payload > DEFAULT_MAX_FRAME_LENGTH as u64 => Some("above 64 KiB of payload"),
            _ if frame > size / 4 => Some("above a quarter of the ring"),
            _ if start % size + (end - start) > size => Some("which passes the ring's end"),
            _ if end > self.head => Some("which passes the head"),
            _ => None,
        };
        if let Some(why) = wrong {
            let text = format!("a frame of {frame} bytes, {why}");
            self.give_up(&rule::ENTRY, place, text);
            return None;
        }
        self.position = end;
        self.check_order(order, place);
        let bytes = (start + ORDER..end)
            .step_by(8)
            .map(|at| word(at).to_ne_bytes());
        let mut payload: Vec<u8> = bytes.flatten().skip(HEAD_LENGTH).collect();
        payload.truncate(frame as usize - HEAD_LENGTH);
        Some(Entry {
            order,
            place,
            instance: self.instance.unwrap_or_default(),
            payload,
        })
    }

    /// Goes on at the ring's start. Returns whether that makes sense.
    fn jump(&mut self, size: u64) -> bool {
        let start = self.position.next_multiple_of(size);
        let wrong = match start {
            _ if start == self.position => "a jump at the start of the ring",
            _ if start >= self.head => "a jump without the entry after it",
            _ => {
                self.position = start;
                return true;
            }
        };
        self.give_up(&rule::JUMP, self.place(), wrong);
        false
    }

    fn check_order(&mut self, order: u64, place: Place) {
        if order != 0 && order <= self.last_order {
            let text = format!("ticket {order} after {} in one ring", self.last_order);
            self.find(&rule::ORDER, place, text);
        }
        self.last_order = order.max(self.last_order);
    }

    fn give_up(&mut self, rule: &'static Rule, place: Place, text: impl Into<String>) {
        self.is_given_up = true;
        self.find(rule, place, text);
    }

    fn find(&mut self, rule: &'static Rule, place: Place, text: impl Into<String>) {
        self.found.push(Finding::new(place, rule, text));
    }
}

/// The records that a process has dropped, as it counts them in a ring.
#[derive(Debug)]
pub(crate) struct Dropped {
    pub(crate) instance: u32,
    pub(crate) counts: Vec<u64>,
}
