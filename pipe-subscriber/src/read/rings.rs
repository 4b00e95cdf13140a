//! `Rings`: the frames that a child and its relatives leave in a shared buffer.

use std::{
    collections::VecDeque,
    io,
    os::fd::OwnedFd,
    process,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use record_proto::{BufferReader, Dropped, Encode, HEAD_LENGTH, Layout, Levels, Next, Payload};
use tokio::runtime::Handle;

use super::ticker::{Ticker, Wait};
use crate::sys::{SharedMemory, wake_all};

/// The time between two looks while frames keep coming.
const TICK: Duration = Duration::from_micros(100);

/// How long after the last frame the reader goes on looking at ticks. Then it sleeps until a bell.
const AWAKE: Duration = Duration::from_micros(700);

/// The reader of a shared buffer: looks, hands out frames, and sleeps.
#[derive(Debug)]
pub(crate) struct Rings {
    memory: SharedMemory,
    reader: BufferReader,
    phase: Phase,
    last_frame: Option<Instant>,
    tick: Option<(Arc<Ticker>, Wait)>,
    sessions: Sessions,
    /// Payloads that report dropped records, made of the counts in the memory.
    reports: VecDeque<Vec<u8>>,
    /// The report that was handed out last.
    report: Vec<u8>,
    /// The process that reads. A forked one that only drops this value must change nothing.
    reader_pid: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The last look may have found frames that were not handed out.
    HandingOut,
    /// Everything that may be was handed out, and more is there.
    HeldBack,
    /// Everything was handed out.
    Empty,
    /// The cut was made, and everything before it was handed out.
    Ended,
}

impl Rings {
    /// Makes a buffer whose rings have together at most `bytes`.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        let layout = Layout::within(bytes).ok_or(io::ErrorKind::InvalidInput)?;
        let memory = SharedMemory::new(layout.bytes())?;
        memory.populate(layout.data_begin())?;
        layout.write(memory.words());
        Ok(Self {
            memory,
            reader: BufferReader::new(layout),
            phase: Phase::Empty,
            last_frame: None,
            tick: None,
            sessions: Sessions::default(),
            reports: VecDeque::new(),
            report: Vec::new(),
            reader_pid: process::id(),
        })
    }

    /// Returns the buffer's descriptor, which the child gets.
    pub(crate) fn take_fd(&mut self) -> Option<OwnedFd> {
        self.memory.take_fd()
    }

    /// Returns the size of the buffer in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.memory.words())
    }

    /// Looks for new frames, unless some of the last look are left. Returns whether there are any.
    pub(crate) fn look(&mut self) -> bool {
        if matches!(self.phase, Phase::Empty | Phase::HeldBack) {
            let words = self.memory.words();
            self.reader_pid = process::id();
            self.reader.awake(words);
            self.reader.look(words);
            self.phase = Phase::HandingOut;
        }
        self.has_payload()
    }

    /// Makes the cut: from now on, only what was committed before is handed out.
    pub(crate) fn close(&mut self) {
        if self.reader.is_closed() {
            return;
        }
        let words = self.memory.words();
        self.reader.close(words);
        self.phase = Phase::HandingOut;
        self.reader.each_ring(words, |ring| wake_all(ring.tail));
    }

    /// Returns whether [`next_payload`](Self::next_payload) has one. If all frames of a look were handed out, gives
    /// their room back.
    #[inline]
    pub(crate) fn has_payload(&mut self) -> bool {
        if self.phase == Phase::HandingOut && !self.reader.has_next() {
            self.end_look();
        }
        self.phase == Phase::HandingOut || !self.reports.is_empty()
    }

    /// Hands out the next payload of this look.
    #[inline]
    pub(crate) fn next_payload(&mut self) -> Option<&[u8]> {
        if self.phase != Phase::HandingOut {
            self.report = self.reports.pop_front()?;
            return Some(&self.report);
        }
        let Next::Frame(_, frame) = self.reader.next(self.memory.words()) else {
            return None;
        };
        let payload = frame.get(HEAD_LENGTH..)?;
        if payload.first() == Some(&0) {
            self.sessions.note(payload);
        }
        Some(payload)
    }

    /// Returns whether everything before the cut was handed out.
    pub(crate) fn has_ended(&self) -> bool {
        self.phase == Phase::Ended && self.reports.is_empty()
    }

    /// Returns why rings were given up.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = String> {
        let given_up = self.reader.given_up().iter();
        given_up.map(|(ring, error)| {
            format!("ring {ring} of the shared buffer makes no sense: {error}")
        })
    }

    /// Ready if the next look is due.
    ///
    /// While frames keep coming, looks are made at ticks. Otherwise the reader says that it sleeps: the child that logs
    /// next writes a bell into the pipe, and the reader of the pipe wakes this task.
    pub(crate) fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase == Phase::HeldBack {
            return Poll::Ready(());
        }
        let is_warm = self.last_frame.is_some_and(|at| at.elapsed() < AWAKE);
        if is_warm && let Some(poll) = self.poll_tick(cx) {
            return poll;
        }
        let words = self.memory.words();
        self.reader.fall_asleep(words);
        self.reader.look(words);
        self.phase = Phase::HandingOut;
        match self.has_payload() || self.phase == Phase::HeldBack {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Ready after a tick. `None` if there can be none.
    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Option<Poll<()>> {
        if self.tick.is_none() {
            let ticker = Ticker::of(&Handle::current(), TICK).ok()?;
            self.tick = Some((ticker, Wait::default()));
        }
        let (ticker, wait) = self.tick.as_mut()?;
        let Poll::Ready(tick) = ticker.poll_tick(wait, cx) else {
            return Some(Poll::Pending);
        };
        *wait = Wait::default();
        tick.ok().map(|_| Poll::Ready(()))
    }

    /// All frames of a look were handed out: gives their room back.
    fn end_look(&mut self) {
        let words = self.memory.words();
        let (sessions, reports) = (&self.sessions, &mut self.reports);
        let has_read = self.reader.publish(
            words,
            |ring| wake_all(ring.tail),
            |owner, counts| reports.extend(sessions.report(owner, counts)),
        );
        if has_read {
            self.last_frame = Some(Instant::now());
        }
        self.phase = match (self.reader.needs_look(), self.reader.is_closed()) {
            (true, _) => Phase::HeldBack,
            (false, false) => Phase::Empty,
            (false, true) => {
                self.report_all_drops();
                Phase::Ended
            }
        };
    }

    /// Reports the drops in rings that were not given back.
    fn report_all_drops(&mut self) {
        let (sessions, reports) = (&self.sessions, &mut self.reports);
        self.reader.each_ring(self.memory.words(), |ring| {
            let counts = [0, 1, 2, 3, 4].map(|level| ring.dropped[level].load(Relaxed));
            reports.extend(sessions.report(ring.owner.load(Relaxed), counts));
        });
    }
}

/// Tells the writers that nobody reads any more.
impl Drop for Rings {
    fn drop(&mut self) {
        if self.reader_pid == process::id() {
            self.close();
        }
    }
}

/// The sessions whose hello came through a ring: instance and pid.
#[derive(Debug, Default)]
struct Sessions(Vec<(u64, Option<u64>)>);

impl Sessions {
    /// More sessions than there are rings do not have rings.
    const MAX: usize = 64;

    #[cold]
    fn note(&mut self, payload: &[u8]) {
        let Ok(Payload::Hello(hello)) = Payload::decode(payload) else {
            return;
        };
        let Some(instance) = hello.instance else {
            return;
        };
        if self.0.len() == Self::MAX {
            self.0.remove(0);
        }
        self.0.push((instance.into(), hello.pid));
    }

    /// Makes the payload that reports the counts of a ring, if there are any.
    fn report(&self, owner: u64, counts: [u64; 5]) -> Option<Vec<u8>> {
        if counts == [0; 5] {
            return None;
        }
        let instance = owner & u64::from(u32::MAX);
        let mut dropped = Dropped::new();
        dropped.instance = Some(instance as u32);
        let session = self.0.iter().rev().find(|session| session.0 == instance);
        dropped.pid = session.and_then(|session| session.1);
        dropped.counts = Levels(counts);
        let mut payload = Vec::new();
        dropped.encode(&mut payload);
        Some(payload)
    }
}
