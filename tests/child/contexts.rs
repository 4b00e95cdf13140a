//! Logging when a thread or the process ends, and in runtimes. See also `nesting`.

use std::{
    fmt,
    os::unix::thread::JoinHandleExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use tokio::{runtime, task::yield_now};

use crate::tools::{hear, init, is_asleep, pattern, say, settings, start, thread_id, wait_until};

/// One exit hook runs before the handler's and one after it.
pub(crate) fn exit_hooks_log() {
    extern "C" fn last() {
        log::info!("behind the handler's exit hook");
    }
    extern "C" fn first() {
        log::info!("before the handler's exit hook");
        log::info!("{}", pattern(9_000, 0));
    }
    at_exit(last);
    init();
    at_exit(first);
    log::info!("main");
}

pub(crate) fn at_exit(hook: extern "C" fn()) {
    // SAFETY: the hook is a function of this program, which is never unloaded.
    assert_eq!(unsafe { libc::atexit(hook) }, 0);
}

/// Ends its thread at once, without unwinding.
struct Ends;

impl fmt::Display for Ends {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the stack of the thread and everything on it stay as they are for ever; nobody joins it.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
        unreachable!("the thread is gone");
    }
}

/// Threads end in the middle of records, at each depth. The other threads go on.
pub(crate) fn thread_ends_in_display() {
    init();
    for n in 0..10 {
        static ID: AtomicU64 = AtomicU64::new(0);
        ID.store(0, Relaxed);
        thread::spawn(move || {
            log::info!(n; "still here");
            ID.store(thread_id(), Relaxed);
            log::info!("never seen {} {Ends}", pattern(n * 1_000, 0));
        });
        wait_until(|| ID.load(Relaxed) != 0);
        let thread = format!("/proc/self/task/{}", ID.load(Relaxed));
        wait_until(|| !Path::new(&thread).exists());
        log::info!(n; "one less");
    }
    let last = thread::spawn(|| log::info!("{}", pattern(9_000, 0)));
    last.join().expect("no panic");
}

/// A thread is cancelled while its log call waits for room, where it must not end.
pub(crate) fn thread_is_cancelled() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    const ALL: u64 = 20_000;
    static ID: AtomicU64 = AtomicU64::new(0);
    init();
    let thread = thread::spawn(|| {
        ID.store(thread_id(), Relaxed);
        for n in 0..ALL {
            log::info!(n; "{}", pattern(200, 0));
            CALLS.fetch_add(1, Relaxed);
        }
    });
    wait_until(|| ID.load(Relaxed) != 0 && is_asleep(ID.load(Relaxed)));
    // SAFETY: it has not been joined, and it calls nothing that a cancellation ends.
    assert_eq!(unsafe { libc::pthread_cancel(thread.as_pthread_t()) }, 0);
    assert!(CALLS.load(Relaxed) < ALL, "it waits");
    say("cancelled");
    thread.join().expect("no panic");
    assert_eq!(CALLS.load(Relaxed), ALL);
}

fn current_thread() -> runtime::Runtime {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// Logs in a runtime that runs no other task until all is logged.
pub(crate) fn in_a_runtime_that_never_yields() {
    current_thread().block_on(async {
        start(settings().filter("info"));
        for n in 0..10_000 {
            log::info!(n; "{}", pattern(n % 300, 0));
        }
        say("logged");
        hear();
    });
}

/// Logs after a runtime and its threads are gone.
pub(crate) fn after_the_runtime() {
    let runtime = runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        start(settings().filter("info"));
        log::info!("inside");
        tokio::spawn(async { log::info!("in a task") })
            .await
            .expect("no panic");
    });
    drop(runtime);
    log::info!("after the runtime");
    thread::spawn(|| log::info!("in a thread after the runtime"))
        .join()
        .expect("no panic");
    current_thread().block_on(async { log::info!("in another runtime") });
}

/// Everything logs at level trace, also the runtime.
pub(crate) fn in_a_busy_runtime() {
    let mut builder = runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        start(settings().filter("trace"));
        let tasks: Vec<_> = (0..4)
            .map(|t| {
                tokio::spawn(async move {
                    for n in 0..3_000 {
                        log::info!(target: "task", t, n; "{}", pattern(n % 200, 0));
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}

/// The program waits for SIGTERM itself. Prints the signals that another thread would take.
pub(crate) fn waits_for_signals() {
    init();
    log::info!("before");
    let mut taken: Vec<String> = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").expect("threads") {
        let task = task.expect("a thread");
        if task.file_name().to_str() == Some(&thread_id().to_string()) {
            continue;
        }
        let status = std::fs::read_to_string(task.path().join("status")).expect("a status");
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
        let blocked = u64::from_str_radix(blocked.expect("a set").trim(), 16).expect("hex");
        // No thread blocks these; two of them belong to the C library.
        let never = [libc::SIGKILL, libc::SIGSTOP, 32, 33];
        let open = (1..=64).filter(|n| blocked & (1 << (n - 1)) == 0 && !never.contains(n));
        taken.extend(open.map(|n| n.to_string()));
    }
    say(&taken.join(" "));

    // SAFETY: any bits are a valid value of it.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is initialised and the signal exists.
    unsafe { libc::sigaddset(&mut set, libc::SIGTERM) };
    // SAFETY: the set is initialised, and the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
    let this = rustix::process::getpid();
    rustix::process::kill_process(this, rustix::process::Signal::TERM).expect("kill");
    let mut signal = 0;
    // SAFETY: both point to values of their types.
    unsafe { libc::sigwait(&set, &mut signal) };
    log::info!(signal; "waited for");
}
