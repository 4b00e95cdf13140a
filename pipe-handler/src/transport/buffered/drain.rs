use std::{
    future::Future,
    io, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc},
    task::{Context, Poll, ready},
    thread,
    time::Duration,
};

use futures_sink::Sink;
use record_proto::{Frame, RecordCodec};
use tokio::{io::AsyncWrite, runtime};
use tokio_util::codec::FramedWrite;

use super::leftovers::write_all;
use super::pipe_writer::{AsyncPipe, BlockingPipe};
use super::queue::{Queue, Rest};
use super::staging::Staging;
use crate::sys::{signal_mask, suppress_logging};
use crate::transport::{Deadline, Overflow, Pipe, Transport, Written};

/// The most bytes that are taken from the rings at once.
const BATCH: usize = 256 * 1024;

/// A batch smaller than this means that the threads are not logging at full speed. A drain on its own thread then waits
/// before it looks again, so that it writes many records at once and no thread has to wake it.
const SMALL_BATCH: usize = 64 * 1024;
const LINGER: Duration = Duration::from_micros(200);

/// Writes the records of buffered delivery, as a task of the program's own runtime.
///
/// Made by [`Builder::init_with_drain`](crate::Builder::init_with_drain) and
/// [`Builder::build_over`](crate::Builder::build_over). It ends when the handler is dropped and everything is written,
/// or when there is no reader any more. If it is dropped earlier and writes to a pipe, it writes the remaining records
/// there, and later records go there directly.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use log::Log;
/// use pipe_handler::PipeHandler;
/// use tokio::io::AsyncReadExt;
///
/// let (here, mut there) = tokio::io::duplex(64 * 1024);
/// let (handler, drain) = PipeHandler::builder().build_over(here)?;
/// let drain = tokio::spawn(drain);
/// handler.log(&log::Record::builder().args(format_args!("hello")).build());
/// drop(handler);
/// drain.await?;
///
/// let mut stream = Vec::new();
/// there.read_to_end(&mut stream).await?;
/// assert!(stream.windows(5).any(|bytes| bytes == b"hello"));
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "nothing leaves this process unless the drain is polled"]
pub struct Drain<W: AsyncWrite + Unpin + Send + std::fmt::Debug + 'static = AsyncPipe> {
    transport: Arc<Transport>,
    exit_timeout: Duration,
    queue: Arc<Queue>,
    consumer: Arc<Mutex<Consumer<W>>>,
}

impl<W: AsyncWrite + Unpin + Send + std::fmt::Debug + 'static> Drain<W> {
    pub(crate) fn new(
        transport: Arc<Transport>,
        queue: Arc<Queue>,
        exit_timeout: Duration,
        writer: W,
    ) -> Self {
        let consumer = Consumer::new(Arc::clone(&queue), writer);
        Self {
            transport,
            exit_timeout,
            queue,
            consumer: Arc::new(Mutex::new(consumer)),
        }
    }

    /// Lets a flush do the drain's work while the runtime does not poll the drain.
    pub(crate) fn lend(self) -> Self {
        let rest: Weak<Mutex<dyn Rest>> = Arc::downgrade(&self.consumer) as _;
        self.queue.set_rest(rest);
        self
    }

    fn consumer(&self) -> MutexGuard<'_, Consumer<W>> {
        self.consumer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a drain on a thread of its own.
pub(crate) fn start(
    transport: Arc<Transport>,
    queue: Arc<Queue>,
    exit_timeout: Duration,
) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().build()?;
    let writer = BlockingPipe::new(Arc::clone(&transport));
    let drain = Drain::new(transport, queue, exit_timeout, writer);
    drain.consumer().linger = true;
    let (begins, begun) = mpsc::channel::<()>();
    let thread = thread::Builder::new().name("pipe-handler".to_owned());
    signal_mask::without_signals(|| {
        thread.spawn(move || {
            drop(begins);
            runtime.block_on(drain);
        })
    })?;
    // The standard library holds a lock while a thread starts. A fork right after this would find it locked for ever.
    let _disconnected = begun.recv();
    Ok(())
}

impl<W: AsyncWrite + Unpin + Send + std::fmt::Debug> Future for Drain<W> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let queue = Arc::clone(&self.queue);
        // If a flush is doing this work, it wakes the drain afterwards.
        queue.waker.set_idle(cx.waker());
        let Ok(mut consumer) = self.consumer.try_lock() else {
            return Poll::Pending;
        };
        queue.waker.set_busy();
        // A flush that did the work may have ended the drain. Later frames are then written directly, not by the drain.
        if !queue.is_live() {
            return Poll::Ready(());
        }
        let ended = ready!(suppress_logging(|| consumer.poll(cx)));
        if ended.is_err() {
            queue.set_gone();
        }
        queue.end();
        Poll::Ready(())
    }
}

impl<W: AsyncWrite + Unpin + Send + std::fmt::Debug> Drop for Drain<W> {
    fn drop(&mut self) {
        let queue = Arc::clone(&self.queue);
        // A forked child may find the consumer locked for ever.
        if !queue.is_live() {
            return;
        }
        let mut consumer = self.consumer();
        if !queue.is_live() {
            return;
        }
        let _turn = queue.leftovers.turn();
        queue.end();
        let Some(pipe) = self.transport.pipe() else {
            return queue.set_gone();
        };
        let mut deadline = Deadline::new(Overflow::BlockFor(self.exit_timeout));
        if !consumer.write_to(pipe, &mut deadline) {
            queue.leftovers.leave(consumer.frames.write_buffer_mut());
            consumer.confirm();
        }
    }
}

/// The reading side of a queue.
#[derive(Debug)]
struct Consumer<W> {
    queue: Arc<Queue>,
    frames: FramedWrite<W, RecordCodec>,
    /// Each thread's ring, how far it was taken, and how far it can be.
    rings: Vec<(Arc<Staging>, u64, u64)>,
    version: u64,
    linger: bool,
}

impl<W> Consumer<W> {
    /// Takes frames from the rings. Returns their length in bytes.
    fn take(&mut self) -> usize {
        if self.version != self.queue.rings.version() {
            self.follow_threads();
        }
        // The positions are read before the leftovers: the hello of a process is stored before its first record, so
        // whoever sees the record sees the hello too.
        for (ring, _, committed) in &mut self.rings {
            *committed = ring.committed();
        }
        let share = BATCH / self.rings.len().max(1);
        let out = self.frames.write_buffer_mut();
        let before = out.len();
        self.queue.leftovers.take(out);
        let mut any_left = false;
        for (ring, taken, committed) in &mut self.rings {
            // The last frames of an ending thread come after those in its own ring.
            if any_left && ring.is_last() {
                continue;
            }
            *taken = ring.copy(*taken, *committed, share.max(1), out);
            any_left |= *taken < *committed;
        }
        out.len() - before
    }

    /// Frees the room of the frames that were taken, which are now written.
    fn confirm(&self) {
        for (ring, taken, _) in &self.rings {
            ring.set_drained(*taken);
        }
        self.queue.progress.tell();
    }

    fn follow_threads(&mut self) {
        self.version = self.queue.rings.version();
        // These Arcs are dropped before `in_use` looks for rings that only the queue still holds.
        let known: Vec<_> = mem::take(&mut self.rings)
            .into_iter()
            .map(|(ring, taken, _)| (Arc::as_ptr(&ring), taken))
            .collect();
        let taken = |ring: &Arc<Staging>| {
            let known = known.iter().find(|(known, _)| *known == Arc::as_ptr(ring));
            known.map_or(0, |(_, taken)| *taken)
        };
        self.rings = self
            .queue
            .rings
            .in_use()
            .into_iter()
            .map(|ring| (Arc::clone(&ring), taken(&ring), 0))
            .collect();
    }
}

impl<W: AsyncWrite + Unpin> Consumer<W> {
    fn new(queue: Arc<Queue>, writer: W) -> Self {
        Self {
            queue,
            frames: FramedWrite::new(writer, RecordCodec::new()),
            rings: Vec::new(),
            version: 0,
            linger: false,
        }
    }

    /// Ready when the handler is gone and all is written, or with the error that ends it.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), record_proto::CodecError>> {
        loop {
            let batch = self.frames.write_buffer().len();
            ready!(Sink::<Frame>::poll_flush(Pin::new(&mut self.frames), cx))?;
            self.confirm();
            if self.queue.is_stopping() {
                return Poll::Ready(Ok(()));
            }
            if self.linger && (1..SMALL_BATCH).contains(&batch) {
                thread::sleep(LINGER);
            }
            if self.take() > 0 {
                continue;
            }
            self.queue.waker.set_idle(cx.waker());
            // Idle is also when rings of ended threads are given back.
            self.follow_threads();
            // Checked before the last `take`: the handler leaves its last frames before it sets these flags.
            let is_over = self.queue.is_closing() || self.queue.is_stopping();
            if self.take() > 0 {
                self.queue.waker.set_busy();
                continue;
            }
            if is_over {
                return Poll::Ready(Ok(()));
            }
            return Poll::Pending;
        }
    }
}

impl<W: Send + std::fmt::Debug> Rest for Consumer<W> {
    fn write_to(&mut self, pipe: &Pipe, deadline: &mut Deadline) -> bool {
        // Frames that arrive during the write are not waited for.
        let rings = self.queue.rings.all().into_iter();
        let ends: Vec<_> = rings.map(|ring| (ring.committed(), ring)).collect();
        loop {
            self.take();
            if write_all(self.frames.write_buffer_mut(), pipe, deadline) != Written::Whole {
                return false;
            }
            self.confirm();
            if ends.iter().all(|(end, ring)| ring.drained() >= *end) {
                return true;
            }
        }
    }
}
