//! Logging to a parent that does not read.

use std::{
    panic,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use log::{Level, Log};
use pipe_handler::{Builder, Delivery, Overflow, PipeHandler};

use crate::tools::{
    fill_pipe, hear, init_with, is_asleep, is_shared, pattern, pipe_is_empty, pipe_is_full, say,
    settings, start, thread_id, wait_until,
};

/// How long a log call of the policy `briefly` waits.
const BRIEFLY: Duration = Duration::from_millis(10);

fn builder(policy: &str) -> Builder {
    let overflow = match policy {
        "block" => Overflow::Block,
        "patiently" => Overflow::BlockFor(Duration::from_secs(1_000)),
        "briefly" => Overflow::BlockFor(BRIEFLY),
        "drop" => Overflow::DropNewest,
        other => panic!("there is no policy {other:?}"),
    };
    settings().filter("trace").overflow(overflow)
}

/// Logs until it has to wait, and prints that it waits.
pub(crate) fn stall(policy: &str, records: usize) {
    static THREAD: AtomicU64 = AtomicU64::new(0);
    init_with(builder(policy));
    let logging = thread::spawn(move || {
        THREAD.store(thread_id(), Relaxed);
        for n in 0..records {
            log::info!(n; "{}", pattern(200, 0));
        }
    });
    // Nothing but a full ring makes a log call sleep if there is a shared buffer.
    wait_until(|| match is_shared() {
        true => is_asleep(THREAD.load(Relaxed)),
        false => pipe_is_full(),
    });
    say("full");
    logging.join().expect("no panic");
    say("logged");
}

/// Logs at all levels until 50 records are dropped, and prints how many of each level. Then it waits for room and goes
/// on.
pub(crate) fn drop_until_there_is_room(policy: &str) {
    let handler = init_with(builder(policy));
    let mut logged = 0;
    let mut dropped = [0; 5];
    let mut too_soon = 0;
    while dropped.iter().sum::<u64>() < 50 {
        let level = Level::iter().nth(logged % 5).expect("a level");
        // From small records to records of several frames, some of which are dropped after their first fragments.
        let size = [50, 500, 5_000, 200][logged % 4];
        let before = handler.counts().dropped;
        let began = Instant::now();
        log::log!(level, "{}", pattern(size, logged));
        if handler.counts().dropped > before {
            dropped[level as usize - 1] += 1;
            too_soon += u32::from(policy == "briefly" && began.elapsed() < BRIEFLY);
        }
        logged += 1;
    }
    let [error, warn, info, debug, trace] = dropped;
    say(&format!(
        "{logged} {too_soon} {error} {warn} {info} {debug} {trace}"
    ));
    hear();
    wait_for_room(handler);
    log::info!("after");
    log::info!("at last");
}

/// Fills the pipe with records that may be dropped. Errors and warnings then wait.
pub(crate) fn exempt() {
    static WAITING: AtomicBool = AtomicBool::new(false);
    let handler = init_with(builder("drop").exempt(Level::Warn));
    while handler.counts().dropped == 0 {
        log::info!("{}", pattern(100, 0));
    }
    let important = thread::spawn(|| {
        WAITING.store(true, Relaxed);
        for n in 0..200 {
            log::error!(n; "error {n} {}", pattern(300, 0));
            log::warn!(n; "warn {n} {}", pattern(8_000, 0));
        }
    });
    wait_until(|| WAITING.load(Relaxed));
    for _ in 0..1_000 {
        thread::yield_now();
        log::info!("{}", pattern(100, 0));
    }
    say("full");
    important.join().expect("no panic");
}

/// Several threads log as fast as they can to a parent that reads as fast as it can. The last record has the number of
/// records.
pub(crate) fn flood(policy: &str, threads: usize, records: usize, size: usize) {
    start(builder(policy).exempt(Level::Error));
    let logged = AtomicU64::new(0);
    thread::scope(|scope| {
        for t in 0..threads {
            let logged = &logged;
            scope.spawn(move || {
                for n in 0..records {
                    let size = n * 31 % size;
                    log::info!(t, n; "{}", pattern(size, size));
                    logged.fetch_add(1, Relaxed);
                }
            });
        }
    });
    log::error!(logged = logged.load(Relaxed); "logged");
}

/// Ends while the pipe is full.
pub(crate) fn exit_when_full(timeout_ms: usize) {
    let timeout = Duration::from_millis(timeout_ms as u64);
    let handler = init_with(builder("drop").exit_timeout(timeout));
    log::info!("before");
    fill_pipe();
    for n in 0..10 {
        log::info!("dropped {n}");
    }
    let counts = handler.counts();
    say(&format!("{} {}", counts.sent, counts.dropped));
}

/// Ends while another thread waits for room for the report of its drops. There is room for a close.
pub(crate) fn exit_while_a_report_waits() {
    static THREAD: AtomicU64 = AtomicU64::new(0);
    let builder = builder("drop").exempt(Level::Error);
    let handler = init_with(builder.delivery(Delivery::Direct));
    // Each takes a page and leaves a quarter of it free.
    while handler.counts().dropped < 20 {
        log::info!("{}", pattern(3_000, 0));
    }
    thread::spawn(|| {
        THREAD.store(thread_id(), Relaxed);
        log::error!("{}", pattern(3_900, 0));
    });
    wait_until(|| is_asleep(THREAD.load(Relaxed)));
    say(&handler.counts().dropped.to_string());
}

/// Fills the pipe before the handler can write its hello, then panics.
pub(crate) fn panic_when_full() {
    fill_pipe();
    let handler = init_with(builder("drop"));
    log::info!("dropped");
    let _panic = panic::catch_unwind(|| panic!("dropped as well"));
    say(&handler.counts().dropped.to_string());
    hear();
    wait_for_room(handler);
    log::info!("after");
}

/// Waits until the parent has read everything. The queue has to be written first: while records are queued, an empty
/// pipe does not mean that there is room for another record.
fn wait_for_room(handler: &PipeHandler) {
    wait_until(|| {
        handler.flush();
        pipe_is_empty()
    });
}
