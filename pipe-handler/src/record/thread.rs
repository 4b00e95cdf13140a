//! What each thread keeps between its records.

use std::{cell::Cell, sync::atomic::Ordering::Relaxed, thread};

use record_proto::Scratch;

use super::counters::ThreadCounter;
use super::frames::Frames;
use crate::sys::{AtomicU64, process, thread_id};

/// Beyond this a buffer is not kept; a record of the largest size would hold it for the thread's life.
const KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    static BUFFERS: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

/// The buffers of a thread, taken for the time of one record: no borrow is held while a value is formatted, and a
/// record logged from there finds none and makes its own.
#[derive(Debug)]
pub(crate) struct Buffers {
    pub(crate) scratch: Scratch,
    pub(crate) frames: Frames,
    pub(crate) thread: Thread,
    pub(crate) counter: ThreadCounter,
}

impl Buffers {
    pub(crate) fn take() -> Box<Self> {
        let kept = BUFFERS.try_with(Cell::take).ok().flatten();
        kept.unwrap_or_else(|| Box::new(Self::new()))
    }

    pub(crate) fn put_back(mut self: Box<Self>) {
        if self.frames.capacity() > KEPT_BYTES {
            self.frames = Frames::default();
            self.scratch.shrink_to(KEPT_BYTES);
        }
        // Fails in a thread that is ending.
        let _ended = BUFFERS.try_with(|slot| slot.set(Some(self)));
    }

    fn new() -> Self {
        Self {
            scratch: Scratch::new(),
            frames: Frames::default(),
            thread: Thread::current(),
            counter: ThreadCounter::default(),
        }
    }
}

/// Which thread this is.
#[derive(Debug)]
pub(crate) struct Thread {
    process: u64,
    pub(crate) pid: u32,
    pub(crate) id: Option<u64>,
    pub(crate) name: Option<Box<str>>,
    /// The number of this thread's fragment stream.
    pub(crate) stream: u64,
}

impl Thread {
    fn current() -> Self {
        let process = process::generation();
        Self {
            process,
            pid: process::pid(),
            id: thread_id(),
            name: thread_name(),
            stream: next_stream(process),
        }
    }

    /// The thread that forked has another number in the child, and writes fragments of its own.
    #[inline]
    pub(crate) fn follow_fork(&mut self) {
        let process = process::generation();
        if self.process != process {
            self.process = process;
            self.pid = process::pid();
            self.id = thread_id();
            self.stream = next_stream(process);
        }
    }
}

/// No other process counts from the same mark.
fn next_stream(process: u64) -> u64 {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    process.wrapping_add(DRAWN.fetch_add(1, Relaxed))
}

/// `None` for a thread that has no name.
fn thread_name() -> Option<Box<str>> {
    // In a thread whose thread-locals are gone, thread::current() panics. A scope knows the thread without that risk.
    let is_named = thread::scope(|scope| format!("{scope:?}").contains("name: Some("));
    if is_named {
        return thread::current().name().map(Box::from);
    }
    let is_ending = BUFFERS.try_with(|_| ()).is_err();
    is_ending.then(system_name).flatten()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn system_name() -> Option<Box<str>> {
    Some(rustix::thread::name().ok()?.to_string_lossy().into())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn system_name() -> Option<Box<str>> {
    None
}
