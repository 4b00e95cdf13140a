//! How a process finds its pipe, and the levels that it logs there.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    os::fd::AsRawFd,
    process::{Command, Stdio},
};

use log::{Log, Metadata, Record};
use pipe_handler::{InitError, Outcome, PipeHandler};
use rustix::{
    io::{FdFlags, fcntl_getfd},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::{
    descriptors::{open_descriptors, pipe_inode},
    tools::{given_number, init as init_plainly, pipe, pipe_number, say, settings},
};

/// Reports on stderr: the test may give the other streams as a pipe.
pub(crate) fn init() {
    let result = pipe_handler::init();
    eprintln!("init: {:?}", result.map_err(Kind));
    log::info!("after init");
}

pub(crate) fn init_or() {
    match pipe_handler::init_or(Fallback) {
        Ok(Outcome::Pipe) => eprintln!("init_or: the pipe"),
        Ok(Outcome::Fallback(reason)) => {
            let text = reason.to_string();
            eprintln!("init_or: the fallback, {:?}: {text}", Kind(reason));
        }
        other => eprintln!("init_or: {other:?}"),
    }
    log::info!("after init_or");
}

/// Prints the variant of the error, whose own `Debug` is a text for people.
struct Kind(InitError);

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            InitError::Absent => f.write_str("Absent"),
            InitError::Malformed => f.write_str("Malformed"),
            InitError::Newer { version } => write!(f, "Newer {{ version: {version} }}"),
            InitError::Stale { fd } => write!(f, "Stale {{ fd: {fd} }}"),
            InitError::Foreign { fd } => write!(f, "Foreign {{ fd: {fd} }}"),
            InitError::AlreadyAdopted => f.write_str("AlreadyAdopted"),
            InitError::Logger(_) => f.write_str("Logger"),
            other => write!(f, "{other}"),
        }
    }
}

struct Fallback;

impl Log for Fallback {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        eprintln!("fallback: {}", record.args());
    }

    fn flush(&self) {}
}

pub(crate) fn twice() {
    init_plainly();
    let second = PipeHandler::builder().build();
    say(&format!("second: {:?}", second.map(drop).map_err(Kind)));
    let third = pipe_handler::init_or(Fallback);
    say(&format!("third: {:?}", third.map(drop).map_err(Kind)));
    log::info!("still by the first");
}

/// Reports the pipe's descriptor before and after it is adopted. Then it opens files until one has the number that was
/// given; nothing must be written into any of them.
pub(crate) fn moves() {
    let (given, inode) = (given_number(), pipe_inode(given_number()));
    init_plainly();
    let own = pipe_number();
    let flags = fcntl_getfd(pipe()).expect("F_GETFD");
    say(&format!(
        "own {}, high {}, close-on-exec {}, given {}",
        own != given,
        own >= 100,
        flags.contains(FdFlags::CLOEXEC),
        match open_descriptors().contains(&given) {
            false => "closed",
            true if pipe_inode(given) == inode => "the pipe",
            true => "something else",
        }
    ));
    let mut files = Vec::new();
    while given > 2 && !open_descriptors().contains(&given) {
        files.push(tempfile());
    }
    log::info!("in the pipe");
    let written = files
        .iter()
        .map(|file| file.metadata().expect("fstat").len());
    log::info!(files = files.len(), written = written.sum::<u64>(); "afterwards");
}

/// A file without a name.
fn tempfile() -> File {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    rustix::fs::memfd_create("file", flags)
        .expect("a file")
        .into()
}

/// Starts a logger in every way while there is one already. The pipe can still be adopted afterwards.
pub(crate) fn logger_before() {
    log::set_logger(&Fallback).expect("no logger before");
    let builder = || settings().filter("trace");
    let kind = |error| match error {
        Err(pipe_handler::InitError::Logger(_)) => "logger",
        _ => "something else",
    };
    let failures = [
        kind(builder().init()),
        kind(builder().init_or(Fallback).map(drop)),
        match settings().filter("x=y=z").build() {
            Err(pipe_handler::InitError::Filter { .. }) => "filter",
            _ => "something else",
        },
    ];
    say(&failures.join(" "));
    let handler = builder().build().expect("the pipe");
    handler.log(&Record::builder().args(format_args!("by the last")).build());
}

/// There is no free descriptor to move the pipe to at first, and then there is.
pub(crate) fn no_descriptor() {
    let before = getrlimit(Resource::Nofile);
    let current = Some(64);
    setrlimit(Resource::Nofile, Rlimit { current, ..before }).expect("a limit");
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    let outcome = pipe_handler::init_or(Fallback);
    let given = pipe_inode(given_number());
    drop(files);
    match outcome {
        Ok(Outcome::Fallback(reason)) => say(&format!("{reason}, given {}", given.is_some())),
        other => say(&format!("{other:?}")),
    }
    let handler = PipeHandler::builder().build().expect("the pipe");
    handler.log(&Record::builder().args(format_args!("by the pipe")).build());
    let (own, given) = (pipe_number(), given_number());
    say(&format!(
        "moved {}",
        own != given && (32..64).contains(&own)
    ));
}

/// The pipe is the stdin, and there is no /dev/null to replace it.
pub(crate) fn stdin_in_a_chroot(root: &str) {
    std::os::unix::fs::chroot(root).expect("root may do this");
    std::env::set_current_dir("/").expect("a folder");
    init_plainly();
    let read = io::stdin().read(&mut [0]).expect("stdin");
    let inode = pipe_inode(0).map_or("none".to_owned(), |inode| inode.to_string());
    let variable = std::env::var("RECORD_PIPE").expect("a record pipe");
    log::info!(read, own = variable.ends_with(&format!(":{inode}")); "stdin");
}

/// A program that becomes a daemon closes every descriptor, then opens its files. The handler checks its descriptor
/// before it writes and when it is dropped.
pub(crate) fn daemon() {
    // Directly, so that the handler has noticed by the end of the log call.
    let builder = settings().check_before_each_write(true);
    let handler = builder.build().expect("the pipe");
    let log = |n| handler.log(&Record::builder().args(format_args!("n{n}")).build());
    log(0);
    let own = pipe_number();
    let last = own.max(given_number());
    for fd in 3..=last {
        // SAFETY: nothing else in this process uses them, and the handler has to notice it.
        unsafe { libc::close(fd) };
    }
    let mut files = vec![tempfile()];
    while files.iter().all(|file| file.as_raw_fd() != own) {
        files.push(tempfile());
    }
    (1..10).for_each(log);
    let is_gone = handler.is_gone();
    let shared = handler.share_with(&mut Command::new("true")).is_ok();
    drop(handler);
    let lengths = files
        .iter()
        .map(|file| file.metadata().expect("still open").len());
    let written: u64 = lengths.sum();
    say(&format!(
        "gone {is_gone}, shared {shared}, written {written}"
    ));
}

/// Logs one record of each level for two targets, and prints the maximum level.
pub(crate) fn levels(filter: &str) {
    let mut builder = PipeHandler::builder();
    if !filter.is_empty() {
        builder = builder.filter(filter);
    }
    builder.init().expect("a record pipe");
    log::error!(max:% = log::max_level(); "maximum");
    for level in log::Level::iter() {
        log::log!(target: "alpha", level, "alpha {level}");
        log::log!(target: "beta::deep", level, "beta {level}");
    }
}

pub(crate) fn stdin() {
    init_plainly();
    let mut input = Vec::new();
    let read = std::io::stdin().read_to_end(&mut input);
    let behind = std::fs::read_link("/proc/self/fd/0").expect("a link");
    log::info!(bytes = read.expect("stdin"), behind:% = behind.display(); "stdin");
}

/// Starts a child that has the variable, but not the pipe.
pub(crate) fn pass_on_the_variable() {
    init_plainly();
    log::info!("the child");
    let this = std::env::current_exe().expect("a path");
    let mut command = Command::new(this);
    command.arg("init-or").stdin(Stdio::null());
    let status = command.status().expect("a grandchild");
    log::info!(ok = status.success(); "the grandchild is gone");
}
