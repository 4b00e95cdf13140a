//! The stream of a hostile child, as a reader in memory.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, ReadBuf};

use crate::{CHILDREN, counting::counted_for, hostility::Hostility};

/// A gate at which all children wait until the test opens it.
///
/// All accesses are Relaxed: the flag and the counter are polled, and no other memory is published by them.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<State>);

#[derive(Default)]
struct State {
    waiting: AtomicUsize,
    open: AtomicBool,
}

impl Gate {
    pub(crate) fn waiting(&self) -> usize {
        self.0.waiting.load(Relaxed)
    }

    pub(crate) fn open(&self) {
        self.0.open.store(true, Relaxed);
    }
}

/// Returns all frames of a hostility, then makes its reader wait until the gate is open.
pub(crate) struct Writer {
    hostility: &'static Hostility,
    number: u64,
    frame: Vec<u8>,
    at: usize,
    waits: bool,
    gate: Gate,
}

impl Writer {
    pub(crate) fn new(hostility: &'static Hostility, gate: Gate) -> Self {
        Self {
            hostility,
            number: 0,
            frame: Vec::new(),
            at: 0,
            waits: false,
            gate,
        }
    }

    fn write(&mut self, buf: &mut ReadBuf<'_>) {
        if self.at == self.frame.len() && self.number < self.hostility.times {
            (self.frame, self.at) = ((self.hostility.frame)(self.number), 0);
            self.number += 1;
        }
        let end = self.frame.len().min(self.at + buf.remaining());
        buf.put_slice(&self.frame[self.at..end]);
        self.at = end;
    }
}

impl AsyncRead for Writer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The memory of the child itself is not its parent's.
        counted_for(CHILDREN, || self.write(buf));
        if !buf.filled().is_empty() || self.gate.0.open.load(Relaxed) {
            return Poll::Ready(Ok(()));
        }
        if !self.waits {
            self.waits = true;
            self.gate.0.waiting.fetch_add(1, Relaxed);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
