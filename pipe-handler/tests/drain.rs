//! A handler that writes to something other than a pipe.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

use log::{Level, Log, Record};
use pipe_handler::{Drain, Overflow, PipeHandler};
use record_proto::{Payload, RecordCodec};
use tokio::{io::AsyncWrite, runtime::Runtime};
use tokio_util::{bytes::BytesMut, codec::Decoder};

/// Keeps the bytes that are written, and fails after some.
#[derive(Clone, Default)]
struct Writer {
    written: Arc<Mutex<Vec<u8>>>,
    fails_after: Option<usize>,
    logs_to: Arc<Mutex<Option<Arc<PipeHandler>>>>,
    flushed: Arc<AtomicU64>,
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(handler) = &*self.logs_to.lock().unwrap() {
            log_to(handler, "from the writer");
        }
        let mut written = self.written.lock().unwrap();
        if self.fails_after.is_some_and(|limit| written.len() >= limit) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        // In pieces, as a socket may.
        let piece = &bytes[..bytes.len().min(1_000)];
        written.extend_from_slice(piece);
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed.fetch_add(1, SeqCst);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Ends the process if the test does not end.
fn watch() -> Sender<()> {
    let (alive, watched) = mpsc::channel::<()>();
    thread::spawn(move || {
        if watched.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
            std::process::abort();
        }
    });
    alive
}

fn open(writer: &Writer, overflow: Overflow) -> (Arc<PipeHandler>, Drain<Writer>) {
    let builder = PipeHandler::builder().panic_hook(false).overflow(overflow);
    // A flush waits as long as it takes.
    let builder = builder.exit_timeout(Duration::from_secs(1_000));
    let (handler, drain) = builder.build_over(writer.clone()).expect("a handler");
    (Arc::new(handler), drain)
}

fn log_to(handler: &PipeHandler, message: &str) {
    let mut record = Record::builder();
    handler.log(
        &record
            .level(Level::Info)
            .args(format_args!("{message}"))
            .build(),
    );
}

/// The messages of the records that were written, and the counts of the close frame.
fn decode(writer: &Writer) -> (Vec<String>, Option<(u64, u64)>) {
    let mut bytes = BytesMut::from(&writer.written.lock().unwrap()[..]);
    let (mut codec, mut messages, mut closed) = (RecordCodec::new(), Vec::new(), None);
    while let Some(frame) = codec.decode(&mut bytes).expect("frames") {
        match frame.decode().expect("a payload") {
            Payload::Record(record) => messages.push(record.message.into_owned()),
            Payload::Close(close) => closed = Some((close.sent, close.dropped)),
            _ => {}
        }
    }
    (messages, closed)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

#[test]
fn everything_is_written_in_order_and_then_the_drain_ends() {
    let _alive = watch();
    let writer = Writer::default();
    let (handler, drain) = open(&writer, Overflow::Block);
    let logging =
        thread::spawn(move || (0..20_000).for_each(|n| log_to(&handler, &format!("n{n}"))));
    runtime().block_on(drain).expect("no error");
    logging.join().unwrap();
    let (messages, closed) = decode(&writer);
    assert!(
        messages
            .into_iter()
            .eq((0..20_000).map(|n| format!("n{n}")))
    );
    assert_eq!(closed, Some((20_000, 0)));
}

#[test]
fn an_error_of_the_writer_ends_the_drain_and_frees_threads_that_wait() {
    let _alive = watch();
    let writer = Writer {
        fails_after: Some(100_000),
        ..Writer::default()
    };
    let (handler, drain) = open(&writer, Overflow::Block);
    let logging = {
        let handler = Arc::clone(&handler);
        // More than fits.
        thread::spawn(move || (0..40_000).for_each(|n| log_to(&handler, &format!("n{n:0200}"))))
    };
    let error = runtime().block_on(drain).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    logging.join().unwrap();
    assert!(handler.is_gone());
    assert_eq!(
        handler.counts().dropped,
        0,
        "without a reader, nothing is counted"
    );
}

#[test]
fn without_its_drain_a_handler_discards_its_records() {
    let _alive = watch();
    let (handler, drain) = open(&Writer::default(), Overflow::Block);
    assert!(!handler.is_gone());
    drop(drain);
    assert!(handler.is_gone());
    (0..40_000).for_each(|n| log_to(&handler, &format!("n{n:0200}")));
}

#[test]
fn a_thread_of_a_runtime_does_not_wait_for_room() {
    let _alive = watch();
    let writer = Writer::default();
    let (handler, drain) = open(&writer, Overflow::Block);
    runtime().block_on(async {
        (0..40_000).for_each(|n| log_to(&handler, &format!("n{n:0200}")));
        let counts = handler.counts();
        assert!(counts.dropped > 0);
        assert_eq!(counts.sent + counts.dropped, 40_000);
        drop(handler);
        drain.await.expect("no error");
        let (messages, _) = decode(&writer);
        assert_eq!(messages.len() as u64, counts.sent);
    });
}

#[test]
fn records_that_the_writer_logs_are_discarded() {
    let _alive = watch();
    let writer = Writer::default();
    let (handler, drain) = open(&writer, Overflow::Block);
    *writer.logs_to.lock().unwrap() = Some(Arc::clone(&handler));
    log_to(&handler, "one");
    let runtime = runtime();
    let drain = runtime.spawn(drain);
    let flushing = {
        let handler = Arc::clone(&handler);
        thread::spawn(move || handler.flush())
    };
    runtime.block_on(async {
        while writer.flushed.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    });
    flushing.join().unwrap();
    writer.logs_to.lock().unwrap().take();
    drop(handler);
    runtime.block_on(drain).unwrap().expect("no error");
    assert_eq!(decode(&writer), (vec!["one".to_owned()], Some((1, 0))));
}
