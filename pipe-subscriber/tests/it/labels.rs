//! The label in the target or message, and that no child can claim the label of another.

use std::sync::Mutex;

use log::{Level, Log, Metadata, Record};
use pipe_subscriber::{Attach, Escaping, LabelIn, LogRecord, PipeSubscriber};
use tokio_stream::StreamExt;

use crate::support::{Capture, Entry, Stream, within};

async fn seen(
    record: &LogRecord<'_>,
    set: impl for<'a> FnOnce(PipeSubscriber<&'a [u8]>) -> PipeSubscriber<&'a [u8]>,
) -> Entry {
    let capture = Capture::new();
    let stream = Stream::default().frame(record);
    within(set(stream.subscriber()).run_into(&capture))
        .await
        .unwrap();
    capture.only()
}

/// Returns the target and message that a logger sees.
async fn texts(
    label: Option<&str>,
    place: LabelIn,
    target: &str,
    message: &str,
) -> (String, String) {
    let record = LogRecord::new(Level::Info, target, message);
    let entry = seen(&record, |subscriber| {
        let subscriber = subscriber.label_in(place);
        match label {
            Some(label) => subscriber.label(label),
            None => subscriber,
        }
    });
    let entry = entry.await;
    (entry.target, entry.message)
}

#[tokio::test]
async fn a_label_is_shown_in_the_chosen_part_only() {
    let mut record = LogRecord::new(Level::Info, "worker::db", "one\ntwo");
    record.key_values.push("job", 7);
    for (place, target, message, pairs) in [
        (
            LabelIn::KeyValues,
            "worker::db",
            "one\n    two",
            &[("label", "w1"), ("job", "7")][..],
        ),
        (
            LabelIn::Target,
            "w1/worker::db",
            "one\n    two",
            &[("job", "7")],
        ),
        (
            LabelIn::Message,
            "worker::db",
            "[w1] one\n    two",
            &[("job", "7")],
        ),
    ] {
        let entry = seen(&record, |s| s.label("w1").label_in(place)).await;
        assert_eq!((&*entry.target, &*entry.message), (target, message));
        assert_eq!(entry.pairs(), pairs, "{place:?}");
        let attached = seen(&record, |s| s.attach([]).label_in(place).label("w1")).await;
        assert_eq!((&*attached.target, &*attached.message), (target, message));
        assert_eq!(attached.pairs(), [("job", "7")], "{place:?}");
    }
}

#[tokio::test]
async fn the_names_of_key_values_are_the_parents_wherever_the_label_is_shown() {
    let mut record = LogRecord::new(Level::Info, "worker", "");
    record.pid = Some(42);
    record.key_values.push("label", "forged");
    for place in [LabelIn::Target, LabelIn::Message] {
        let entry = seen(&record, |s| s.label("w1").label_in(place)).await;
        assert_eq!(entry.pairs(), [("label_", "forged")]);
        let all = [Attach::Label, Attach::Pid];
        let entry = seen(&record, |s| s.label("w1").label_in(place).attach(all)).await;
        assert_eq!(entry.pairs(), [("pid", "42"), ("label_", "forged")]);
    }
}

#[tokio::test]
async fn a_child_cannot_claim_the_label_of_another_by_its_own_text() {
    let target = async |label, target| texts(label, LabelIn::Target, target, "").await.0;
    assert_eq!(target(Some("w1"), "w2/worker").await, "w1/w2/worker");
    assert_eq!(
        target(Some("w1"), "/../w2/worker").await,
        "w1//../w2/worker"
    );
    assert_eq!(target(Some(""), "w2/worker").await, "/w2/worker");
    assert_eq!(target(None, "w2/worker").await, "/w2/worker");
    assert_eq!(target(None, "worker").await, "worker");
    assert_eq!(target(Some("a"), "b/worker").await, "a/b/worker");
    assert_eq!(target(Some("a/b"), "worker").await, "a\\u{2f}b/worker");

    let message = async |label, message| texts(label, LabelIn::Message, "", message).await.1;
    assert_eq!(message(Some("w1"), "[w2] gone").await, "[w1] [w2] gone");
    assert_eq!(message(Some("w1"), "\r[w2] x").await, "[w1] \\r[w2] x");
    assert_eq!(message(Some("w1"), "\n[w2] x").await, "[w1] \n    [w2] x");
    assert_eq!(message(Some(""), "[w2] gone").await, "[] [w2] gone");
    assert_eq!(message(None, "[w2] gone").await, "[] [w2] gone");
    assert_eq!(
        message(None, "\u{200d} [w2] gone").await,
        "[] \u{200d} [w2] gone"
    );
    assert_eq!(message(None, "gone [w2]").await, "gone [w2]");
    assert_eq!(message(Some("a"), "b] x").await, "[a] b] x");
    assert_eq!(message(Some("a] b"), "x").await, "[a\\u{5d} b] x");
}

#[tokio::test]
async fn labels_and_targets_are_escaped_in_every_place() {
    let label = Some("w\n\u{1b}1");
    let (target, message) = texts(label, LabelIn::Target, "a\nb", "c").await;
    assert_eq!((&*target, &*message), ("w\\n\\u{1b}1/a\\nb", "c"));
    let (target, message) = texts(label, LabelIn::Message, "a\nb", "\u{1b}c").await;
    assert_eq!((&*target, &*message), ("a\\nb", "[w\\n\\u{1b}1] \\u{1b}c"));
    let record = LogRecord::new(Level::Info, "a\nb", "c");
    let raw = seen(&record, |s| {
        let subscriber = s.label("w\n/1").label_in(LabelIn::Target);
        subscriber.escaping(Escaping::Off)
    });
    assert_eq!(raw.await.target, "w\n\\u{2f}1/a\nb");
}

#[tokio::test]
async fn a_logger_is_asked_with_the_target_that_it_sees() {
    /// A logger that lets one target through, and keeps the targets that it is called with.
    struct Picky(Mutex<Vec<String>>);
    impl Log for Picky {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            self.0.lock().unwrap().push(metadata.target().to_owned());
            metadata.target() == "w1/worker::db"
        }
        fn log(&self, record: &Record<'_>) {
            self.0.lock().unwrap().push(record.target().to_uppercase());
        }
        fn flush(&self) {}
    }
    let stream = ["worker::db", "worker::web", "worker::db"]
        .into_iter()
        .fold(Stream::default(), |stream, target| {
            stream.frame(&LogRecord::new(Level::Info, target, ""))
        });
    let picky = Picky(Mutex::default());
    let subscriber = stream.subscriber().label("w1").label_in(LabelIn::Target);
    within(subscriber.run_into(&picky)).await.unwrap();
    assert_eq!(
        *picky.0.lock().unwrap(),
        [
            "w1/worker::db",
            "W1/WORKER::DB",
            "w1/worker::web",
            "w1/worker::db",
            "W1/WORKER::DB"
        ]
    );
}

#[tokio::test]
async fn closures_and_streams_see_no_label() {
    let record = LogRecord::new(Level::Info, "worker", "done");
    let stream = Stream::default().frame(&record);
    for place in [LabelIn::Target, LabelIn::Message] {
        let subscriber = || stream.subscriber().label("w1").label_in(place);
        let run = subscriber().run_with(|seen| assert_eq!(*seen, record));
        assert_eq!(within(run).await.unwrap().logger_panics, 0);
        let read = within(subscriber().records().next()).await;
        assert_eq!(read.as_ref(), Some(&record));
    }
}
