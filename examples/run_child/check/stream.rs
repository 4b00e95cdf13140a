//! `Stream`: everything that the program writes to its pipe, with the rules of all levels applied.

use std::collections::{HashMap, HashSet};

use record_proto::{LogRecord, Payload};

use super::{
    accounts::Accounts,
    fragments::Fragments,
    packets::{Arrived, Packets},
    payload::{malformed, strict},
    place::Place,
    ring::{Dropped, Entry},
    rule::{self, Finding},
};

/// The bytes of a frame before its payload.
const HEAD: u64 = record_proto::HEAD_LENGTH as u64;
/// The bytes of an entry before its frame.
const ORDER: u64 = 8;

#[derive(Debug)]
pub(crate) struct Stream {
    packets: Packets,
    fragments: Fragments,
    accounts: Accounts,
    pids: HashSet<u64>,
    /// The instances of the processes that have written into rings, by their pids.
    in_rings: HashMap<u64, u32>,
    frames: u64,
    found: Vec<Finding>,
}

/// The way of a frame.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// The pipe, while these instances have rings.
    Pipe(&'a [u32]),
    /// A ring of this instance.
    Ring(u32),
}

/// A frame at which the process that wrote it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) pid: u64,
    pub(crate) place: Place,
    /// The first frame with this pid; otherwise its close.
    pub(crate) is_first: bool,
}

impl Stream {
    pub(crate) fn new(alone: bool) -> Self {
        Self {
            packets: Packets::new(alone),
            fragments: Fragments::default(),
            accounts: Accounts::default(),
            pids: HashSet::new(),
            in_rings: HashMap::new(),
            frames: 0,
            found: Vec::new(),
        }
    }

    /// Takes one packet of the pipe. `holders` are the instances that have rings now.
    pub(crate) fn push(&mut self, packet: &[u8], holders: &[u32]) -> Vec<Sighting> {
        let frames = self.packets.push(packet);
        frames
            .iter()
            .filter_map(|frame| self.frame(frame, Way::Pipe(holders)))
            .collect()
    }

    /// Takes one entry of a ring.
    pub(crate) fn entry(&mut self, entry: Entry) -> Option<Sighting> {
        let frame = Arrived {
            place: entry.place + ORDER,
            payload: entry.payload,
        };
        self.frame(&frame, Way::Ring(entry.instance))
    }

    /// Takes the records that were counted as dropped in a ring.
    pub(crate) fn dropped(&mut self, dropped: &Dropped) {
        let total = dropped
            .counts
            .iter()
            .fold(0, |sum: u64, count| sum.saturating_add(*count));
        self.accounts.dropped_in_ring(dropped.instance, total);
    }

    /// Returns the bytes so far.
    pub(crate) fn position(&self) -> u64 {
        self.packets.position()
    }

    /// Returns the frames and the records so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.frames, self.accounts.received())
    }

    /// Ends the stream. `has_ended`: the processes have ended in good order, and the reader has read everything.
    /// `is_whole`: nothing has kept the program from writing whole frames.
    pub(crate) fn finish(self, has_ended: bool, is_whole: bool) -> Vec<Finding> {
        let mut found = self.found;
        let end = Place::Stream(self.packets.position());
        let writes = self.packets.finish();
        found.extend(
            writes
                .into_iter()
                .filter(|finding| is_whole || finding.rule() != &rule::WHOLE_FRAMES),
        );
        found.extend(self.fragments.finish(has_ended));
        found.extend(self.accounts.finish(end, has_ended));
        found
    }

    fn frame(&mut self, frame: &Arrived, way: Way<'_>) -> Option<Sighting> {
        self.frames += 1;
        let place = frame.place;
        let payload = match Payload::decode(&frame.payload) {
            Ok(payload) => payload,
            Err(error) => {
                self.found.push(malformed(&error, place + HEAD));
                return None;
            }
        };
        self.found
            .extend(strict(&payload, &frame.payload, place + HEAD));
        self.check_way(&payload, way, place);
        let pid = match &payload {
            Payload::Hello(hello) => {
                self.accounts.hello(hello, place);
                hello.pid
            }
            Payload::Record(record) => {
                self.accounts.record(record, place);
                record.pid
            }
            Payload::Dropped(dropped) => {
                self.accounts.dropped(dropped, place);
                dropped.pid
            }
            Payload::Close(close) => {
                self.accounts.close(close, place);
                close.pid
            }
            Payload::Fragment(fragment) => {
                if let Some((first, joined)) = self.fragments.push(fragment, place) {
                    self.joined(first, &joined);
                }
                fragment.pid
            }
            _ => None,
        };
        let is_close = matches!(payload, Payload::Close(_));
        let pid = pid?;
        let is_first = self.pids.insert(pid);
        (is_first || is_close).then_some(Sighting {
            pid,
            place,
            is_first,
        })
    }

    /// Checks that a frame comes by the way of its process, and through a ring of its own.
    fn check_way(&mut self, payload: &Payload<'_>, way: Way<'_>, place: Place) {
        let (pid, instance) = match payload {
            Payload::Hello(hello) => (hello.pid, hello.instance),
            Payload::Record(record) => (record.pid, record.instance),
            Payload::Dropped(dropped) => (dropped.pid, dropped.instance),
            Payload::Close(close) => (close.pid, close.instance),
            Payload::Fragment(fragment) => (fragment.pid, None),
            _ => return,
        };
        let is_fragment = matches!(payload, Payload::Fragment(_));
        match way {
            Way::Pipe(holders) => {
                let instance = instance.or_else(|| self.in_rings.get(&pid?).copied());
                if instance.is_some_and(|instance| holders.contains(&instance)) {
                    let text = "a frame in the pipe, of a process that has a ring";
                    self.found.push(Finding::new(place, &rule::ONE_WAY, text));
                }
            }
            Way::Ring(owner) => {
                self.in_rings.extend(pid.map(|pid| (pid, owner)));
                if instance != Some(owner) && !is_fragment {
                    let text =
                        format!("a frame that has not the instance of the owner, {owner:08x}");
                    self.found.push(Finding::new(place, &rule::CLAIM, text));
                }
            }
        }
    }

    /// A record that arrived in fragments: places within it are those of its first fragment.
    fn joined(&mut self, first: Place, payload: &[u8]) {
        let at_first = |finding: Finding| {
            let own = format!("(in fragments, at {} of the record)", finding.place());
            finding.moved(first, &own)
        };
        match LogRecord::decode(payload) {
            Ok(record) => {
                self.accounts.record(&record, first);
                let found = strict(&Payload::Record(record), payload, Place::Stream(0));
                self.found.extend(found.into_iter().map(at_first));
            }
            Err(error) => self
                .found
                .push(at_first(malformed(&error, Place::Stream(0)))),
        }
    }
}
