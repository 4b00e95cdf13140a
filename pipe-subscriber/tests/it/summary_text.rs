//! A summary as text and as a serialised object.

use pipe_subscriber::StreamEnd;

use crate::support::Stream;

#[tokio::test]
async fn a_summary_is_one_line_and_one_object() {
    let stream = Stream::default()
        .hello(7)
        .dropped(7, [0, 0, 2, 0, 0])
        .close(7, 1, 2);
    let summary = stream.summary().await;
    assert_eq!(
        summary.to_string(),
        "1 missing, 2 dropped (info 2), no records received"
    );

    let object = serde_json::to_value(&summary).unwrap();
    let expected = serde_json::json!({
        "received": 0,
        "dropped": 2,
        "dropped_by_level": {"error": 0, "warn": 0, "info": 2, "debug": 0, "trace": 0},
        "missing": 1,
        "in_flight": 0,
        "held_back": 0,
        "unclosed": 0,
        "malformed": 0,
        "unknown": 0,
        "incomplete": 0,
        "evicted": 0,
        "logger_panics": 0,
        "newer_version": null,
        "suppressed": 0,
        "suppressed_by_level": { "error": 0, "warn": 0, "info": 0, "debug": 0, "trace": 0 },
        "reasons": [],
        "processes": [{
            "pid": 7, "instance": null, "incarnation": 1, "process": "worker",
            "received": 0, "dropped": 2, "missing": 1, "in_flight": 0, "held_back": 0, "closed": true,
        }],
        "folded_processes": 0,
        "end": "clean",
        "exit_status": null,
    });
    assert_eq!(object, expected);
}

#[tokio::test]
async fn an_end_without_a_close_says_that_more_may_have_been_logged() {
    let stream = Stream::default().hello(7).records(7, 1..=2).hello(8);
    let summary = stream.clone().summary().await;
    assert_eq!((summary.unclosed, summary.end), (2, StreamEnd::Eof));
    let line = summary.to_string();
    assert_eq!(
        line,
        "2 processes did not close and may have logged more, 2 records received"
    );
    let summary = stream.close(7, 2, 0).close(8, 0, 0).summary().await;
    assert_eq!((summary.unclosed, summary.end), (0, StreamEnd::Clean));
    assert_eq!(summary.to_string(), "all 2 records received");
}

#[tokio::test]
async fn a_summary_prints_the_problems_only_the_worst_first() {
    let line = |stream: Stream| async move { stream.summary().await.to_string() };
    assert_eq!(line(Stream::default()).await, "no records received");
    let whole = |count| {
        Stream::default()
            .hello(7)
            .records(7, 1..=count)
            .close(7, count, 0)
    };
    assert_eq!(line(whole(1)).await, "1 record received");
    assert_eq!(line(whole(999)).await, "all 999 records received");
    assert_eq!(line(whole(1_234)).await, "all 1,234 records received");

    let lossy = Stream::default()
        .hello(7)
        .records(7, 1..=2)
        .payload(&[])
        .payload(&[9, 0x90])
        .dropped(7, [0, 1_000, 2, 0, 0])
        .close(7, 5, 1_002);
    assert_eq!(
        line(lossy.clone()).await,
        "3 missing, 1,002 dropped (warn 1,000, info 2), 1 malformed, 1 of unknown kinds, 2 records received"
    );
    let cut = Stream(lossy.0[..lossy.0.len() - 1].to_vec());
    assert!(line(cut).await.starts_with(
        "the stream ends inside a frame, 1 process did not close and may have logged more, "
    ));
}

#[tokio::test]
async fn a_summary_prints_the_exit_status_if_it_is_set() {
    let summary = Stream::default().hello(7).close(7, 0, 0).summary().await;
    let status = |program: &str| {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", program]).status().unwrap()
    };
    let exited = summary.clone().with_exit_status(status("exit 3"));
    assert_eq!(exited.to_string(), "no records received, exit status: 3");
    let object = serde_json::to_value(&exited).unwrap();
    assert_eq!(object["exit_status"], serde_json::json!({"code": 3}));
    let killed = summary.with_exit_status(status("kill -9 $$"));
    assert_eq!(
        killed.to_string(),
        "no records received, signal: 9 (SIGKILL)"
    );
    let object = serde_json::to_value(&killed).unwrap();
    assert_eq!(object["exit_status"], serde_json::json!({"signal": 9}));
}
