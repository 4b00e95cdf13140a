//! Functions that several scenarios use.

use std::{
    fs::OpenOptions,
    io::{self, BufRead, Write},
    os::{
        fd::{BorrowedFd, RawFd},
        unix::fs::OpenOptionsExt,
    },
    sync::OnceLock,
    thread,
    time::Duration,
};

use pipe_handler::{Builder, Delivery, Overflow, PipeHandler};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    descriptors::{open_descriptors, pipe_inode},
    noise,
};

/// Returns the default settings with the delivery that the test asks for. On a busy machine the parent may be late, so
/// the exit waits as long as it takes.
pub(crate) fn settings() -> Builder {
    let delivery = match std::env::var("E2E_DELIVERY").as_deref() {
        Ok("direct") => Delivery::Direct,
        _ => Delivery::Shared,
    };
    let as_long_as_it_takes = Duration::from_secs(1_000);
    PipeHandler::builder()
        .delivery(delivery)
        .exit_timeout(as_long_as_it_takes)
}

/// Makes a handler with these settings the logger.
pub(crate) fn init() {
    start(settings());
}

/// Makes a handler with direct delivery the logger, whatever delivery the test asks for.
pub(crate) fn init_directly() {
    let settings = settings().delivery(Delivery::Direct);
    settings.init().expect("a record pipe");
}

/// Makes a handler with shared delivery the logger, whatever delivery the test asks for.
pub(crate) fn init_shared(overflow: Overflow) {
    let settings = settings().delivery(Delivery::Shared).overflow(overflow);
    settings.init().expect("a record pipe");
}

/// Makes a handler the logger, and starts the busy thread that the test asks for.
pub(crate) fn start(builder: Builder) {
    builder.init().expect("a record pipe");
    noise::start();
}

/// Whether the test leaves the delivery at the default.
pub(crate) fn is_shared() -> bool {
    std::env::var("E2E_DELIVERY").map_or(true, |delivery| delivery != "direct")
}

/// Makes a handler the logger and returns it, for its counts.
pub(crate) fn init_with(builder: Builder) -> &'static PipeHandler {
    static HANDLER: OnceLock<PipeHandler> = OnceLock::new();
    let handler = builder.build().expect("a record pipe");
    let level = handler.level();
    let handler = HANDLER.get_or_init(|| handler);
    log::set_logger(handler).expect("no logger before");
    log::set_max_level(level);
    handler
}

/// Prints a line for the test on stdout.
pub(crate) fn say(text: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").expect("stdout");
    out.flush().expect("stdout");
}

/// Waits for a line from the test, or for the end of stdin.
pub(crate) fn hear() {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).expect("stdin");
}

pub(crate) fn wait_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// Whether a thread of this process waits in a system call.
pub(crate) fn is_asleep(thread: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
    stat.is_ok_and(|stat| stat.contains(") S "))
}

/// Returns the record pipe.
pub(crate) fn pipe() -> BorrowedFd<'static> {
    // SAFETY: the handler of this process keeps it open until the end.
    unsafe { BorrowedFd::borrow_raw(pipe_number()) }
}

/// Returns the number of the record pipe: the parent's, or the one to which the handler has moved it.
pub(crate) fn pipe_number() -> RawFd {
    let variable = std::env::var("RECORD_PIPE").expect("a record pipe");
    let inode = variable.split(':').nth(3).expect("an inode").parse().ok();
    let mut open = open_descriptors().into_iter();
    open.find(|&fd| pipe_inode(fd) == inode).expect("the pipe")
}

/// Returns the number that the parent gave to the record pipe.
pub(crate) fn given_number() -> RawFd {
    let variable = std::env::var("RECORD_PIPE").expect("a record pipe");
    let number = variable.split(':').nth(1).expect("a descriptor");
    number.parse().expect("a descriptor")
}

/// Whether a writer would have to wait.
pub(crate) fn pipe_is_full() -> bool {
    let pipe = pipe();
    let mut polled = [PollFd::new(&pipe, PollFlags::OUT)];
    poll(&mut polled, Some(&Timespec::default())).expect("poll");
    !polled[0].revents().contains(PollFlags::OUT)
}

/// Fills the pipe to its last byte with frames of an unknown kind.
pub(crate) fn fill_pipe() {
    // Opened anew, so that the flags of the open file that the handler writes to stay as they are.
    let mut own = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(format!("/proc/self/fd/{}", pipe_number()))
        .expect("the pipe");
    let small = [0, 0, 0, 2, 0x7f, 0x90];
    let large = small.repeat(600);
    for frames in [&large[..], &small] {
        // Neither is too large to be written as a whole or not at all.
        while own.write(frames).is_ok() {}
    }
}

/// Whether the parent has read everything.
pub(crate) fn pipe_is_empty() -> bool {
    rustix::io::ioctl_fionread(pipe()).expect("FIONREAD") == 0
}

pub(crate) fn thread_id() -> u64 {
    u64::try_from(rustix::thread::gettid().as_raw_nonzero().get()).expect("positive")
}

/// Returns a text of this length in which each byte depends on its place.
pub(crate) fn pattern(length: usize, start: usize) -> String {
    let letter = |place: usize| char::from(b'a' + u8::try_from(place % 23).expect("small"));
    (start..start + length).map(letter).collect()
}
