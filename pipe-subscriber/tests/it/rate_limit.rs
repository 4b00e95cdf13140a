//! The limit of records a second, with real children.

use std::process::Stdio;

use log::{Level, LevelFilter};
use pipe_subscriber::{PipeSubscriber, Spawn};
use tokio_stream::StreamExt;

use crate::child_support::{FOR_EVER, send, shell};
use crate::support::{Capture, Stream, record, within};

/// A hundred records of each level.
fn flood() -> Stream {
    let mut stream = Stream::default().hello(7);
    for seq in 1..=100 {
        for level in Level::iter() {
            let mut record = record(7, 5 * (seq - 1) + level as u64);
            record.level = level;
            stream = stream.frame(&record);
        }
    }
    stream.close(7, 500, 0)
}

fn spawn(
    configure: impl FnOnce(Spawn<std::process::Command>) -> Spawn<std::process::Command>,
) -> PipeSubscriber {
    let spawn = Spawn::new(shell(&send(&flood())));
    let (mut child, logs) = configure(spawn).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    logs
}

fn counts(logger: &Capture) -> [usize; 5] {
    let entries = logger.entries();
    let of = |level| {
        entries
            .iter()
            .filter(|e| e.level == level && e.target == "worker")
            .count()
    };
    [
        Level::Error,
        Level::Warn,
        Level::Info,
        Level::Debug,
        Level::Trace,
    ]
    .map(of)
}

#[tokio::test]
async fn a_flood_is_limited_and_reported_and_errors_are_spared() {
    let logger = Capture::new();
    let logs = spawn(|spawn| spawn.rate_limit(0, 6));
    let summary = within(logs.run_into(logger.clone())).await.unwrap();
    assert_eq!(counts(&logger), [100, 100, 2, 2, 2]);
    assert_eq!(
        (summary.received, summary.missing, summary.suppressed),
        (500, 0, 294)
    );
    assert_eq!(summary.suppressed_by_level.0, [0, 0, 98, 98, 98]);
    assert_eq!(
        summary.to_string(),
        "all 500 records received, 294 suppressed (info 98, debug 98, trace 98)"
    );
    let last = logger.entries().pop().unwrap();
    assert_eq!(
        (last.level, &*last.target),
        (Level::Warn, "pipe_subscriber")
    );
    assert_eq!(last.message, "294 records suppressed by the rate limit");
    assert_eq!(
        last.pairs(),
        [("info", "98"), ("debug", "98"), ("trace", "98")]
    );
}

#[tokio::test]
async fn the_levels_that_are_spared_can_be_set() {
    for (spared, expected) in [
        (LevelFilter::Off, [2, 2, 1, 1, 1]),
        (LevelFilter::Error, [100, 2, 2, 2, 1]),
        (LevelFilter::Trace, [100; 5]),
    ] {
        let logger = Capture::new();
        let logs = spawn(|spawn| spawn.rate_limit_spares(spared).rate_limit(0, 7));
        within(logs.run_into(logger.clone())).await.unwrap();
        assert_eq!(counts(&logger), expected, "{spared}");
    }
}

#[tokio::test]
async fn without_a_limit_nothing_is_suppressed() {
    let mut count = 0;
    let summary = within(spawn(|spawn| spawn).run_with(|_| count += 1))
        .await
        .unwrap();
    assert_eq!((count, summary.suppressed), (500, 0));
}

#[tokio::test]
async fn a_report_comes_while_the_child_is_silent() {
    let mut command = shell(&format!(
        "{}; read x",
        send(&Stream::default().records(7, 1..=3))
    ));
    command.stdin(Stdio::piped());
    let (mut child, logs) = Spawn::new(command)
        .grace(FOR_EVER)
        .rate_limit(0, 1)
        .spawn()
        .unwrap();
    let mut records = logs.records();
    assert_eq!(within(records.next()).await.unwrap().message, "record 1");
    let report = within(records.next()).await.unwrap();
    assert_eq!(report.message, "2 records suppressed by the rate limit");
    drop(child.stdin.take());
    assert!(within(records.next()).await.is_none());
    assert_eq!(records.into_summary().unwrap().suppressed, 2);
    child.wait().unwrap();
}

#[cfg(feature = "capture")]
#[tokio::test]
async fn captured_lines_are_limited_as_records_are() {
    use pipe_subscriber::Streams;

    let script = "for i in $(seq 50); do echo out; echo ERROR >&2; done";
    let (mut child, logs) = Spawn::new(shell(script))
        .rate_limit(0, 10)
        .capture(Streams::both())
        .spawn()
        .unwrap();
    let mut targets = Vec::new();
    let summary = within(logs.run_with(|record| targets.push(record.target.to_string())));
    let summary = summary.await.unwrap();
    child.wait().unwrap();
    let count = |name| targets.iter().filter(|target| *target == name).count();
    assert_eq!(
        (count("stdout"), count("stderr"), count("pipe_subscriber")),
        (10, 50, 1)
    );
    let [stdout, stderr] = &summary.captured[..] else {
        panic!("{summary:?}");
    };
    assert_eq!(
        (stdout.records, stdout.suppressed, stderr.suppressed),
        (50, 40, 0)
    );
    assert_eq!(summary.suppressed, 40);
}
