//! The reasons in a summary if a child did not adopt its pipe, or its filter was off.

use std::time::Duration;

use pipe_subscriber::{Spawn, StreamEnd, Via, spawn};
use tokio_stream::StreamExt;

use crate::child_support::{read_all, send, shell, spawn_with_sleeper, tokio_shell};
use crate::support::{Stream, within};

const NOT_ADOPTED: &str = "the child did not adopt the pipe: it did not call pipe_handler::init, \
    or a program in between closed it";

#[tokio::test]
async fn a_summary_says_that_a_child_did_not_adopt_its_pipe() {
    for via in [Via::Fd, Via::Stdin] {
        let (mut child, logs) = Spawn::new(shell("true")).via(via).spawn().unwrap();
        let summary = read_all(logs).await;
        child.wait().unwrap();
        assert_eq!(summary.reasons, [NOT_ADOPTED]);
        let line = summary.to_string();
        assert_eq!(line, format!("{NOT_ADOPTED}, no records received"));
    }
    let (logs, _sleeper) = spawn_with_sleeper("true", Duration::ZERO);
    let summary = read_all(logs).await;
    assert_eq!(
        (summary.end, &*summary.reasons),
        (StreamEnd::HeldOpen, &[NOT_ADOPTED.to_owned()][..])
    );

    let (mut child, logs) = spawn(shell("true")).unwrap();
    let mut records = logs.records();
    while within(records.next()).await.is_some() {}
    assert_eq!(records.into_summary().unwrap().reasons, [NOT_ADOPTED]);
    child.wait().unwrap();
}

#[tokio::test]
async fn a_summary_reports_that_the_filter_was_off() {
    let quiet = Stream::default().hello(7).close(7, 0, 0);
    // This program has no logger, so the filter is off by default.
    for filter in [None, Some("OFF"), Some("info")] {
        let spawn = Spawn::new(shell(&send(&quiet)));
        let spawn = match filter {
            Some(filter) => spawn.filter(filter),
            None => spawn,
        };
        let (mut child, logs) = spawn.spawn().unwrap();
        let summary = read_all(logs).await;
        child.wait().unwrap();
        let is_reported = summary.to_string().starts_with("the filter is off, ");
        assert_eq!(is_reported, filter != Some("info"), "{summary}");
        assert_eq!(summary.reasons.len(), usize::from(is_reported));
    }
}

/// A child that writes anything has the pipe.
#[tokio::test]
async fn a_child_that_writes_anything_has_adopted_its_pipe() {
    let hello = Stream::default().hello(7);
    let closed = Stream::default().close(7, 0, 0);
    let unknown = Stream::default().payload(&[0x63, 0x90]);
    let malformed = Stream::default().payload(&[0xc1]);
    let half_a_frame = Stream(vec![0, 0]);
    let out_of_step = Stream(vec![0xff; 8]);
    for stream in [hello, closed, unknown, malformed, half_a_frame, out_of_step] {
        let (_child, logs) = spawn(tokio_shell(&send(&stream))).unwrap();
        let summary = read_all(logs).await;
        let line = format!("{summary}: {:?}", summary.reasons);
        assert!(!line.contains("adopt"), "{line}");
    }
}

#[tokio::test]
async fn only_the_end_of_a_childs_own_pipe_has_the_reason_not_adopted() {
    // A reader that is not the pipe of a child has no child.
    assert_eq!(Stream::default().summary().await.reasons, [""; 0]);
    // Before the end of the stream, the child may still write.
    let (mut child, logs) = spawn(shell("true")).unwrap();
    assert_eq!(logs.records().into_summary().unwrap().reasons, [""; 0]);
    child.wait().unwrap();
}
