use std::{
    fs::File,
    io::{PipeReader, PipeWriter, Read, Write},
    os::fd::AsRawFd,
    process::Command,
};

use rustix::fs::{OFlags, fcntl_setfl};
use tokio::io::AsyncReadExt;

use super::*;

/// Returns the pipe of a child that has exited and whose grace period is over, and a write end that another process
/// could hold.
fn pipe_after_grace() -> (ChildPipe, PipeWriter) {
    pipe_of(None)
}

fn pipe_of(pid: Option<u32>) -> (ChildPipe, PipeWriter) {
    let (read_end, write_end): (PipeReader, _) = io::pipe().unwrap();
    let mut pipe = ChildPipe::new(read_end.into(), Duration::ZERO).unwrap();
    pipe.watch_exit_of(pid);
    (pipe, write_end)
}

/// Reads the bytes that are there, without waiting.
fn read_at_once(pipe: &mut ChildPipe, room: usize) -> usize {
    let mut room = vec![0; room];
    let mut buf = ReadBuf::new(&mut room);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let poll = Pin::new(pipe).poll_read(&mut cx, &mut buf);
    assert!(matches!(poll, Poll::Ready(Ok(()))), "{poll:?}");
    buf.filled().len()
}

fn is_held_open(pipe: &ChildPipe) -> bool {
    pipe.held_open().load(Ordering::Relaxed)
}

#[tokio::test]
async fn what_somebody_else_takes_out_of_the_pipe_is_not_waited_for() {
    let (mut pipe, mut writer) = pipe_after_grace();
    writer.write_all(&[7; 100]).unwrap();
    assert_eq!(read_at_once(&mut pipe, 10), 10);
    let mut thief = File::open(format!("/proc/self/fd/{}", writer.as_raw_fd())).unwrap();
    assert_eq!(thief.read(&mut [0; 200]).unwrap(), 90);
    assert_eq!(read_at_once(&mut pipe, 200), 0);
    assert!(is_held_open(&pipe));
}

#[tokio::test]
async fn a_pipe_is_not_idle_while_frames_come_another_way() {
    let (read_end, _write_end) = io::pipe().unwrap();
    let mut pipe = ChildPipe::new(read_end.into(), Duration::from_secs(1_000_000)).unwrap();
    pipe.watch_exit_of(None);
    for is_busy in [false, true, false] {
        pipe.rings_are_busy().store(is_busy, Ordering::Relaxed);
        let mut room = [0; 8];
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let poll = Pin::new(&mut pipe).poll_read(&mut cx, &mut ReadBuf::new(&mut room));
        assert!(poll.is_pending());
        let watch = pipe.exit_watch.as_ref().unwrap();
        assert_eq!(watch.is_idle(), !is_busy);
    }
}

#[tokio::test]
async fn packets_that_are_there_after_the_grace_are_read_and_no_more() {
    let (mut pipe, mut writer) = pipe_after_grace();
    fcntl_setfl(&writer, OFlags::DIRECT).unwrap();
    (0..40).for_each(|_| writer.write_all(&[7; 100]).unwrap());
    for _ in 0..40 {
        assert_eq!(read_at_once(&mut pipe, 64 * 1024), 100);
        writer.write_all(&[7; 100]).unwrap();
    }
    for _ in 0..3 {
        assert_eq!(read_at_once(&mut pipe, 64 * 1024), 0, "and so it stays");
    }
    assert!(is_held_open(&pipe));
}

#[tokio::test]
async fn the_last_writers_bytes_after_the_grace_period_are_read_to_the_end_of_file() {
    let (mut pipe, mut writer) = pipe_after_grace();
    writer.write_all(&[7; 100]).unwrap();
    assert_eq!(read_at_once(&mut pipe, 10), 10);
    writer.write_all(&[7; 100]).unwrap();
    drop(writer);
    let mut all = Vec::new();
    assert_eq!(pipe.read_to_end(&mut all).await.unwrap(), 190);
    assert!(!is_held_open(&pipe));
}

#[tokio::test]
async fn a_child_that_somebody_has_waited_for_has_exited() {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let (mut pipe, _writer) = pipe_of(Some(child.id()));
    assert_eq!(read_at_once(&mut pipe, 10), 0);
    assert!(is_held_open(&pipe));
}
