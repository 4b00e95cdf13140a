//! The buffers and the identity that each thread keeps from one record to the next.

use std::{cell::Cell, sync::atomic::Ordering::Relaxed, thread};

use record_proto::RecordEncoder;

use super::counters::Number;
use crate::sys::{AtomicU64, process, thread_id};
use crate::transport::Deadline;

/// The largest buffer that is kept. Without this bound, one record of the largest size would hold its memory until the
/// thread ends.
pub(super) const KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    static BUFFERS: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

/// The buffers of a thread, taken out of the thread-local while one record is made.
///
/// So no borrow is held while a value is formatted. A record that is logged by that formatting finds no buffers and
/// makes its own.
#[derive(Debug)]
pub(crate) struct Buffers {
    pub(crate) encoder: RecordEncoder,
    /// The instance of the session whose identity the encoder has; `None` before the first record.
    pub(crate) instance: Option<u32>,
    pub(crate) commit: Commit,
}

/// What the commit of the present record needs beside its formatted parts.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(super) number: Number,
    pub(crate) deadline: Deadline,
    pub(super) thread: Thread,
    /// The buffer for frames that the encoder has not made.
    pub(super) scratch: Vec<u8>,
}

impl Buffers {
    /// Takes this thread's buffers, or makes new ones, for a record that may wait for room until the deadline.
    #[inline(always)]
    pub(crate) fn take(deadline: Deadline) -> Box<Self> {
        let kept = BUFFERS.try_with(Cell::take).ok().flatten();
        let mut buffers = kept.unwrap_or_else(Self::new);
        (buffers.commit.number, buffers.commit.deadline) = (Number::default(), deadline);
        buffers
    }

    /// Keeps the buffers for the thread's next record.
    #[inline(always)]
    pub(crate) fn put_back(mut self: Box<Self>) {
        if self.encoder.capacity() > KEPT_BYTES {
            self.encoder.shrink_to(KEPT_BYTES);
        }
        // It fails in a thread that is ending; the buffers are then freed.
        let _ending = BUFFERS.try_with(|slot| slot.set(Some(self)));
    }

    fn new() -> Box<Self> {
        Box::new(Self {
            encoder: RecordEncoder::new(),
            instance: None,
            commit: Commit {
                number: Number::default(),
                deadline: Deadline::no_wait(),
                thread: Thread::with_name(thread_name()),
                scratch: Vec::new(),
            },
        })
    }
}

/// The identity of a thread, as its records carry it.
#[derive(Debug)]
pub(crate) struct Thread {
    process: u64,
    pub(crate) id: Option<u64>,
    pub(crate) name: Option<Box<str>>,
    /// The number of this thread's fragment stream; no other thread on the pipe has it.
    pub(crate) stream: u64,
}

impl Thread {
    fn with_name(name: Option<Box<str>>) -> Self {
        static STREAMS: AtomicU64 = AtomicU64::new(0);
        let process = process::generation();
        Self {
            process,
            id: thread_id(),
            name,
            // A random number of the process plus a counter: unique among all threads of all processes. Relaxed: the
            // number has to be unique and publishes nothing.
            stream: process.wrapping_add(STREAMS.fetch_add(1, Relaxed)),
        }
    }

    /// Updates the identity in a forked child: the thread has another id there and needs a fragment stream of its own.
    pub(crate) fn follow_fork(&mut self) {
        if self.process != process::generation() {
            *self = Self::with_name(self.name.take());
        }
    }
}

/// Returns the thread's name, or `None` if it has none.
fn thread_name() -> Option<Box<str>> {
    // thread::current() panics in a thread whose thread-locals are destroyed. The Debug output of a scope names the
    // thread without that risk.
    let is_named = thread::scope(|scope| format!("{scope:?}").contains("name: Some("));
    if is_named {
        return thread::current().name().map(Box::from);
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if BUFFERS.try_with(|_| ()).is_err() {
        return Some(rustix::thread::name().ok()?.to_string_lossy().into());
    }
    None
}
