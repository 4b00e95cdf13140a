//! How a process can end while it logs.

use std::{
    fs::OpenOptions,
    os::unix::fs::FileExt,
    panic, process,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use log::Log;
use pipe_handler::PipeHandler;

use crate::tools::{
    fill_pipe, hear, init, init_with, is_asleep, pattern, say, settings, thread_id, wait_until,
};

/// Logs ten records from each of four threads and ends at once.
pub(crate) fn end(how: &str) {
    panic::set_hook(Box::new(|_| say("previous hook")));
    init();
    thread::scope(|scope| {
        for t in 0..4 {
            scope.spawn(move || log_ten(t));
        }
    });
    match how {
        "return" => {}
        "exit" => process::exit(3),
        "exit-in-thread" => drop(thread::spawn(|| process::exit(3)).join()),
        "abort" => process::abort(),
        "panic" => panic!("the main thread panics with {}", 7),
        "panic-in-thread" => {
            let named = thread::Builder::new().name("unlucky".to_owned());
            let thread = named.spawn(|| panic!("a thread panics"));
            let _panic = thread.expect("a thread").join();
        }
        "panic-with-a-number" => panic::panic_any(7),
        "kill" => kill_this_process(),
        other => panic!("there is no end {other:?}"),
    }
}

/// Logs this many records and dies at once. The test knows the numbers itself.
pub(crate) fn die(how: &str, records: usize) {
    if how == "panic-abort" {
        // The handler's hook calls it last, as a build with panic = "abort" aborts after the hook.
        panic::set_hook(Box::new(|_| process::abort()));
    }
    let handler = init_with(settings());
    if how == "sigterm-handled" {
        return flush_at_sigterm(handler, records);
    }
    log_numbered(records);
    match how {
        "return" => {}
        "exit" => process::exit(0),
        "panic" | "panic-abort" => panic!("the end"),
        "abort" => process::abort(),
        // SAFETY: it has no conditions.
        "_exit" => unsafe { libc::_exit(0) },
        "sigterm" => signal_this_process(rustix::process::Signal::TERM),
        // SAFETY: no memory is at this address, and the fault is intended.
        "sigsegv" => unsafe { std::ptr::null_mut::<u8>().write_volatile(0) },
        "sigkill" => kill_this_process(),
        "parent-dies" => {
            say("logged");
            hear();
            wait_until(|| {
                log::info!("nobody reads it");
                handler.is_gone()
            });
        }
        other => panic!("there is no death {other:?}"),
    }
}

fn log_numbered(records: usize) {
    for n in 0..records {
        log::info!(n; "{}", pattern(100, n));
    }
}

/// Dies like a program that handles the signal.
fn flush_at_sigterm(handler: &PipeHandler, records: usize) {
    static CAUGHT: AtomicBool = AtomicBool::new(false);
    extern "C" fn catch(_: libc::c_int) {
        CAUGHT.store(true, Ordering::Relaxed);
    }
    let catch: extern "C" fn(libc::c_int) = catch;
    // SAFETY: the function does what a signal handler may do: one atomic store.
    unsafe { libc::signal(libc::SIGTERM, catch as libc::sighandler_t) };
    log_numbered(records);
    signal_this_process(rustix::process::Signal::TERM);
    wait_until(|| CAUGHT.load(Ordering::Relaxed));
    handler.flush();
    // SAFETY: it has no conditions.
    unsafe { libc::_exit(7) }
}

fn log_ten(t: usize) {
    for n in 0..10 {
        log::info!(t, n; "t{t} n{n}");
    }
}

fn kill_this_process() {
    signal_this_process(rustix::process::Signal::KILL);
}

fn signal_this_process(signal: rustix::process::Signal) {
    let this = rustix::process::getpid();
    rustix::process::kill_process(this, signal).expect("kill");
}

/// Logs from several threads until it is killed. Entry `t` of the file is the number of log calls of thread `t` that
/// have returned. It outlives the process.
pub(crate) fn log_for_ever(file: &str, threads: usize, seed: usize) {
    init();
    let file = OpenOptions::new().write(true).open(file).expect("a file");
    thread::scope(|scope| {
        for t in 0..threads {
            let file = &file;
            scope.spawn(move || {
                for n in 0_usize.. {
                    let size = some_size(n, seed);
                    log::info!(t, n; "{}", pattern(size, size));
                    let count = (n as u64 + 1).to_le_bytes();
                    file.write_all_at(&count, t as u64 * 8).expect("a counter");
                }
            });
        }
    });
}

/// Returns small sizes, sizes about that of a frame, and sizes of several frames.
pub(crate) fn some_size(n: usize, seed: usize) -> usize {
    match (n ^ seed) % 7 {
        0 => 3_900 + (n * 37 + seed) % 300,
        1 => 20_000 + (n * 977 + seed) % 20_000,
        _ => (n * 13 + seed) % 200,
    }
}

/// Catches a panic, which logs one record, and goes on.
pub(crate) fn caught_panic() {
    panic::set_hook(Box::new(|_| say("previous hook")));
    init();
    let _panic = panic::catch_unwind(|| panic!("caught"));
    log::info!("afterwards");
}

/// Closes several times while other threads log on.
pub(crate) fn close_while_logging() {
    let handler = init_with(settings());
    thread::scope(|scope| {
        for t in 0..4 {
            scope.spawn(move || {
                for n in 0..2_000 {
                    log::info!(t, n; "t{t} n{n}");
                }
            });
        }
        for _ in 0..50 {
            handler.close().expect("room in the pipe");
            thread::yield_now();
        }
    });
}

/// Ends the process while four threads log.
pub(crate) fn exit_while_logging(how: &str) {
    static STARTED: AtomicBool = AtomicBool::new(false);
    init();
    for t in 0..4_usize {
        thread::spawn(move || {
            for n in 0_usize.. {
                log::info!(t, n; "t{t} n{n}");
                if n == 100 {
                    STARTED.store(true, Ordering::Relaxed);
                }
            }
        });
    }
    wait_until(|| STARTED.load(Ordering::Relaxed));
    if how == "exit" {
        process::exit(0);
    }
}

/// Ends the process while another thread waits for room for its hello.
pub(crate) fn exit_while_saying_hello() {
    static THREAD: AtomicU64 = AtomicU64::new(0);
    fill_pipe();
    thread::spawn(|| {
        THREAD.store(thread_id(), Ordering::Relaxed);
        init();
    });
    wait_until(|| {
        let thread = THREAD.load(Ordering::Relaxed);
        log::max_level() != log::LevelFilter::Off && is_asleep(thread)
    });
    say("ends");
}

/// Logs on when its parent is gone.
/// Prints what the functions say that reach the installed logger: before there is one, and then with one.
pub(crate) fn installed() {
    let second = std::time::Duration::from_secs(1_000);
    say(&format!(
        "{:?} {:?}",
        pipe_handler::counts(),
        pipe_handler::close(second)
    ));
    pipe_handler::flush();
    say(&format!("{:?}", pipe_handler::wait_read(second)));
    init();
    log::info!("one");
    log::info!("two");
    pipe_handler::flush();
    let sent = |counts: Option<pipe_handler::Counts>| counts.map(|counts| counts.sent);
    say(&format!("{:?}", sent(pipe_handler::counts())));
    say(&format!("{:?}", pipe_handler::wait_read(second)));
    say(&format!("{:?}", sent(pipe_handler::close(second))));
    hear();
    // SAFETY: it has no conditions.
    unsafe { libc::_exit(0) };
}

pub(crate) fn orphan(how: &str) {
    // SAFETY: it sets the default action and no handler.
    let die_of_sigpipe = || unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    if how.starts_with("default-signal") {
        die_of_sigpipe();
    }
    if how == "gone-before" {
        say("ready");
        hear();
    }
    let overflow = match how {
        "drop" | "default-signal-drop" | "later-default-signal-drop" => {
            pipe_handler::Overflow::DropNewest
        }
        _ => pipe_handler::Overflow::Block,
    };
    let handler = init_with(settings().overflow(overflow));
    log::info!("before");
    if how.starts_with("later-default-signal") {
        die_of_sigpipe();
    }
    if how != "gone-before" {
        say("ready");
        hear();
    }
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for n in 0..1_000 {
                    log::info!("n{n} {}", pattern(n * 10, 0));
                }
            });
        }
    });
    let _panic = panic::catch_unwind(|| panic!("nobody hears it"));
    wait_until(|| handler.is_gone());
    say("still here");
}
