//! A subscriber that reads a pipe and the rings of a shared buffer, with a test as the writer of both.

use std::{
    cell::Cell,
    future::poll_fn,
    io::{self, PipeWriter, Write},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use log::Level;
use record_proto::{Close, Encode, LogRecord, Reader, release};
use tokio::io::{AsyncRead, ReadBuf};

use super::PipeSubscriber;
use crate::account::{StreamEnd, Summary};
use crate::read::{ChildPipe, Rings, TestChild};

const BELL: [u8; 6] = [0, 0, 0, 2, 5, 0x90];
const KIB: usize = 1024;
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// A pipe whose reads are made by a closure: `None` if it is empty, no bytes at its end.
struct Scripted<F>(F);

impl<F: FnMut() -> Option<Vec<u8>> + Unpin> AsyncRead for Scripted<F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match (self.0)() {
            Some(bytes) => {
                buf.put_slice(&bytes);
                Poll::Ready(Ok(()))
            }
            None => Poll::Pending,
        }
    }
}

/// Returns a subscriber of this pipe and of a buffer, and a process with a ring.
fn with_rings<R: AsyncRead + Unpin>(pipe: R, bytes: usize) -> (PipeSubscriber<R>, TestChild) {
    let rings = Rings::new(bytes).unwrap();
    let child = TestChild::claim(&rings, 7, 70);
    (
        PipeSubscriber::new(pipe).with_rings(Ok(Some(rings)), true),
        child,
    )
}

/// As [`with_rings`], with a pipe of the system.
fn with_pipe() -> (PipeSubscriber, TestChild, PipeWriter) {
    let (read_end, write_end) = io::pipe().unwrap();
    let pipe = ChildPipe::new(read_end.into(), FOR_EVER).unwrap();
    let (subscriber, child) = with_rings(pipe, 64 * KIB);
    (subscriber, child, write_end)
}

fn frame(payload: &impl Encode) -> Vec<u8> {
    let mut frame = Vec::new();
    payload.encode_frame(&mut frame);
    frame
}

fn record(message: &str) -> Vec<u8> {
    frame(&LogRecord::new(Level::Info, "app", message))
}

/// Reads to the end, and returns the messages.
async fn messages<R: AsyncRead + Unpin>(subscriber: PipeSubscriber<R>) -> (Vec<String>, Summary) {
    let mut messages = Vec::new();
    let read = subscriber.run_with(|record| messages.push(record.message.to_string()));
    let summary = within(read).await.unwrap();
    (messages, summary)
}

/// Reads until `on_record` was called so many times, and at least once if that is 0.
///
/// A reader may let other tasks run at any step, if the machine is busy. So a single poll may hand on fewer.
async fn read<R: AsyncRead + Unpin>(
    subscriber: &mut PipeSubscriber<R>,
    count: usize,
    mut on_record: impl FnMut(&LogRecord<'_>),
) {
    let seen = Cell::new(0);
    let all = poll_fn(|cx| {
        cx.waker().wake_by_ref();
        match seen.get() >= count {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    });
    let count_it = |record: &LogRecord<'_>| {
        seen.set(seen.get() + 1);
        on_record(record);
    };
    within(subscriber.run_with_until(count_it, all)).await;
}

/// Reads so many records, and returns their messages.
async fn take<R: AsyncRead + Unpin>(
    subscriber: &mut PipeSubscriber<R>,
    count: usize,
) -> Vec<String> {
    let mut messages = Vec::new();
    read(subscriber, count, |record| {
        messages.push(record.message.to_string())
    })
    .await;
    messages
}

/// Fails the test if the future takes longer than a minute.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("still not done after a minute")
}

/// The record is logged, and then the pipe is written to, at the moment at which the pipe is read.
#[tokio::test]
async fn a_record_in_a_ring_comes_before_what_was_written_to_the_pipe_after_it() {
    let rings = Rings::new(2048 * KIB).unwrap();
    let mut child = TestChild::claim(&rings, 7, 70);
    let mut reads = 0;
    let pipe = Scripted(move || {
        reads += 1;
        // The last ones are beyond the first part of a look.
        let logged = [1, 0, 70, 0][reads - 1];
        for n in 0..logged {
            let long = "x".repeat(if logged > 1 { 1000 } else { 0 });
            child.log(&format!("ring {reads} {n}{long}"));
        }
        Some(match reads {
            1 | 3 => [record(&format!("pipe {reads}")), record("more")].concat(),
            2 => BELL.to_vec(),
            _ => Vec::new(),
        })
    });
    let subscriber = PipeSubscriber::new(pipe).with_rings(Ok(Some(rings)), true);
    let (messages, summary) = messages(subscriber).await;
    let places: Vec<_> = (0..messages.len())
        .filter(|at| !messages[*at].starts_with("ring"))
        .collect();
    assert_eq!(places, [1, 2, 73, 74], "{messages:?}");
    assert_eq!((summary.received, summary.missing), (75, 0));
}

#[tokio::test]
async fn the_end_of_the_pipe_is_the_cut() {
    let (mut subscriber, mut child) = with_rings(&b""[..], 64 * KIB);
    child.hello();
    child.log("before");
    assert_eq!(take(&mut subscriber, 1).await, ["before"]);
    assert_eq!(child.log("after"), Reader::Closed);
    let (messages, summary) = messages(subscriber).await;
    assert!(messages.is_empty());
    assert_eq!((summary.received, summary.missing), (1, 0));
    assert_eq!(summary.end, StreamEnd::Eof);
}

#[tokio::test]
async fn a_pipe_that_is_held_open_ends_with_a_cut_too() {
    let (read_end, _held) = io::pipe().unwrap();
    let mut pipe = ChildPipe::new(read_end.into(), Duration::ZERO).unwrap();
    pipe.watch_exit_of(None);
    let (held_open, busy) = (pipe.held_open(), pipe.rings_are_busy());
    let (subscriber, mut child) = with_rings(pipe, 64 * KIB);
    child.log("before");
    let (messages, summary) = messages(subscriber.with_child_pipe(held_open, busy)).await;
    assert_eq!(messages, ["before"]);
    assert_eq!(summary.end, StreamEnd::HeldOpen);
}

/// A holder of the pipe that goes on logging is read for as long as one that goes on writing to it.
#[tokio::test]
async fn records_in_rings_are_no_silence_of_the_pipe() {
    let (mut subscriber, mut child) = with_rings(Scripted(|| None), 64 * KIB);
    let busy = Arc::new(AtomicBool::new(false));
    subscriber = subscriber.with_child_pipe(Arc::default(), Arc::clone(&busy));
    for _ in 0..3 {
        child.log("one");
        let mut seen = Vec::new();
        read(&mut subscriber, 1, |_| seen.push(busy.load(Relaxed))).await;
        // The next look finds nothing.
        take(&mut subscriber, 0).await;
        assert_eq!((seen, busy.load(Relaxed)), (vec![true], false));
    }
}

/// Nor is the time between two looks that are made at ticks.
#[tokio::test]
async fn the_time_until_the_next_tick_is_no_silence_of_the_pipe() {
    let (mut subscriber, mut child) = with_rings(Scripted(|| None), 64 * KIB);
    let busy = Arc::new(AtomicBool::new(false));
    subscriber = subscriber.with_child_pipe(Arc::default(), Arc::clone(&busy));
    let end = Instant::now() + Duration::from_secs(60);
    // A poll that comes late finds that the ticks are over. Then it is tried again.
    while !busy.load(Relaxed) {
        assert!(Instant::now() < end, "the rings never count as busy");
        // So many bytes at once cause ticks.
        child.log(&"x".repeat(5_000));
        assert_eq!(take(&mut subscriber, 1).await.len(), 1);
        take(&mut subscriber, 0).await;
    }
}

#[tokio::test]
async fn a_subscriber_that_was_read_says_that_it_is_gone() {
    let (mut subscriber, mut child) = with_rings(Scripted(|| None), 64 * KIB);
    assert!(take(&mut subscriber, 0).await.is_empty());
    assert_eq!(child.log("one"), Reader::Asleep(3));
    let ring = child.writer.words();
    let waiters = [ring.tail, ring.dispatched].map(wait_for);
    drop(subscriber);
    for waiter in waiters {
        waiter.join().unwrap();
    }
    assert_eq!(child.log("two"), Reader::Closed);
}

/// The bell of a buffer that nobody reads says that the reader sleeps. So a child rings, and finds its pipe closed.
#[tokio::test]
async fn a_subscriber_that_was_never_read_changes_nothing_when_it_is_dropped() {
    let (subscriber, mut child) = with_rings(Scripted(|| None), 64 * KIB);
    drop(subscriber);
    assert!(matches!(child.log("one"), Reader::Asleep(_)));
}

#[tokio::test]
async fn drops_are_counted_once_by_account_whether_or_not_the_ring_was_given_back() {
    let rings = Rings::new(1024 * KIB).unwrap();
    let mut children: Vec<_> = (0..4)
        .map(|n| TestChild::claim(&rings, 100 + u64::from(n), n))
        .collect();
    for (child, level) in children.iter_mut().zip(Level::iter()) {
        child.hello();
        child.log("first");
        child.drop_records(level, 3);
        child.log("last");
    }
    // One closes and gives its ring back, one gives it back without a close, one does not, and one is given up.
    let mut close = Close::new();
    (close.pid, close.instance) = (Some(100), Some(0));
    (close.sent, close.dropped) = (2, 3);
    children[0].commit(&close);
    release(children[0].writer.words());
    release(children[1].writer.words());
    children[3].writer.words().head.store(1 << 40, Relaxed);
    let tee = Shared::default();
    let subscriber = PipeSubscriber::new(&b""[..])
        .with_rings(Ok(Some(rings)), true)
        .tee(tee.clone());
    let (_, summary) = messages(subscriber).await;
    let counts = |summary: &Summary| {
        let of = |process: &crate::ProcessSummary| {
            (
                process.pid,
                process.received,
                process.dropped,
                process.missing,
            )
        };
        summary.processes.iter().map(of).collect::<Vec<_>>()
    };
    let mut expected = vec![
        (Some(100), 2, 3, 0),
        (Some(101), 2, 3, 0),
        (Some(102), 2, 3, 0),
    ];
    // The hello of the ring that was given up was never read.
    expected.push((None, 0, 3, 0));
    assert_eq!(counts(&summary), expected);
    assert_eq!(summary.dropped_by_level.0, [3, 3, 3, 3, 0]);
    assert_eq!(summary.reasons.len(), 1, "{:?}", summary.reasons);
    // The stored frames say the same.
    let stored = tee.0.lock().unwrap().clone();
    let (_, again) = messages(PipeSubscriber::new(&stored[..])).await;
    assert_eq!(counts(&again), expected);
}

/// A child that drops for hours is no news at its end only.
#[tokio::test]
async fn drops_in_a_ring_that_is_in_use_are_counted_before_its_end_and_once() {
    let is_over = Arc::new(AtomicBool::new(false));
    let pipe = Scripted({
        let is_over = Arc::clone(&is_over);
        move || is_over.load(Relaxed).then(Vec::new)
    });
    let (mut subscriber, mut child) = with_rings(pipe, 64 * KIB);
    child.drop_records(Level::Info, 2);
    read(&mut subscriber, 0, |_| {}).await;
    assert_eq!(
        subscriber.summary().dropped,
        0,
        "of nobody, before the hello"
    );
    child.hello();
    for n in 1..=3 {
        child.log("one");
        assert_eq!(take(&mut subscriber, 1).await, ["one"]);
        within(subscriber.run_with_until(|_| {}, tokio::task::yield_now())).await;
        let summary = subscriber.summary();
        assert_eq!((summary.dropped, summary.missing), (2 * n, 0), "{n}");
        assert_eq!(summary.processes[0].pid, Some(7));
        child.drop_records(Level::Info, 2);
    }
    release(child.writer.words());
    is_over.store(true, Relaxed);
    let (_, summary) = messages(subscriber).await;
    assert_eq!((summary.dropped, summary.dropped_by_level.0[2]), (8, 8));
    assert_eq!((summary.received, summary.processes.len()), (3, 1));
}

/// More sessions than there are rings pass by, and the one that lives keeps its account.
#[tokio::test]
async fn drops_of_a_process_that_outlives_many_others_belong_to_its_account() {
    let rings = Rings::new(64 * KIB).unwrap();
    let mut old = TestChild::claim(&rings, 1, 1000);
    let is_over = Arc::new(AtomicBool::new(false));
    let pipe = Scripted({
        let is_over = Arc::clone(&is_over);
        move || is_over.load(Relaxed).then(Vec::new)
    });
    let mut subscriber = PipeSubscriber::new(pipe).with_rings(Ok(Some(rings)), true);
    old.hello();
    old.log("old");
    assert_eq!(take(&mut subscriber, 1).await, ["old"]);
    for n in 0..200 {
        let mut young = old.claim_another(2 + u64::from(n), n);
        young.hello();
        young.log("young");
        release(young.writer.words());
        assert_eq!(take(&mut subscriber, 1).await, ["young"]);
    }
    old.drop_records(Level::Warn, 5);
    old.log("last");
    is_over.store(true, Relaxed);
    let (_, summary) = messages(subscriber).await;
    assert_eq!((summary.dropped, summary.missing), (5, 0));
    let old = summary
        .processes
        .iter()
        .find(|process| process.pid == Some(1));
    assert_eq!(
        old.map(|old| (old.received, old.dropped, old.missing)),
        Some((2, 5, 0))
    );
    assert_eq!(summary.processes.len(), 201);
}

/// Everything before the bytes that make no sense arrives, and so does everything after them that comes by a ring.
#[tokio::test]
async fn a_corrupt_pipe_goes_on_waking_the_reader_of_the_rings() {
    let (mut subscriber, mut child, mut pipe) = with_pipe();
    pipe.write_all(&[0xff; 100]).unwrap();
    let seen = Arc::new(Mutex::new(0));
    let on_record = |_: &LogRecord<'_>| *seen.lock().unwrap() += 1;
    let writes = async {
        for n in 1..=20 {
            match child.log("one") {
                // The reader is asleep, because this task runs in between.
                Reader::Asleep(_) => pipe.write_all(&BELL).unwrap(),
                reader => assert_eq!(reader, Reader::Awake),
            }
            while *seen.lock().unwrap() < n {
                tokio::task::yield_now().await;
            }
        }
    };
    within(subscriber.run_with_until(on_record, writes)).await;
    drop(pipe);
    let summary = within(subscriber.run()).await.unwrap();
    assert_eq!((summary.received, summary.end), (20, StreamEnd::Corrupt));
}

/// A child counts a record as read only after the logger has had it.
#[tokio::test]
async fn a_record_counts_as_dispatched_after_the_logger_and_not_before() {
    let (mut subscriber, mut child) = with_rings(Scripted(|| None), 64 * KIB);
    let ring = child.writer.words();
    for n in 0..10 {
        child.log(&n.to_string());
        let mut during = Vec::new();
        read(&mut subscriber, 1, |_| {
            during.push(ring.dispatched.load(Relaxed).max(ring.tail.load(Relaxed)));
        })
        .await;
        let position = child.writer.position();
        assert!(during[0] < position);
        assert_eq!(ring.dispatched.load(Relaxed), position);
        assert_eq!(ring.tail.load(Relaxed), position);
    }
}

/// A busy ring leaves the task after 64 records, and its writers get room then and not at the end of the look only.
#[tokio::test]
async fn a_busy_ring_lets_other_tasks_run_and_gives_room_back_each_time() {
    let (mut subscriber, mut child) = with_rings(Scripted(|| None), 512 * KIB);
    let tail = child.writer.words().tail;
    for n in 0..300 {
        child.log(&n.to_string());
    }
    let (mut before, mut seen) = (0, 0);
    while seen < 300 {
        let mut in_this_poll = 0;
        {
            let never = std::future::pending::<()>();
            let poll = pin!(subscriber.run_with_until(|_| in_this_poll += 1, never));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(poll.poll(&mut cx).is_pending());
        }
        assert!(in_this_poll <= 64, "{in_this_poll}");
        assert!(in_this_poll == 0 || tail.load(Relaxed) > before);
        (before, seen) = (tail.load(Relaxed), seen + in_this_poll);
    }
}

#[test]
fn a_thread_that_reads_gives_room_back_while_it_logs() {
    let rings = Rings::new(512 * KIB).unwrap();
    let mut child = TestChild::claim(&rings, 7, 70);
    for n in 0..300 {
        child.log(&n.to_string());
    }
    let (end, tail) = (child.writer.position(), child.writer.words().tail);
    let tails = Tails(tail, Arc::default());
    let subscriber = PipeSubscriber::new(&b""[..])
        .with_rings(Ok(Some(rings)), true)
        .tee(tails.clone());
    let thread = subscriber.run_on_thread().unwrap();
    assert_eq!(thread.join().unwrap().unwrap().received, 300);
    let tails = tails.1.lock().unwrap();
    let last = *tails.last().unwrap();
    assert!(last > 0 && last < end, "{last} of {end}");
}

/// Notes the tail of a ring at each write.
#[derive(Clone)]
struct Tails(&'static AtomicU64, Arc<Mutex<Vec<u64>>>);

impl Write for Tails {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.lock().unwrap().push(self.0.load(Relaxed));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sleeps in a thread until somebody wakes those that wait for this word, or for a minute. Returns when it sleeps.
#[expect(unsafe_code, reason = "a futex has no safe form")]
fn wait_for(word: &'static AtomicU64) -> JoinHandle<()> {
    let (send, receive) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        // SAFETY: the call has no conditions.
        send.send(unsafe { libc::gettid() }).unwrap();
        let low_half = std::ptr::from_ref(word).cast::<u32>();
        let minute = libc::timespec {
            tv_sec: 60,
            tv_nsec: 0,
        };
        let expected = word.load(Relaxed) as u32;
        // SAFETY: the word and the time live during the call, which only reads them.
        let result = unsafe {
            libc::syscall(
                libc::SYS_futex,
                low_half,
                libc::FUTEX_WAIT,
                expected,
                &raw const minute,
            )
        };
        assert_eq!(result, 0, "not woken");
    });
    let stat = format!("/proc/self/task/{}/syscall", receive.recv().unwrap());
    let call = format!(
        "{} {:#x} ",
        libc::SYS_futex,
        std::ptr::from_ref(word).addr()
    );
    while !std::fs::read_to_string(&stat).is_ok_and(|found| found.starts_with(&call)) {
        thread::yield_now();
    }
    thread
}

/// A writer that the test stores into, and that a subscriber may own.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
