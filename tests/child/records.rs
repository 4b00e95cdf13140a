//! Records with all that they can hold.

use std::{
    error::Error,
    fmt,
    sync::{Arc, Barrier},
    thread,
};

use pipe_handler::PipeHandler;

use crate::tools::{init, init_with, pattern, settings, thread_id};

/// Each record has the expected values of its fields in its key-values.
pub(crate) fn fields() {
    init();
    describe_here();
    let named = thread::Builder::new().name("worker-7".to_owned());
    let worker = named.spawn(describe_here).expect("a thread");
    worker.join().expect("no panic");
    thread::spawn(describe_here).join().expect("no panic");
}

fn describe_here() {
    let pid = std::process::id();
    let line = line!() + 1;
    log::warn!(target: "shop::orders", pid, tid = thread_id(), line; "order {} accepted", 7);
}

pub(crate) fn context() {
    let builder = PipeHandler::builder()
        .context("worker", 3)
        .context("job", "index")
        .context("ratio", 0.5)
        .process_name("my worker");
    builder.init().expect("a record pipe");
    log::info!(worker = "own"; "with a key-value");
    log::info!("without");
}

/// Logs key-values with the names that are the parent's.
pub(crate) fn forged() {
    let builder = PipeHandler::builder()
        .context("process", "init")
        .context("thread_id", 3);
    builder.init().expect("a record pipe");
    log::info!(label = "admin", pid = 1, other = 2, label = "root"; "trust me");
}

pub(crate) fn order(threads: usize, records: usize) {
    init();
    let all: Vec<_> = (0..threads)
        .map(|t| {
            thread::spawn(move || {
                for n in 0..records {
                    log::info!(t, n; "t{t} n{n}");
                }
            })
        })
        .collect();
    all.into_iter().for_each(|t| t.join().expect("no panic"));
}

pub(crate) fn sizes(sizes: &[String]) {
    init();
    for size in sizes {
        log::info!("{}", pattern(size.parse().expect("a size"), 0));
    }
}

pub(crate) fn sweep(from: usize, to: usize) {
    init();
    for size in from..to {
        log::info!("{}", pattern(size, size));
    }
}

pub(crate) fn repeat(text: &str, count: usize) {
    init();
    log::info!("{}", text.repeat(count));
}

pub(crate) fn texts(texts: &[String]) {
    init();
    for text in texts {
        log::info!(target: text.as_str(), text = text.as_str(), text:? = text; "{text}");
    }
    // Messages without arguments take another path in `format_args`.
    log::info!("");
    log::info!("Grüße, 世界 🦀");
}

pub(crate) fn kinds() {
    init();
    log::info!(yes = true, no = false; "booleans");
    log::info!(
        a = 7_u8, b = u64::MAX, c = i64::MIN, d = -1_i8, e = u16::MAX, f = i64::MAX,
        g = usize::MAX, h = u64::MAX - 1;
        "integers"
    );
    log::info!(
        a = i128::MAX, b = i128::MIN, c = u128::MAX, d = 5_i128, e = i128::from(u64::MAX);
        "wide integers"
    );
    log::info!(
        a = 0.5_f32, b = f64::MIN_POSITIVE, c = f64::NAN, d = f64::INFINITY,
        e = f64::NEG_INFINITY, f = -0.0_f64, g = 1e300_f64;
        "floats"
    );
    let owned = String::from("owned");
    log::info!(a = "", b = "text", c = owned, d = 'ß', e = 'x'; "texts");
    log::info!(
        a:? = Some([1, 2]), b:% = std::net::Ipv4Addr::LOCALHOST, c:? = "quoted";
        "formatted"
    );
    log::info!(same = 1, same = 2, other = 3, same = 1; "duplicates");
    log::info!("none");
}

#[derive(Debug)]
struct Failure(&'static str, Option<Box<Failure>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.1.as_deref()?)
    }
}

pub(crate) fn errors() {
    init();
    let disk = Failure("disk is gone", None);
    let file = Failure("cannot read block", Some(Box::new(disk)));
    let job = Failure("job failed", Some(Box::new(file)));
    let net = Failure("no route", None);
    let second = Failure("cannot report", Some(Box::new(net)));
    log::error!(attempt = 1, err:err = job, also:err = second, after = 2; "two errors");
    log::error!(err:err = std::io::Error::other("alone"); "one error");
}

#[cfg(feature = "kv_serde")]
pub(crate) fn structures() {
    #[derive(serde::Serialize)]
    struct Job {
        id: u64,
        tags: Vec<&'static str>,
        range: (i32, f64),
        owner: Option<&'static str>,
        state: State,
    }
    #[derive(serde::Serialize)]
    enum State {
        Waiting { since: u8 },
    }
    init();
    let state = State::Waiting { since: 9 };
    let job = Job {
        id: u64::MAX,
        tags: vec!["a", "b"],
        range: (-1, 0.5),
        owner: None,
        state,
    };
    log::info!(job:serde = job; "a structure");
}

/// In each round all threads begin their records at the same moment.
pub(crate) fn together(threads: usize, rounds: usize) {
    init();
    let barrier = Arc::new(Barrier::new(threads));
    let all: Vec<_> = (0..threads)
        .map(|t| {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || {
                for n in 0..rounds {
                    let message = pattern(262_144, t + n);
                    barrier.wait();
                    log::info!(t, n; "{message}");
                }
            })
        })
        .collect();
    all.into_iter().for_each(|t| t.join().expect("no panic"));
}

/// Logs a record in which every part is large. The record must stay within its limit, and the hello within one write.
pub(crate) fn large_in_every_part() {
    let large = pattern(400_000, 0);
    let builder = PipeHandler::builder()
        .context("small", 1)
        .context("large", &*large);
    init_with(builder);
    log::info!(target: &pattern(5_000, 1), own = &*large; "{large}");
    log::info!("afterwards");
}

pub(crate) fn long_names() {
    init_with(settings().process_name(pattern(5_000, 0)));
    let named = thread::Builder::new().name(pattern(5_000, 1));
    let thread = named.spawn(|| log::info!(target: &pattern(5_000, 2), "long names"));
    thread.expect("a thread").join().expect("no panic");
}
