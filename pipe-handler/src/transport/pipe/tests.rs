use std::{
    cell::Cell,
    io::{PipeReader, Read},
    os::fd::{AsRawFd, OwnedFd},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::fs::OFlags;

use super::*;
use crate::transport::Overflow;

/// Runs one test at a time: one of them changes the disposition of SIGPIPE for the whole process.
static SERIAL: Mutex<()> = Mutex::new(());

fn serial() -> MutexGuard<'static, ()> {
    SERIAL.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pipe() -> (PipeReader, Pipe) {
    let (reader, writer) = std::io::pipe().unwrap();
    (
        reader,
        Pipe::new(Arc::new(OwnFd::new(writer.into())), false),
    )
}

fn no_wait() -> Deadline {
    Deadline::new(Overflow::DropNewest)
}

/// Fills the pipe with frames of the largest size; returns how many fitted.
fn fill(pipe: &Pipe) -> usize {
    let frame = [7; PIPE_BUF];
    std::iter::repeat_with(|| pipe.write(&frame, &mut no_wait()))
        .take_while(|&written| written == Written::Whole)
        .count()
}

fn fills_drains_and_fills_again(pipe: &Pipe, mut reader: PipeReader) {
    let fitted = fill(pipe);
    assert!(fitted > 0);
    assert_eq!(pipe.write(b"x", &mut no_wait()), Written::Full);
    let flags = rustix::fs::fcntl_getfl(&*pipe.end).unwrap();
    assert!(
        !flags.contains(OFlags::NONBLOCK),
        "the shared description was changed"
    );

    reader.read_exact(&mut vec![0; fitted * PIPE_BUF]).unwrap();
    assert_eq!(pipe.write(b"x", &mut no_wait()), Written::Whole);
    drop(reader);
    assert_eq!(pipe.write(b"x", &mut no_wait()), Written::Gone);
    assert_eq!(
        pipe.write(b"x", &mut Deadline::new(Overflow::Block)),
        Written::Gone
    );
}

#[test]
fn a_full_pipe_is_found_full_without_waiting() {
    let _serial = serial();
    let (reader, pipe) = pipe();
    fills_drains_and_fills_again(&pipe, reader);
}

#[test]
fn without_nowait_a_reopened_description_is_used() {
    let _serial = serial();
    let (reader, pipe) = pipe();
    pipe.reopened.set(reopen(&pipe.end)).unwrap();
    fills_drains_and_fills_again(&pipe, reader);
}

#[test]
fn without_nowait_and_reopening_room_is_polled_first() {
    let _serial = serial();
    let (reader, pipe) = pipe();
    pipe.reopened.set(None).unwrap();
    fills_drains_and_fills_again(&pipe, reader);
}

#[test]
fn a_wait_for_room_ends_at_the_deadline() {
    let _serial = serial();
    let (_reader, pipe) = pipe();
    fill(&pipe);
    let mut deadline = Deadline::new(Overflow::BlockFor(Duration::from_millis(1)));
    assert_eq!(pipe.write(b"x", &mut deadline), Written::Full);
}

#[test]
fn with_sigpipe_at_its_default_the_process_lives_on() {
    let _serial = serial();
    for (block_sigpipe, reopened) in [(false, false), (true, false), (true, true)] {
        let (reader, pipe) = pipe();
        pipe.block_sigpipe.store(block_sigpipe, Relaxed);
        if reopened {
            pipe.reopened.set(reopen(&pipe.end)).unwrap();
        }
        // Set after the pipe was made: it must hold at any time.
        set_disposition(libc::SIG_DFL);
        assert_eq!(
            pipe.write(b"x", &mut Deadline::new(Overflow::Block)),
            Written::Whole
        );
        fill(&pipe);
        drop(reader);
        assert_eq!(pipe.write(b"x", &mut no_wait()), Written::Gone);
        assert_eq!(
            pipe.write(b"x", &mut Deadline::new(Overflow::Block)),
            Written::Gone
        );
        set_disposition(libc::SIG_IGN);
    }
}

thread_local! {
    /// Whether the program's handler for SIGPIPE has run in this thread.
    static HANDLED: Cell<bool> = const { Cell::new(false) };
}

/// The program's handler. It may run in another test's thread too, so it notes that in the thread itself.
extern "C" fn handle(_: libc::c_int) {
    HANDLED.set(true);
}

fn dispositions() -> [(&'static str, libc::sighandler_t); 3] {
    let handler = handle as extern "C" fn(libc::c_int) as *const () as libc::sighandler_t;
    [
        ("default", libc::SIG_DFL),
        ("handler", handler),
        ("ignored", libc::SIG_IGN),
    ]
}

/// Sets the disposition of SIGPIPE, which is for the whole process.
fn set_disposition(disposition: libc::sighandler_t) {
    // SAFETY: the default action and ignoring run no code of this program, and `handle` only sets a thread-local that
    // needs no initialisation and no destructor.
    unsafe { libc::signal(libc::SIGPIPE, disposition) };
}

/// Whether SIGPIPE is blocked in this thread, and whether it is pending.
fn sigpipe_of_this_thread() -> (bool, bool) {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let is_in = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let set = u64::from_str_radix(line.unwrap().trim(), 16).unwrap();
        set & (1 << (libc::SIGPIPE - 1)) != 0
    };
    (is_in("SigBlk:"), is_in("SigPnd:"))
}

fn block_sigpipe() {
    // SAFETY: a signal set consists of plain numbers, for which zero is valid.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is initialised and the signal exists.
    unsafe { libc::sigaddset(&mut set, libc::SIGPIPE) };
    sigpipe::change_mask(libc::SIG_BLOCK, &set);
}

/// Writes to a pipe without a reader, in a thread that blocks SIGPIPE, or has it pending too. Returns the same about
/// the thread after the write.
fn write_without_reader(no_signal: bool, is_blocked: bool, is_pending: bool) -> (bool, bool) {
    let thread = std::thread::spawn(move || {
        if is_blocked {
            block_sigpipe();
        }
        if is_pending {
            // SAFETY: the signal is blocked above, so it stays pending.
            unsafe { libc::raise(libc::SIGPIPE) };
        }
        let (reader, pipe) = pipe();
        pipe.block_sigpipe.store(!no_signal, Relaxed);
        drop(reader);
        assert_eq!(pipe.write(b"x", &mut no_wait()), Written::Gone);
        assert!(!HANDLED.get(), "the program's handler was run");
        sigpipe_of_this_thread()
    });
    thread.join().unwrap()
}

#[test]
fn a_write_that_nobody_reads_leaves_the_threads_signals_as_they_were() {
    let _serial = serial();
    for (name, disposition) in dispositions() {
        set_disposition(disposition);
        for (is_blocked, is_pending) in [(false, false), (true, false), (true, true)] {
            for no_signal in [true, false] {
                // Linux merges the write's signal with one that was pending, and nothing tells them apart afterwards.
                let is_merged = name == "ignored" && !no_signal;
                assert_eq!(
                    write_without_reader(no_signal, is_blocked, is_pending),
                    (is_blocked, is_pending && !is_merged),
                    "{name}, no_signal: {no_signal}"
                );
            }
        }
        set_disposition(libc::SIG_IGN);
    }
}

#[test]
fn sigpipe_is_blocked_during_a_write_only_if_the_program_does_not_ignore_it() {
    let _serial = serial();
    for (name, disposition) in dispositions() {
        set_disposition(disposition);
        let during = sigpipe::without(|| Ok(sigpipe_of_this_thread()));
        set_disposition(libc::SIG_IGN);
        assert_eq!(during, Ok((name != "ignored", false)), "{name}");
        assert_eq!(sigpipe_of_this_thread(), (false, false), "{name}");
    }
}

/// Replaces the pipe's descriptor with another one, without the pipe's knowledge.
fn replace(pipe: &Pipe, other: impl AsFd) {
    let (other, number) = (other.as_fd().as_raw_fd(), pipe.end.as_fd().as_raw_fd());
    // SAFETY: both descriptors are open, and the pipe checks the number before it relies on it.
    assert_eq!(unsafe { libc::dup2(other, number) }, number);
}

#[test]
fn a_number_that_means_another_pipe_by_now_is_not_waited_for() {
    let _serial = serial();
    let endless = Duration::from_secs(1_000_000);
    let as_made = |_: &Pipe| {};
    let reopened = |pipe: &Pipe| pipe.reopened.set(reopen(&pipe.end)).unwrap();
    let poll_first = |pipe: &Pipe| pipe.reopened.set(None).unwrap();
    for prepare in [as_made, reopened, poll_first] {
        for overflow in [Overflow::DropNewest, Overflow::BlockFor(endless)] {
            let (_other_reader, other) = self::pipe();
            fill(&other);
            let (_reader, pipe) = self::pipe();
            prepare(&pipe);
            replace(&pipe, &*other.end);
            if let Some(Some(reopened)) = pipe.reopened.get() {
                let number = reopened.as_fd().as_raw_fd();
                // SAFETY: as in `replace`.
                unsafe { libc::dup2(other.end.as_fd().as_raw_fd(), number) };
                let flags = rustix::fs::fcntl_getfl(&*other.end).unwrap() | OFlags::NONBLOCK;
                rustix::fs::fcntl_setfl(&*other.end, flags).unwrap();
            }
            assert_eq!(
                pipe.write(b"x", &mut Deadline::new(overflow)),
                Written::Gone
            );
        }
    }
}

#[test]
fn a_write_that_is_checked_reaches_no_other_file() {
    let _serial = serial();
    let (_reader, writer) = std::io::pipe().unwrap();
    let pipe = Pipe::new(Arc::new(OwnFd::new(writer.into())), true);
    assert_eq!(pipe.write(b"x", &mut no_wait()), Written::Whole);
    let (mut other_reader, other) = std::io::pipe().unwrap();
    replace(&pipe, other);
    for overflow in [Overflow::DropNewest, Overflow::Block] {
        assert_eq!(
            pipe.write(b"x", &mut Deadline::new(overflow)),
            Written::Gone
        );
    }
    assert_eq!(pipe.end.address(), None);
    let number = pipe.end.as_fd().as_raw_fd();
    drop(pipe);
    // SAFETY: the number is still open, and no other Rust value owns it.
    let other = unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(number) };
    assert!(
        rustix::fs::fstat(&other).is_ok(),
        "it was closed with the pipe"
    );
    drop(other);
    assert_eq!(other_reader.read(&mut [0]).unwrap(), 0, "it was written to");
}

/// Prints the figures that comments quote for the different ways to write.
#[test]
#[ignore = "measures: with --release and --nocapture"]
fn what_a_write_costs() {
    const WRITES: u32 = 500;
    let _serial = serial();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let end = OwnFd::new(writer.into());
    let frame = [7; 100];
    let way = |no_signal, no_wait| Attempt {
        end: &end,
        no_signal,
        no_wait,
        poll_first: false,
    };
    let (plain, quiet, no_wait) = (way(false, false), way(true, false), way(true, true));
    type Write<'a> = &'a dyn Fn() -> Result<usize, Errno>;
    let ways: [(&str, Write<'_>); 6] = [
        ("write", &|| plain.call(&frame)),
        ("pwritev2, NOSIGNAL", &|| quiet.call(&frame)),
        ("pwritev2, NOSIGNAL and NOWAIT", &|| no_wait.call(&frame)),
        ("write, SIGPIPE ignored by the program", &|| {
            sigpipe::without(|| plain.call(&frame))
        }),
        ("write, SIGPIPE blocked", &|| {
            sigpipe::while_blocked(|| plain.call(&frame))
        }),
        ("pwritev2, NOSIGNAL, checked before", &|| {
            assert!(end.is_ours());
            quiet.call(&frame)
        }),
    ];
    let mut times = [const { Vec::new() }; 6];
    for _ in 0..2_000 {
        for ((_, write), times) in ways.iter().zip(&mut times) {
            let start = std::time::Instant::now();
            for _ in 0..WRITES {
                write().unwrap();
            }
            times.push(start.elapsed() / WRITES);
            reader
                .read_exact(&mut vec![0; frame.len() * WRITES as usize])
                .unwrap();
        }
    }
    for ((name, _), times) in ways.iter().zip(&mut times) {
        times.sort();
        println!("{name}: {:?}", times[times.len() / 2]);
    }
}
