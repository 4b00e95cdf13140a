use std::{
    io::{self, PipeWriter, Write},
    time::Duration,
};

use log::Level;
use record_proto::Encode;
use rustix::fs::{OFlags, fcntl_setfl};

use super::super::streams::Streams;
use super::*;
use crate::read::ChildPipe;

const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// A record pipe and a stderr, and their write ends.
struct Pipes {
    frames: FrameReader<ChildPipe>,
    captured: CapturedStreams,
    pipe: PipeWriter,
    stderr: PipeWriter,
}

impl Pipes {
    fn new() -> Self {
        let (read_end, pipe) = io::pipe().unwrap();
        let frames = ChildPipe::new(read_end.into(), FOR_EVER).unwrap();
        let gauge = frames.gauge().unwrap();
        let (read_end, stderr) = io::pipe().unwrap();
        let streams = Streams::both();
        let stream = LineStream::new("stderr", Level::Warn, streams, read_end.into(), FOR_EVER);
        Self {
            captured: CapturedStreams::new(vec![stream.unwrap()], gauge, Some(7)),
            frames: FrameReader::new(frames),
            pipe,
            stderr,
        }
    }

    /// Takes everything that can be had without waiting: `P` for a payload, `L` for a line.
    async fn take(&mut self) -> String {
        let mut order = String::new();
        let mut turns = 0;
        loop {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            if self
                .captured
                .poll_beside(&mut self.frames, &mut cx)
                .is_pending()
            {
                turns += 1;
                if turns > 10 {
                    return order;
                }
                // The runtime looks at the descriptors.
                tokio::task::yield_now().await;
                continue;
            }
            match self.captured.next_record(&mut self.frames) {
                Some(_) => order.push('L'),
                None => {
                    let payload = self.frames.next_payload().map(<[u8]>::len);
                    self.captured.note_payload(payload.unwrap_or(0));
                    order.extend(payload.map(|_| 'P'));
                }
            }
        }
    }
}

fn frame() -> Vec<u8> {
    let mut frame = Vec::new();
    LogRecord::new(Level::Info, "app", "x").encode_frame(&mut frame);
    frame
}

/// In packet mode, a read returns one packet, although more are in the pipe.
#[tokio::test]
async fn a_line_waits_until_the_pipe_is_empty_and_not_for_one_read_only() {
    let mut pipes = Pipes::new();
    fcntl_setfl(&pipes.pipe, OFlags::DIRECT).unwrap();
    pipes.stderr.write_all(b"one\ntwo\n").unwrap();
    for _ in 0..5 {
        pipes.pipe.write_all(&frame()).unwrap();
    }
    assert_eq!(pipes.take().await, "PPPPPLL");
    pipes.stderr.write_all(b"three\n").unwrap();
    assert_eq!(pipes.take().await, "L");
}

/// However many records there are, and although the pipe has nothing.
#[cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
#[tokio::test]
async fn records_of_a_shared_buffer_go_before_lines_that_were_written_after_them() {
    let mut pipes = Pipes::new();
    let rings = crate::read::Rings::new(8 << 20).unwrap();
    let mut child = crate::read::TestChild::claim(&rings, 7, 70);
    pipes.frames.set_rings(rings, true);
    for _ in 0..3 {
        let long = "x".repeat(2 * MAX_PASSED / 99);
        for _ in 0..100 {
            child.log(&long);
        }
        pipes.stderr.write_all(b"one\n").unwrap();
        // From the second time on, the runtime knows about the line before the first record is taken.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pipes.take().await, "P".repeat(100) + "L");
    }
}

#[tokio::test]
async fn records_are_numbered_and_the_last_ones_are_followed_by_a_close() {
    let mut pipes = Pipes::new();
    pipes.stderr.write_all(b"one\ntwo\nthree").unwrap();
    assert_eq!(pipes.take().await, "LL");
    assert_eq!(pipes.captured.take_close(), None);
    let Pipes {
        mut frames,
        mut captured,
        pipe,
        stderr,
    } = pipes;
    drop((pipe, stderr));
    let has_more = std::future::poll_fn(|cx| captured.poll_beside(&mut frames, cx)).await;
    let record = captured.next_record(&mut frames).unwrap();
    assert_eq!((has_more, record.seq, record.pid), (true, 3, Some(7)));
    assert!(!std::future::poll_fn(|cx| captured.poll_beside(&mut frames, cx)).await);
    let close = captured.take_close().unwrap();
    assert_eq!((close.sent, close.instance), (3, record.instance));
    assert_eq!(captured.take_close(), None);
}
