use std::{
    future::poll_fn,
    io::{PipeWriter, Write},
    task::Waker,
};

use rustix::pipe::fcntl_setpipe_size;
use tokio::io::AsyncReadExt;

use super::*;

/// A pipe of this size and its write end.
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

    /// Reads so many bytes.
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

/// Nothing here takes long; a test that hangs fails.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("still not done after a minute")
}

/// As much as makes a writer hot with one read.
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
    let readers: Vec<_> = [MIN_SIZE, LARGE_SIZE, 8192, 1 << 20]
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
                let (mut total, mut buf) = (0, vec![0; MIN_SIZE]);
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
    let mut rest = Vec::new();
    assert_eq!(within(pipe.read_to_end(&mut rest)).await.unwrap(), 140);
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
async fn a_paced_pipe_that_always_has_more_gives_way() {
    let (mut pipe, mut writer) = pipe_of(LARGE_SIZE);
    writer.write_all(&[7; LARGE_SIZE]).unwrap();
    pipe.take_in(BURST).await;
    assert!(pipe.is_paced());
    // Each read is of one byte, behind which there is more.
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
    // Somebody polls it who goes away.
    let mut room = [0; 1];
    let mut cx = Context::from_waker(Waker::noop());
    let poll = Pin::new(&mut pipe).poll_read(&mut cx, &mut ReadBuf::new(&mut room));
    assert!(poll.is_pending());
    let reader = tokio::spawn(async move { pipe.read_u8().await });
    writer.write_all(&[9]).unwrap();
    assert_eq!(within(reader).await.unwrap().unwrap(), 9);
}

#[test]
fn large_pipes_are_within_an_allowance() {
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
