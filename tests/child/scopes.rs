//! Scopes: values, hold-back, groups and bound handlers in whole processes.

use std::{
    os::unix::process::CommandExt,
    process,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use log::{Level::Info, LevelFilter, Log, Metadata, Record};
use pipe_handler::{Dispatcher, HoldBack, Scope, scope};
use rustix::process::{WaitOptions, waitpid};

use crate::{
    contexts::at_exit,
    families::fork,
    tools::{pattern, say, settings, start},
};

fn held(scope: Scope) -> Scope {
    scope.hold_back(HoldBack::below(Info).keep(4 << 20))
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(4).build().expect("a runtime")
}

/// Eight tasks that move between threads. Each holds records back and has a group; every other one fails.
pub(crate) fn all_kinds() {
    start(settings().filter("trace").context("app", "e2e"));
    runtime().block_on(async {
        let tasks: Vec<_> = (0..8_u64)
            .map(|task| tokio::spawn(held(scope!(task)).instrument(work(task))))
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
    log::info!("in no scope");
}

async fn work(task: u64) {
    for n in 0..100 {
        log::debug!(n; "step");
        tokio::task::yield_now().await;
    }
    // Longer than a pipe takes in one piece.
    log::debug!(n = 100; "{}", pattern(9_000, 0));
    let group = scope!(step = "last").group(1 << 20);
    group
        .instrument(async {
            for n in 0..10 {
                log::info!(n; "grouped");
                tokio::task::yield_now().await;
            }
        })
        .await;
    drop(group);
    if task.is_multiple_of(2) {
        log::error!("failed");
    }
}

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let request = record.key_values().get("request".into());
        eprintln!(
            "{} {}",
            record.args(),
            request.map_or_else(String::new, |r| r.to_string())
        );
    }

    fn flush(&self) {}
}

/// The fallback of `init_or` gets the values.
pub(crate) fn in_fallback() {
    settings().init_or(Stderr).expect("no logger before");
    held(scope!(request = 7)).in_scope(|| log::debug!("inside"));
    log::info!("outside");
}

/// Forks in a scope that has records, and in a group that has some.
pub(crate) fn fork_inside() {
    init_for_all();
    held(Scope::new()).in_scope(|| log::debug!("forgotten before the fork"));
    let (outer, group) = (
        held(scope!(request = 7)),
        scope!(in_group = true).group(1 << 20),
    );
    let guards = (outer.enter(), group.enter());
    log::debug!("kept by the parent");
    log::info!("grouped by the parent");
    match fork() {
        None => {
            log::debug!("kept by the child");
            log::info!("sent by the child");
            log::error!("the child failed");
            log::debug!("forgotten by the child");
            process::exit(0);
        }
        Some(child) => {
            waitpid(Some(child), WaitOptions::empty()).expect("waitpid");
        }
    }
    log::error!("the parent failed");
    log::debug!("forgotten by the parent");
    drop(guards);
}

fn init_for_all() {
    start(settings().filter("trace"));
}

/// A thread panics in two scopes. Another one is in scopes of its own.
pub(crate) fn panic_inside() {
    init_for_all();
    held(scope!(other = 1)).in_scope(|| {
        log::debug!("of the other thread");
        let panics = thread::spawn(|| {
            let (outer, inner) = (held(scope!(request = 7)), held(scope!(step = 2)));
            outer.in_scope(|| {
                log::debug!("outer");
                scope!().group(1 << 20).in_scope(|| log::info!("grouped"));
                inner.in_scope(|| {
                    log::debug!("inner");
                    panic!("no further");
                })
            })
        });
        panics.join().expect_err("a panic");
    });
}

/// As with `panic = "abort"`.
pub(crate) fn abort_inside() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        previous(info);
        process::abort();
    }));
    init_for_all();
    held(scope!(request = 7)).in_scope(|| {
        log::debug!("kept");
        let _group = scope!().group(1 << 20).enter();
        log::info!("grouped");
        panic!("no further");
    });
}

/// Forks again and again while other threads take and leave the locks of a hold, and their turns to send what it keeps.
pub(crate) fn fork_storm(forks: usize) {
    static DONE: AtomicBool = AtomicBool::new(false);
    // Many chunks, each of which is taken under the lock.
    let hold_back = HoldBack::below(Info).keep(4096);
    start(settings().filter("trace").hold_back(hold_back));
    let shared = held(scope!(shared = 0));
    let bind = || Dispatcher::bind(&scope!().handler(log::logger(), LevelFilter::Off));
    let busy: Vec<_> = (0..3)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || {
                while !DONE.load(Relaxed) {
                    shared.record("shared", 1);
                    drop(bind());
                    held(scope!(busy = 1)).in_scope(|| log::debug!("kept in a scope"));
                    log::debug!("kept by the process");
                    shared.in_scope(|| log::debug!("kept together"));
                    shared.in_scope(|| log::error!("failed together"));
                }
            })
        })
        .collect();
    for n in 0..forks {
        match fork() {
            None => {
                drop(bind());
                shared.record("own", n as u64);
                shared.in_scope(|| log::debug!(n; "kept by the child"));
                shared.in_scope(|| log::error!(n; "the child failed"));
                process::exit(0);
            }
            Some(child) => {
                waitpid(Some(child), WaitOptions::empty()).expect("waitpid");
            }
        }
    }
    DONE.store(true, Relaxed);
    for thread in busy {
        thread.join().expect("no panic");
    }
}

/// The process exits while a thread is in a group, and in a scope that holds records back.
pub(crate) fn exit_inside() {
    init_for_all();
    let (logged, is_logged) = mpsc::channel();
    thread::spawn(move || {
        let _guards = (held(scope!()).enter(), scope!().group(1 << 20).enter());
        log::debug!("kept");
        log::info!("grouped");
        logged.send(()).expect("a listener");
        loop {
            thread::park();
        }
    });
    is_logged.recv().expect("a record");
    process::exit(0);
}

/// A thread goes on in its group after the handler's exit hook.
pub(crate) fn log_in_a_group_at_the_end() {
    type Talk = (mpsc::Sender<()>, mpsc::Receiver<()>);
    static TALK: Mutex<Option<Talk>> = Mutex::new(None);
    extern "C" fn behind_the_hook() {
        let talk = TALK.lock().expect("no panic").take();
        let (go_on, done) = talk.expect("they were set");
        go_on.send(()).expect("a thread");
        done.recv().expect("its records");
    }
    // The hooks run in the reverse order.
    at_exit(behind_the_hook);
    init_for_all();
    let ((go_on, continues), (finished, done)) = (mpsc::channel(), mpsc::channel());
    *TALK.lock().expect("no panic") = Some((go_on, done));
    let (logged, is_logged) = mpsc::channel();
    thread::spawn(move || {
        let _guards = (held(scope!()).enter(), scope!().group(1 << 20).enter());
        log::info!("grouped");
        logged.send(()).expect("a listener");
        continues.recv().expect("the hook");
        log::info!("late");
        log::debug!("kept late");
        log::error!("failed late");
        finished.send(()).expect("the hook");
        loop {
            thread::park();
        }
    });
    is_logged.recv().expect("a record");
    process::exit(0);
}

/// The program is replaced in a group.
pub(crate) fn exec_inside() {
    init_for_all();
    let _guards = (held(scope!()).enter(), scope!().group(1 << 20).enter());
    log::debug!("kept");
    log::info!("grouped");
    let mut command = process::Command::new("/proc/self/exe");
    command.args(["log", "1"]);
    pipe_handler::share_with(&mut command).expect("a record pipe");
    panic!("{}", command.exec());
}

/// The whole process holds back; one of four threads fails.
pub(crate) fn hold_back_the_process() {
    let hold_back = HoldBack::below(Info).keep(4 << 20);
    start(settings().filter("trace").hold_back(hold_back));
    thread::scope(|threads| {
        for t in 0..4 {
            threads.spawn(move || (0..100).for_each(|n| log::debug!(t, n; "kept")));
        }
    });
    log::error!("failed");
    log::debug!("forgotten");
}

/// Escalates again and again: so many threads, so many records each time.
pub(crate) fn escalate_for_ever(threads: usize, records: usize) {
    init_for_all();
    thread::scope(|all| {
        for t in 0..threads {
            all.spawn(move || {
                let scope = held(scope!(t = t as u64));
                scope.in_scope(|| {
                    for round in 0_u64.. {
                        for n in 0..records {
                            log::debug!(round, n; "{}", pattern(n % 300, n));
                        }
                        log::error!(round; "failed");
                    }
                });
            });
        }
    });
}

/// Opens and closes so many scopes on so many threads. Prints the most memory that the process had, in KiB.
pub(crate) fn open_and_close(scopes: usize, threads: usize) {
    init_for_all();
    thread::scope(|all| {
        for _ in 0..threads {
            all.spawn(|| {
                for n in 0..scopes / threads {
                    held(scope!(n = n as u64)).in_scope(|| log::debug!("kept"));
                }
            });
        }
    });
    say(&peak().to_string());
}

/// Opens so many scopes at once, which may take so much memory together. Prints the most that the process had, in KiB.
pub(crate) fn many_at_once(scopes: usize, total: usize) {
    init_for_all();
    let settings = HoldBack::below(Info).total(total);
    let before = peak();
    let scopes: Vec<Scope> = (0..scopes)
        .map(|_| Scope::new().hold_back(settings))
        .collect();
    let bare = peak() - before;
    for scope in &scopes {
        scope.in_scope(|| (0..3).for_each(|n| log::debug!(n; "{}", pattern(400, n))));
    }
    say(&format!("{} {bare}", peak() - before));
    drop(scopes);
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let text = line.expect("a peak").trim().trim_end_matches(" kB");
    text.parse().expect("a number")
}

/// The dispatcher owns the global level. Prints it after each change.
pub(crate) fn global_level() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    struct Memory;
    impl Log for Memory {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &Record<'_>) {
            SEEN.lock().expect("a lock").push(record.args().to_string());
        }
        fn flush(&self) {}
    }
    let level = || say(log::max_level().as_str());
    let bound = |level| Scope::new().handler(Memory, level);
    let early = bound(LevelFilter::Debug).enter();
    level(); // no dispatcher yet
    let handler = settings().filter("trace").build().expect("a record pipe");
    Dispatcher::new(handler, LevelFilter::Warn)
        .init()
        .expect("no logger before");
    level(); // that of the early binding
    drop(early);
    level();
    let future = bound(LevelFilter::Trace).instrument(std::future::pending::<()>());
    level(); // also while it is not polled
    let application = Dispatcher::bind(&bound(LevelFilter::Info));
    drop(future);
    level();
    log::info!("to the application");
    thread::spawn(move || {
        std::mem::forget(bound(LevelFilter::Debug).enter());
        log::debug!("to the thread");
        say(log::max_level().as_str());
    })
    .join()
    .expect("no panic");
    level(); // the thread has ended
    match fork() {
        None => {
            level(); // inherited
            bound(LevelFilter::Debug).in_scope(level);
            level();
            drop(application);
            log::warn!("from the child");
            process::exit(0);
        }
        Some(child) => {
            waitpid(Some(child), WaitOptions::empty()).expect("waitpid");
        }
    }
    drop(application);
    level();
    log::warn!("to the pipe");
    say(&SEEN.lock().expect("a lock").join(", "));
}
