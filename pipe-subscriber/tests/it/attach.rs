//! The key-values that the parent adds to a record.

use log::Level;
use pipe_subscriber::{Attach, LogRecord, PipeSubscriber};
use record_proto::{Encode, Hello, split};

use crate::support::{Capture, Entry, Stream, record, within};

fn known() -> LogRecord<'static> {
    let mut record = LogRecord::new(Level::Info, "worker", "");
    record.time = 1_700_000_000_123_456_789;
    record.pid = Some(42);
    record.process = Some("worker".into());
    record.thread_id = Some(43);
    record.thread = Some("main".into());
    record
}

async fn pairs(
    record: &LogRecord<'_>,
    set: impl for<'a> FnOnce(PipeSubscriber<&'a [u8]>) -> PipeSubscriber<&'a [u8]>,
) -> Vec<(String, String)> {
    let capture = Capture::new();
    let stream = Stream::default().frame(record);
    within(set(stream.subscriber()).run_into(&capture))
        .await
        .unwrap();
    capture.only().key_values
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

#[tokio::test]
async fn by_default_the_label_is_added_and_nothing_else() {
    let mut record = known();
    record.key_values.push("job", 7);
    let labelled = pairs(&record, |s| s.label("w1")).await;
    assert_eq!(labelled, owned([("label", "w1"), ("job", "7")]));
    let plain = pairs(&record, |s| s).await;
    assert_eq!(plain, owned([("job", "7")]));
    let nothing = pairs(&record, |s| s.label("w1").attach([])).await;
    assert_eq!(nothing, owned([("job", "7")]));
}

#[tokio::test]
async fn attached_key_values_come_first_in_the_order_given() {
    let mut record = known();
    record.key_values.push("job", 7);
    record.context.push("role", "indexer");
    let all = [
        Attach::Thread,
        Attach::ThreadId,
        Attach::Process,
        Attach::Pid,
        Attach::Time,
        Attach::Label,
        Attach::Pid,
    ];
    let expected = [
        ("thread", "main"),
        ("thread_id", "43"),
        ("process", "worker"),
        ("pid", "42"),
        ("time", "2023-11-14T22:13:20.123456789Z"),
        ("label", "w1"),
        ("job", "7"),
        ("role", "indexer"),
    ];
    assert_eq!(
        pairs(&record, |s| s.label("w1").attach(all)).await,
        owned(expected)
    );
}

#[tokio::test]
async fn a_key_without_a_value_is_left_out() {
    let record = LogRecord::new(Level::Info, "worker", "");
    let asked = [
        Attach::Label,
        Attach::Pid,
        Attach::Process,
        Attach::Thread,
        Attach::ThreadId,
    ];
    assert_eq!(pairs(&record, |s| s.attach(asked)).await, owned([]));
}

#[tokio::test]
async fn a_record_without_its_processs_name_has_the_one_that_its_process_gave() {
    let names = async |stream: Stream| {
        let capture = Capture::new();
        let subscriber = stream.subscriber().attach([Attach::Process]);
        within(subscriber.run_into(&capture)).await.unwrap();
        let entries = capture.entries().into_iter();
        let name = |entry: Entry| entry.pairs().first().map(|&(_, name)| name.to_owned());
        entries.map(name).collect::<Vec<_>>()
    };
    let named = |pid, process: &'static str| {
        let mut record = record(pid, 0);
        record.process = Some(process.into());
        record
    };
    let worker = Some("worker".to_owned());

    // One process sends its name in hello, another one in a record.
    let stream = Stream::default().record(1, 1).hello(1).record(1, 2);
    let stream = stream.record(2, 1).frame(&named(2, "other")).record(2, 3);
    let other = Some("other".to_owned());
    assert_eq!(
        names(stream.record(1, 3)).await,
        [
            None,
            worker.clone(),
            None,
            other.clone(),
            other,
            worker.clone()
        ]
    );
    // A record's own name comes first. Names from a hello are escaped too.
    let mut hello = Hello::new();
    (hello.pid, hello.process) = (Some(1), Some("w\n\u{1b}".into()));
    let stream = Stream::default().frame(&hello).frame(&named(1, "own"));
    assert_eq!(
        names(stream.record(1, 2)).await,
        [Some("own".to_owned()), Some("w\\n\\u{1b}".to_owned())]
    );
    // This holds for a record in fragments too.
    let mut payload = Vec::new();
    let mut long = record(1, 1);
    long.message = "x".repeat(1000).into();
    long.encode(&mut payload);
    let pieces = split(&payload, Some(1), 1, 600);
    let stream = pieces.fold(Stream::default().hello(1), |stream, piece| {
        stream.frame(&piece)
    });
    assert_eq!(names(stream).await, [worker]);
}

#[tokio::test]
async fn a_child_cannot_use_the_names_that_the_parent_adds() {
    let mut record = known();
    record.thread = None;
    record.key_values.push("label", "forged");
    record.key_values.push("label_", "its own");
    record.key_values.push("pid", 1);
    record.key_values.push("Label", "other");
    record.context.push("label", "forged again");
    record
        .context
        .push("thread", "forged although nothing is known");
    let expected = [
        ("label", "w1"),
        ("label_", "forged"),
        ("label_", "its own"),
        // The parent does not attach this key, so the child may use it.
        ("pid", "1"),
        ("Label", "other"),
        ("label_", "forged again"),
        ("thread_", "forged although nothing is known"),
    ];
    let set = [Attach::Label, Attach::Thread];
    assert_eq!(
        pairs(&record, |s| s.label("w1").attach(set)).await,
        owned(expected)
    );
}

#[tokio::test]
async fn every_origins_name_yields_to_the_parents() {
    let all = [
        Attach::Label,
        Attach::Time,
        Attach::Pid,
        Attach::Process,
        Attach::Thread,
        Attach::ThreadId,
    ];
    let mut record = known();
    for origin in all {
        record.key_values.push(origin.key(), "forged");
    }
    let keys: Vec<_> = pairs(&record, |s| s.label("w1").attach(all)).await;
    for (origin, pair) in all.iter().zip(&keys) {
        assert_eq!(pair.0, origin.key());
        assert_ne!(pair.1, "forged");
    }
    for (origin, pair) in all.iter().zip(&keys[all.len()..]) {
        assert_eq!(*pair, (format!("{}_", origin.key()), "forged".to_owned()));
    }
}

#[tokio::test]
async fn a_child_without_a_label_cannot_claim_one() {
    let mut record = known();
    record.key_values.push("label", "mine");
    assert_eq!(pairs(&record, |s| s).await, owned([("label_", "mine")]));
    assert_eq!(
        pairs(&record, |s| s.attach([])).await,
        owned([("label", "mine")])
    );
}
