use std::{
    future::poll_fn,
    io::{PipeWriter, Write},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    task::Waker,
};

use rustix::{
    fs::{OFlags, fcntl_setfl},
    pipe::fcntl_setpipe_size,
};
use tokio::io::AsyncReadExt;

use super::*;

/// Returns a pipe of this size and its write end.
fn pipe_of(size: usize) -> (Pipe, PipeWriter) {
    let (read_end, write_end) = io::pipe().unwrap();
    let pipe = Pipe::new(read_end.into());
    assert_eq!(fcntl_setpipe_size(&write_end, size).unwrap(), size);
    (pipe, write_end)
}

impl Pipe {
    fn is_paced(&self) -> bool {
        matches!(self.mode, Mode::Paced(..))
    }

    fn is_registered(&self) -> bool {
        matches!(self.mode, Mode::Registered(..))
    }

    /// Reads exactly this many bytes.
    async fn take_in(&mut self, bytes: usize) {
        within(self.read_exact(&mut vec![0; bytes])).await.unwrap();
    }

    /// Polls it, with nothing to read, until it is registered.
    async fn calm_down(&mut self) {
        let calm = poll_fn(|cx| {
            let mut room = [0; 1];
            let poll = Pin::new(&mut *self).poll_read(cx, &mut ReadBuf::new(&mut room));
            assert!(poll.is_pending());
            match self.is_registered() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        within(calm).await;
    }
}

/// Fails the test if the future takes longer than a minute.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("still not done after a minute")
}

/// The size of a single read that makes a writer hot.
const BURST: usize = 4096;

#[tokio::test]
async fn one_small_record_leaves_it_registered() {
    let (mut pipe, mut writer) = pipe_of(LARGE_SIZE);
    writer.write_all(&[7; 140]).unwrap();
    pipe.take_in(140).await;
    assert!(pipe.is_registered());
}

#[tokio::test]
async fn a_hot_writer_is_paced_until_it_is_quiet_and_then_again() {
    let (mut pipe, mut writer) = pipe_of(LARGE_SIZE);
    for _ in 0..3 {
        writer.write_all(&[7; BURST]).unwrap();
        pipe.take_in(BURST).await;
        assert!(pipe.is_paced());
        pipe.calm_down().await;
        writer.write_all(&[7; 140]).unwrap();
        pipe.take_in(140).await;
        assert!(pipe.is_registered());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_on_threads_of_their_own_lose_nothing() {
    const BYTES: usize = 4_000_000;
    let readers: Vec<_> = [MIN_PACED_SIZE, LARGE_SIZE, 8192, 1 << 20]
        .into_iter()
        .map(|size| {
            let (mut pipe, mut writer) = pipe_of(size);
            let thread = std::thread::spawn(move || {
                let record: [u8; 250] = std::array::from_fn(|i| i as u8);
                for _ in 0..BYTES / record.len() {
                    writer.write_all(&record).unwrap();
                }
            });
            tokio::spawn(async move {
                let (mut total, mut buf) = (0, vec![0; MIN_PACED_SIZE]);
                loop {
                    let bytes = pipe.read(&mut buf).await.unwrap();
                    let expected = (total..).map(|i| (i % 250) as u8).take(bytes);
                    assert!(buf[..bytes].iter().copied().eq(expected));
                    total += bytes;
                    if bytes == 0 {
                        break;
                    }
                }
                thread.join().unwrap();
                total
            })
        })
        .collect();
    for reader in readers {
        assert_eq!(within(reader).await.unwrap(), BYTES);
    }
}

#[tokio::test]
async fn the_end_of_file_comes_to_a_registered_pipe() {
    let (mut pipe, writer) = pipe_of(LARGE_SIZE);
    let end = within(async {
        let hang_up = async {
            tokio::task::yield_now().await;
            drop(writer);
        };
        tokio::join!(pipe.read_u8(), hang_up).0
    });
    assert_eq!(end.await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert!(pipe.is_registered());
}

#[tokio::test]
async fn the_end_of_file_that_came_with_the_last_bytes_is_seen() {
    let (mut pipe, mut writer) = pipe_of(LARGE_SIZE);
    writer.write_all(&[7; 140]).unwrap();
    drop(writer);
    let mut all = Vec::new();
    assert_eq!(within(pipe.read_to_end(&mut all)).await.unwrap(), 140);
}

#[tokio::test]
async fn the_end_of_file_comes_to_a_paced_pipe() {
    let (mut pipe, mut writer) = pipe_of(LARGE_SIZE);
    writer.write_all(&[7; BURST]).unwrap();
    pipe.take_in(BURST).await;
    assert!(pipe.is_paced());
    writer.write_all(&[7; 140]).unwrap();
    drop(writer);
    let mut all = Vec::new();
    assert_eq!(within(pipe.read_to_end(&mut all)).await.unwrap(), 140);
    assert_eq!(within(pipe.read(&mut [0; 1])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_small_pipe_is_never_paced() {
    let (mut pipe, mut writer) = pipe_of(8192);
    for _ in 0..10 {
        writer.write_all(&[7; BURST]).unwrap();
        pipe.take_in(BURST).await;
        assert!(pipe.is_registered());
    }
}

#[tokio::test]
async fn pipes_of_one_runtime_share_a_ticker() {
    let (mut one, mut one_writer) = pipe_of(LARGE_SIZE);
    let (mut other, mut other_writer) = pipe_of(LARGE_SIZE);
    for (pipe, writer) in [(&mut one, &mut one_writer), (&mut other, &mut other_writer)] {
        writer.write_all(&[7; BURST]).unwrap();
        pipe.take_in(BURST).await;
    }
    let (Mode::Paced(a, _), Mode::Paced(b, _)) = (&one.mode, &other.mode) else {
        panic!("not paced");
    };
    assert!(Arc::ptr_eq(&a.ticker, &b.ticker));
    let ticker = Arc::downgrade(&a.ticker);
    tokio::join!(one.calm_down(), other.calm_down());
    assert!(ticker.upgrade().is_none(), "nobody needs it");
}

#[tokio::test]
async fn a_paced_pipe_that_always_has_more_yields() {
    let (mut pipe, mut writer) = pipe_of(LARGE_SIZE);
    writer.write_all(&[7; LARGE_SIZE]).unwrap();
    pipe.take_in(BURST).await;
    assert!(pipe.is_paced());
    // Each read is of one byte, and the pipe always has more.
    let in_one_go = poll_fn(move |cx| {
        for reads in 0..LARGE_SIZE {
            let mut room = [0; 1];
            let poll = Pin::new(&mut pipe).poll_read(cx, &mut ReadBuf::new(&mut room));
            if poll.is_pending() {
                return Poll::Ready((reads, pipe.is_paced()));
            }
        }
        Poll::Ready((LARGE_SIZE, pipe.is_paced()))
    });
    let (reads, paced) = within(tokio::spawn(in_one_go)).await.unwrap();
    assert!(paced && reads < 1000, "{reads}");
}

#[tokio::test]
async fn a_paced_pipe_can_be_polled_by_another_task() {
    let (mut pipe, mut writer) = pipe_of(LARGE_SIZE);
    writer.write_all(&[7; BURST]).unwrap();
    pipe.take_in(BURST).await;
    // The task that polls it first goes away, and its waker wakes nobody.
    let mut room = [0; 1];
    let mut cx = Context::from_waker(Waker::noop());
    let poll = Pin::new(&mut pipe).poll_read(&mut cx, &mut ReadBuf::new(&mut room));
    assert!(poll.is_pending());
    let reader = tokio::spawn(async move { pipe.read_u8().await });
    writer.write_all(&[9]).unwrap();
    assert_eq!(within(reader).await.unwrap().unwrap(), 9);
}

#[tokio::test]
async fn packets_are_read_to_the_last_though_each_read_is_a_short_one() {
    let (mut pipe, mut writer) = pipe_of(LARGE_SIZE);
    fcntl_setfl(&writer, OFlags::DIRECT).unwrap();
    for packets in [1, 20, 60] {
        (0..packets).for_each(|_| writer.write_all(&[7; 100]).unwrap());
        pipe.take_in(packets * 100).await;
    }
}

#[tokio::test]
async fn a_paced_pipe_reads_all_packets_that_a_tick_has_found() {
    let (mut pipe, mut writer) = pipe_of(LARGE_SIZE);
    writer.write_all(&[7; BURST]).unwrap();
    pipe.take_in(BURST).await;
    assert!(pipe.is_paced());
    fcntl_setfl(&writer, OFlags::DIRECT).unwrap();
    (0..20).for_each(|_| writer.write_all(&[7; 100]).unwrap());
    // The first packet may be read without a tick, but the second needs one.
    for _ in 0..2 {
        assert_eq!(within(pipe.read(&mut [0; 1000])).await.unwrap(), 100);
    }
    assert!(pipe.is_paced());
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 2..20 {
        let mut room = [0; 1000];
        let mut buf = ReadBuf::new(&mut room);
        let poll = Pin::new(&mut pipe).poll_read(&mut cx, &mut buf);
        assert!(poll.is_ready(), "no tick is waited for");
        assert_eq!(buf.filled().len(), 100);
    }
}

#[tokio::test]
async fn a_hint_of_more_bytes_than_there_are_is_harmless() {
    let (mut pipe, mut writer) = pipe_of(LARGE_SIZE);
    writer.write_all(&[7; BURST]).unwrap();
    pipe.take_in(BURST).await;
    let Mode::Paced(paced, _) = &mut pipe.mode else {
        panic!("not paced");
    };
    (paced.available, paced.wait) = (1_000_000, None);
    writer.write_all(&[9]).unwrap();
    pipe.take_in(1).await;
    pipe.calm_down().await;
}

#[test]
fn a_system_call_that_a_signal_interrupts_is_no_error() {
    static SIGNALS: AtomicU32 = AtomicU32::new(0);
    extern "C" fn count(_: libc::c_int) {
        SIGNALS.fetch_add(1, Relaxed);
    }
    let (mut pipe, _writer) = pipe_of(LARGE_SIZE);
    let thread = within_signals(count, move || {
        while SIGNALS.load(Relaxed) < 10_000 {
            assert!(!pipe.is_hung_up().unwrap());
            assert_eq!(pipe.available().unwrap(), 0);
            let mut room = [0; 1];
            let read = pipe.try_read(&mut ReadBuf::new(&mut room), 1);
            assert_eq!(read.unwrap(), None);
        }
    });
    thread.join().unwrap();
}

/// Runs `work` in a thread that gets one signal after the other, with a handler without SA_RESTART.
#[expect(unsafe_code, reason = "sigaction and pthread_kill have no safe form")]
fn within_signals(
    handler: extern "C" fn(libc::c_int),
    work: impl FnOnce() + Send + 'static,
) -> std::thread::JoinHandle<()> {
    use std::os::unix::thread::JoinHandleExt;

    let action = libc::sigaction {
        sa_sigaction: handler as *const () as usize,
        sa_mask: empty_signals(),
        sa_flags: 0,
        sa_restorer: None,
    };
    // SAFETY: the handler only adds to an atomic, which is async-signal-safe; a null pointer means that the old action is
    // not wanted.
    unsafe { libc::sigaction(libc::SIGURG, &action, std::ptr::null_mut()) };
    let thread = std::thread::spawn(work);
    while !thread.is_finished() {
        // SAFETY: the thread has not been joined, so its id is valid.
        unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGURG) };
    }
    thread
}

#[expect(unsafe_code, reason = "sigemptyset has no safe form")]
fn empty_signals() -> libc::sigset_t {
    let mut signals = std::mem::MaybeUninit::uninit();
    // SAFETY: the pointer is to a signal set on the stack, which this call initialises.
    unsafe { libc::sigemptyset(signals.as_mut_ptr()) };
    // SAFETY: the call above has initialised it.
    unsafe { signals.assume_init() }
}

#[test]
fn the_number_of_large_pipes_is_bounded() {
    let sizes = |pipes: &[Pipe]| -> usize {
        let size = |pipe: &Pipe| fcntl_getpipe_size(&pipe.fd).unwrap();
        pipes
            .iter()
            .map(size)
            .filter(|&size| size >= LARGE_SIZE)
            .count()
    };
    let make = || Pipe::new(io::pipe().unwrap().0.into());
    let pipes: Vec<_> = (0..100).map(|_| make()).collect();
    let large = sizes(&pipes);
    assert!(large <= 64, "{large}");
}
