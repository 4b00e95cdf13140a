//! A reader that gives what and when the input says, and a future's run without a runtime.

use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake},
};

use tokio::io::{AsyncRead, ReadBuf};

/// The stream in pieces: a step of 0 is a pause, any other one that many bytes, the largest ones many more.
pub struct Chunks<'a> {
    stream: &'a [u8],
    steps: &'a [u8],
    next: usize,
    paused: bool,
}

impl<'a> Chunks<'a> {
    /// Without steps it is one piece.
    pub fn new(stream: &'a [u8], steps: &'a [u8]) -> Self {
        Self {
            stream,
            steps,
            next: 0,
            paused: false,
        }
    }

    fn step(&mut self) -> usize {
        if self.steps.is_empty() {
            return usize::MAX;
        }
        let step = self.steps[self.next % self.steps.len()];
        self.next += 1;
        match step {
            0xf0.. => usize::from(step - 0xef) * 4096,
            step => usize::from(step),
        }
    }
}

impl AsyncRead for Chunks<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let step = self.step();
        // Never two pauses in a row, so that it ends.
        self.paused = step == 0 && !self.paused;
        if self.paused {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let (piece, rest) = self
            .stream
            .split_at(step.max(1).min(buf.remaining()).min(self.stream.len()));
        buf.put_slice(piece);
        self.stream = rest;
        Poll::Ready(Ok(()))
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls a future to its end. One that is pending and was not woken would never end.
pub fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Arc::clone(&woken).into();
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        assert!(
            woken.0.swap(false, Ordering::Relaxed),
            "pending, and nobody wakes it"
        );
    }
}
