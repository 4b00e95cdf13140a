use super::{
    Bar,
    Goal::{self, AtLeast, AtMost, Below},
    bar,
};
use crate::{
    figures::Figures,
    parts::peers::{call, e2e},
};

/// Allocations that happen now and then, whatever the number of records.
const NO_ALLOCATIONS: f64 = 0.001;

pub(super) fn all() -> Vec<Bar> {
    [
        throughput(),
        calls(),
        latency(),
        allocations(),
        many_children(),
        single(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn throughput() -> Vec<Bar> {
    let rate = |threads: u64, peer: &'static str| {
        move |f: &Figures, own: &str| f.ratio(e2e(threads), own, peer, "rate")
    };
    let cpu = |f: &Figures, own: &str| f.ratio(e2e(1), own, "json", "cpu");
    vec![
        bar(
            "records/s over JSON on stderr, 1 thread",
            AtLeast(5.5),
            AtLeast(16.0),
            rate(1, "json"),
        ),
        bar(
            "records/s over ipc-channel, 1 thread",
            AtLeast(3.7),
            AtLeast(11.0),
            rate(1, "ipc-channel"),
        ),
        bar(
            "records/s over the naive design, 1 thread",
            AtLeast(8.0),
            AtLeast(24.0),
            rate(1, "naive"),
        ),
        bar(
            "records/s over logbook_aiopipe",
            AtLeast(90.0),
            AtLeast(260.0),
            rate(1, "logbook_aiopipe"),
        ),
        bar(
            "records/s over JSON on stderr, 4 threads",
            AtLeast(4.5),
            AtLeast(16.0),
            rate(4, "json"),
        ),
        bar(
            "CPU per record over JSON on stderr",
            AtMost(1.0 / 6.0),
            AtMost(1.0 / 14.0),
            cpu,
        ),
    ]
}

fn calls() -> Vec<Bar> {
    let p50 = |threads: u64, peers: &'static [&'static str]| {
        move |f: &Figures, own: &str| highest(f, &call(threads), own, peers, "p50")
    };
    let floor: &[&str] = &["floor"];
    let direct: &[&str] = &["spdlog-rs", "tracing-appender"];
    let buffered: &[&str] = &[
        "ftlog",
        "fast_log",
        "spdlog-rs",
        "slog-async",
        "tracing-appender",
    ];
    vec![
        bar(
            "log() p50 over the floor, 1 thread",
            AtMost(3.5),
            AtMost(1.2),
            p50(1, floor),
        ),
        bar(
            "log() p50 over the floor, 4 threads",
            Goal::None,
            AtMost(1.2),
            p50(4, floor),
        ),
        bar(
            "log() p99 over env_logger",
            Below(1.0),
            Goal::None,
            |f, own| f.ratio(call(1), own, "env_logger", "p99"),
        ),
        // 300 ns or 3 times the floor, whatever is more.
        bar(
            "log() p99 over 300 ns or 3 floors",
            Goal::None,
            AtMost(1.0),
            |f, own| {
                let floor = f.median(call(1), "floor", "p99")?;
                Some(f.median(call(1), own, "p99")? / (3.0 * floor).max(300.0))
            },
        ),
        bar(
            "log() p50 over spdlog-rs and tracing-appender, 1 thread",
            Below(1.0),
            Goal::None,
            p50(1, direct),
        ),
        bar(
            "log() p50 over spdlog-rs and tracing-appender, 4 threads",
            Below(1.0),
            Goal::None,
            p50(4, direct),
        ),
        bar(
            "log() p50 over all asynchronous loggers, 1 thread",
            Goal::None,
            Below(1.0),
            p50(1, buffered),
        ),
        bar(
            "log() p50 over all asynchronous loggers, 4 threads",
            Goal::None,
            Below(1.0),
            p50(4, buffered),
        ),
    ]
}

/// The highest of the ratios to some peers: that to the best of them.
fn highest(f: &Figures, part: &str, own: &str, peers: &[&str], figure: &str) -> Option<f64> {
    let ratios = peers
        .iter()
        .filter_map(|peer| f.ratio(part, own, peer, figure));
    ratios.max_by(f64::total_cmp)
}

fn latency() -> Vec<Bar> {
    let over_json = |figure: &'static str| {
        move |f: &Figures, own: &str| f.ratio("latency", own, "json", figure)
    };
    vec![
        bar(
            "latency p50 over JSON on stderr",
            AtMost(1.0 / 8.0),
            AtMost(0.5),
            over_json("p50"),
        ),
        bar(
            "latency p99 over JSON on stderr",
            AtMost(0.5),
            AtMost(1.0),
            over_json("p99"),
        ),
    ]
}

fn allocations() -> Vec<Bar> {
    let of = |side: &'static str| move |f: &Figures, own: &str| f.median("allocations", own, side);
    let none = AtMost(NO_ALLOCATIONS);
    vec![
        bar("allocations per record, child", none, none, of("child")),
        bar("allocations per record, parent", none, none, of("parent")),
    ]
}

fn many_children() -> Vec<Bar> {
    let per_child = |f: &Figures, own: &str| {
        let (one, many) = ("children 1", "children 100");
        Some((f.median(many, own, "peak")? - f.median(one, own, "peak")?) / 99.0)
    };
    let cpu = |f: &Figures, own: &str| {
        let (one, many) = ("children 1", "children 500");
        Some(f.median(many, own, "cpu")? / f.median(one, own, "cpu")?)
    };
    let (kib, none, cost) = (AtMost(256.0), AtMost(0.0), AtMost(1.2));
    vec![
        bar(
            "parent's peak KiB for each of 100 busy children",
            kib,
            kib,
            per_child,
        ),
        bar("500 children: records lost", none, none, |f, own| {
            f.max("children 500", own, "lost")
        }),
        bar("500 children: CPU per record over 1 child", cost, cost, cpu),
        bar(
            "idle children: parent's wakeups per second",
            none,
            none,
            |f, own| f.max("idle", own, "wakeups"),
        ),
    ]
}

fn single() -> Vec<Bar> {
    vec![
        bar(
            "64 KiB messages, % of the raw pipe's bytes/s",
            AtLeast(30.0),
            AtLeast(50.0),
            |f, own| Some(f.ratio("bytes", own, "pipe of 1 MiB", "rate")? * 100.0),
        ),
        bar(
            "a disabled level, ns over log's own check",
            AtMost(2.0),
            AtMost(2.0),
            |f, own| {
                Some(f.median("disabled", own, "ns")? - f.median("disabled", "nothing", "ns")?)
            },
        ),
    ]
}
