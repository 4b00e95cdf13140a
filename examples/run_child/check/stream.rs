//! `Stream`: everything that the program writes to its pipe, with the rules of all levels applied.

use std::collections::HashSet;

use record_proto::{LogRecord, Payload};

use super::{
    accounts::Accounts,
    fragments::Fragments,
    packets::{Arrived, Packets},
    payload::{malformed, strict},
    rule::Finding,
};

/// The bytes of a frame before its payload.
const HEAD: u64 = record_proto::HEAD_LENGTH as u64;

#[derive(Debug)]
pub(crate) struct Stream {
    packets: Packets,
    fragments: Fragments,
    accounts: Accounts,
    pids: HashSet<u64>,
    frames: u64,
    found: Vec<Finding>,
}

/// A frame at which the process that wrote it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) pid: u64,
    pub(crate) offset: u64,
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
            frames: 0,
            found: Vec::new(),
        }
    }

    /// Takes one packet of the pipe.
    pub(crate) fn push(&mut self, packet: &[u8]) -> Vec<Sighting> {
        let frames = self.packets.push(packet);
        frames
            .iter()
            .filter_map(|frame| self.frame(frame))
            .collect()
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
        let end = self.packets.position();
        let writes = self.packets.finish();
        found.extend(
            writes
                .into_iter()
                .filter(|finding| is_whole || finding.rule() != &super::rule::WHOLE_FRAMES),
        );
        found.extend(self.fragments.finish(has_ended));
        found.extend(self.accounts.finish(end, has_ended));
        found
    }

    fn frame(&mut self, frame: &Arrived) -> Option<Sighting> {
        self.frames += 1;
        let offset = frame.offset;
        let payload = match Payload::decode(&frame.payload) {
            Ok(payload) => payload,
            Err(error) => {
                self.found.push(malformed(&error, offset + HEAD));
                return None;
            }
        };
        self.found
            .extend(strict(&payload, &frame.payload, offset + HEAD));
        let pid = match &payload {
            Payload::Hello(hello) => {
                self.accounts.hello(hello, offset);
                hello.pid
            }
            Payload::Record(record) => {
                self.accounts.record(record, offset);
                record.pid
            }
            Payload::Dropped(dropped) => {
                self.accounts.dropped(dropped, offset);
                dropped.pid
            }
            Payload::Close(close) => {
                self.accounts.close(close, offset);
                close.pid
            }
            Payload::Fragment(fragment) => {
                if let Some((first, joined)) = self.fragments.push(fragment, offset) {
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
            offset,
            is_first,
        })
    }

    /// A record that arrived in fragments: offsets within it are those of its first fragment.
    fn joined(&mut self, first: u64, payload: &[u8]) {
        let at_first = |finding: Finding| {
            let place = format!("(in fragments, at byte {} of the record)", finding.offset());
            finding.moved(first, &place)
        };
        match LogRecord::decode(payload) {
            Ok(record) => {
                self.accounts.record(&record, first);
                let found = strict(&Payload::Record(record), payload, 0);
                self.found.extend(found.into_iter().map(at_first));
            }
            Err(error) => self.found.push(at_first(malformed(&error, 0))),
        }
    }
}
