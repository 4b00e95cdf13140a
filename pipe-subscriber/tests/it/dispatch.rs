//! The records that a logger gets, and the turns that other tasks get meanwhile.

use std::{
    cell::Cell,
    io,
    io::Write,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use log::{Level, LevelFilter, Log};
use pipe_subscriber::{LogRecord, PipeSubscriber};
use record_proto::split;
use tokio::io::{AsyncRead, ReadBuf};

use crate::support::{Capture, Stream, within};

fn one_of_each_level() -> Stream {
    Level::iter().fold(Stream::default(), |stream, level| {
        stream.frame(&LogRecord::new(level, "worker", level.as_str()))
    })
}

#[tokio::test]
async fn a_logger_gets_the_record_as_it_was_logged() {
    let mut record = LogRecord::new(Level::Warn, "worker::job", "low on disk");
    record.module_path = Some("worker::disk".into());
    record.file = Some("src/disk.rs".into());
    record.key_values.push("free", 7);
    record.context.push("worker", "w1");
    let capture = Capture::new();
    let stream = Stream::default().frame(&record);
    within(stream.subscriber().run_into(&capture))
        .await
        .unwrap();

    let entry = capture.only();
    assert_eq!((entry.level, &*entry.target), (Level::Warn, "worker::job"));
    assert_eq!(entry.message, "low on disk");
    assert_eq!(entry.module_path.as_deref(), Some("worker::disk"));
    assert_eq!(entry.file.as_deref(), Some("src/disk.rs"));
    assert_eq!(entry.pairs(), [("free", "7"), ("worker", "w1")]);
}

#[tokio::test]
async fn the_maximum_level_and_the_logger_itself_filter_records() {
    let stream = one_of_each_level();
    let all = Capture::new();
    within(stream.subscriber().run_into(&all)).await.unwrap();
    assert_eq!(all.messages(), ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]);

    let by_level = Capture::new();
    let subscriber = stream.subscriber().max_level(LevelFilter::Warn);
    let summary = within(subscriber.run_into(&by_level)).await.unwrap();
    assert_eq!(by_level.messages(), ["ERROR", "WARN"]);
    assert_eq!(summary.received, 5, "filtered records are received too");

    let by_logger = Capture::enabled(LevelFilter::Info);
    let summary = within(stream.subscriber().run_into(&by_logger))
        .await
        .unwrap();
    assert_eq!(by_logger.messages(), ["ERROR", "WARN", "INFO"]);
    assert_eq!(summary.received, 5);
}

#[tokio::test]
async fn a_closure_sees_records_of_every_level() {
    let mut seen = 0;
    let subscriber = one_of_each_level().0;
    let run = PipeSubscriber::new(&subscriber[..])
        .max_level(LevelFilter::Off)
        .run_with(|_| seen += 1);
    within(run).await.unwrap();
    assert_eq!(seen, 5);
}

#[tokio::test]
async fn boxes_references_and_arcs_of_loggers_are_loggers() {
    let stream = Stream::default().record(7, 1);
    let capture = Capture::new();
    let boxed: Box<dyn Log> = Box::new(capture.clone());
    let counted: Arc<dyn Log> = Arc::new(capture.clone());
    within(stream.subscriber().run_into(boxed)).await.unwrap();
    within(stream.subscriber().run_into(counted)).await.unwrap();
    within(stream.subscriber().run_into(&capture as &dyn Log))
        .await
        .unwrap();
    assert_eq!(capture.entries().len(), 3);
}

#[tokio::test]
async fn other_tasks_get_their_turn_while_the_reader_always_has_more() {
    // Frames without a record count too.
    let mut stream = Stream::default();
    for seq in 0..1000 {
        stream = stream.record(7, seq).payload(&[99, 0x90]);
    }
    let turns = Cell::new(0);
    let other = async {
        loop {
            turns.set(turns.get() + 1);
            tokio::task::yield_now().await;
        }
    };
    let mut turns_at = Vec::new();
    let run = stream.subscriber().run_with(|_| turns_at.push(turns.get()));
    within(async {
        tokio::select! {
            biased;
            summary = run => summary.unwrap(),
            () = other => unreachable!(),
        }
    })
    .await;
    let longest = turns_at.chunk_by(|a, b| a == b).map(<[usize]>::len).max();
    assert!(longest <= Some(32), "{longest:?} of 64 frames are records");
}

#[tokio::test]
async fn a_slow_logger_yields_to_other_tasks_after_each_record() {
    let stream = Stream::default().records(7, 0..5);
    let turns = Cell::new(0);
    let other = async {
        loop {
            turns.set(turns.get() + 1);
            tokio::task::yield_now().await;
        }
    };
    let mut turns_at = Vec::new();
    let run = stream.subscriber().run_with(|_| {
        turns_at.push(turns.get());
        // This blocks on purpose, as a slow logger does.
        std::thread::sleep(std::time::Duration::from_millis(2));
    });
    within(async {
        tokio::select! {
            biased;
            summary = run => summary.unwrap(),
            () = other => unreachable!(),
        }
    })
    .await;
    assert_eq!(turns_at, [0, 1, 2, 3, 4]);
}

/// Makes a descriptor ready at record 100, and returns the number of records until the task that waits for it runs. The
/// logger calls `meanwhile` for each record.
async fn records_until_a_waiting_task_runs(frames: Vec<u8>, meanwhile: fn()) -> usize {
    let (mut bell, waiting) = std::os::unix::net::UnixStream::pair().unwrap();
    waiting.set_nonblocking(true).unwrap();
    let waiting = tokio::net::UnixStream::from_std(waiting).unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&seen);
    let turn = tokio::spawn(async move {
        waiting.readable().await.unwrap();
        now.load(Ordering::Relaxed)
    });
    // The task has to wait for the descriptor before anything is read.
    tokio::task::yield_now().await;
    let run = PipeSubscriber::new(io::Cursor::new(frames)).run_with(move |_| {
        if seen.fetch_add(1, Ordering::Relaxed) == 100 {
            bell.write_all(b"!").unwrap();
        }
        meanwhile();
    });
    // The reader is a spawned task like the other one. `block_on` would poll its own future out of turn.
    within(tokio::spawn(run)).await.unwrap().unwrap();
    turn.await.unwrap()
}

#[tokio::test]
async fn what_waits_for_a_descriptor_has_its_turn_after_1024_frames_of_any_kind() {
    type Other = fn(Stream, u64) -> Stream;
    let with: [(&str, Other); 5] = [
        ("records alone", |stream, _| stream),
        ("empty", |stream, _| stream.payload(&[])),
        ("malformed", |stream, _| stream.payload(&[1, 0x95, 0xc1])),
        ("new pids", |stream, n| stream.hello(n)),
        ("fragments", |stream, n| {
            let first = split(&[7; 100], Some(7), n, 50).next().unwrap();
            stream.frame(&first)
        }),
    ];
    for (which, other) in with {
        let frames = (0..4_000).fold(Stream::default(), |stream, n| other(stream, n).record(7, n));
        let turn = records_until_a_waiting_task_runs(frames.0, || {}).await;
        // 64 more, because the turn comes at the end of a burst.
        assert!(
            (101..=100 + 1_024 + 64).contains(&turn),
            "{which}: at {turn}"
        );
    }
}

#[tokio::test]
async fn a_task_that_waits_for_a_descriptor_runs_after_each_record_of_a_slow_logger() {
    let frames = Stream::default().records(7, 0..300).0;
    let slow = || {
        let begin = std::time::Instant::now();
        while begin.elapsed() < std::time::Duration::from_millis(1) {
            std::hint::spin_loop();
        }
    };
    let turn = records_until_a_waiting_task_runs(frames, slow).await;
    assert!((101..=102).contains(&turn), "at {turn}");
}

#[tokio::test]
async fn draining_yields_to_other_tasks_too() {
    let run = PipeSubscriber::new(Endless).run_with(|_| {});
    within(async {
        tokio::select! {
            biased;
            _ = run => unreachable!("it has no end"),
            () = tokio::task::yield_now() => {}
        }
    })
    .await;
}

/// On a thread of this crate there are no other tasks. But the reader waits for other things than bytes, such as a
/// child's exit, so the runtime has to poll I/O there too.
#[test]
fn a_reader_that_always_has_more_lets_its_own_runtime_look_for_its_end() {
    let (bell, end) = std::os::unix::net::UnixStream::pair().unwrap();
    end.set_nonblocking(true).unwrap();
    drop(bell);
    let reader = UntilABell {
        frame: Stream::default().record(7, 0).0,
        end: Bell::Unregistered(Some(end)),
    };
    let thread = PipeSubscriber::new(reader).run_on_thread().unwrap();
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let summary = thread.join().unwrap().unwrap();
        done.send(summary.received).unwrap();
    });
    let ended = finished.recv_timeout(std::time::Duration::from_secs(60));
    assert!(ended.unwrap() > 0);
}

/// A reader that always has one more record, until a descriptor is readable.
struct UntilABell {
    frame: Vec<u8>,
    end: Bell,
}

enum Bell {
    Unregistered(Option<std::os::unix::net::UnixStream>),
    Registered(tokio::net::UnixStream),
}

impl AsyncRead for UntilABell {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Bell::Unregistered(end) = &mut self.end {
            let end = tokio::net::UnixStream::from_std(end.take().unwrap());
            self.end = Bell::Registered(end.unwrap());
        }
        let Bell::Registered(end) = &self.end else {
            unreachable!("it is registered by now");
        };
        if end.poll_read_ready(cx).is_pending() {
            buf.put_slice(&self.frame);
        }
        Poll::Ready(Ok(()))
    }
}

/// A reader that returns impossible lengths for ever, and never makes its caller wait.
struct Endless;

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buf.put_slice(&[0xff; 100]);
        Poll::Ready(Ok(()))
    }
}

#[test]
fn running_can_be_moved_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    let (_writer, reader) = tokio::io::duplex(1);
    is_send(&PipeSubscriber::new(reader).run());
    let (_writer, reader) = tokio::io::duplex(1);
    is_send(&PipeSubscriber::new(reader).run_into(Capture::new()));
    let (_writer, reader) = tokio::io::duplex(1);
    is_send(&PipeSubscriber::new(reader).run_with(|_| {}));
    let (_writer, reader) = tokio::io::duplex(1);
    is_send(&PipeSubscriber::new(reader).records());
}
