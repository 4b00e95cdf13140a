//! What is kept of call sites is bounded, whatever a child sends.

use log::Level;
use pipe_subscriber::{Attach, LogRecord, PipeSubscriber};
use record_proto::KeyValues;
use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_subscriber::{EnvFilter, prelude::*};

use crate::support::{Seen, stream, within};

/// The bytes that one subscriber may add.
const BOUND: usize = 1 << 20;

fn endless(count: usize) -> impl Iterator<Item = LogRecord<'static>> {
    (0..count).map(|n| {
        let level = [Level::Info, Level::Debug][n % 2];
        let mut record = LogRecord::new(level, format!("worker::{n}"), "done");
        record.file = Some("src/job.rs".into());
        record.line = Some(n as u32);
        record.pid = Some(42);
        record.key_values.push(&format!("key{n}"), n as i64);
        record.key_values.push("name", "a\"b");
        record.spans.push(
            &format!("span{n}"),
            &[("id", n as i64)].into_iter().collect(),
        );
        record
    })
}

#[tokio::test]
async fn events_beyond_the_bound_share_a_call_site_and_are_filtered_by_their_own_targets() {
    const RECORDS: usize = 20_000;
    let seen = Seen::default();
    // The last half of the records of one target is beyond the bound.
    let filter = EnvFilter::new("worker=info,worker::19999=debug,pipe_subscriber::span=error");
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .with(filter)
        .set_default();
    let stream = stream(endless(RECORDS));
    let attach = [Attach::Label, Attach::Pid];
    let logs = PipeSubscriber::new(&stream[..]).label("w1").attach(attach);
    let summary = within(logs.run_into_tracing()).await.unwrap();
    assert_eq!(summary.received, RECORDS as u64);

    let events = seen.events();
    assert_eq!(
        events.len(),
        RECORDS / 2 + 1,
        "each record of level info, and one of level debug"
    );
    let of_their_own = events
        .iter()
        .take_while(|event| event.target.starts_with("worker"))
        .count();
    assert!(
        (BOUND / 2000..BOUND / 300).contains(&of_their_own),
        "{of_their_own}"
    );

    let last = events.last().unwrap();
    assert_eq!(last.target, "pipe_subscriber::shared");
    assert_eq!((&*last.level, &*last.message), ("DEBUG", "done"));
    let expected = [
        ("label", "str w1"),
        ("pid", "u64 42"),
        ("target", "str worker::19999"),
        ("file", "str src/job.rs"),
        ("line", "u64 19999"),
        ("fields", r#"{"key19999":19999,"name":"a\"b"}"#),
    ];
    assert_eq!(last.pairs(), expected);
    let fields = r#"("fields", "{\"id\":19999}")"#;
    assert_eq!(
        last.spans,
        [format!(r#"span[("name", "str span19999"), {fields}]"#)]
    );
}

#[tokio::test]
async fn what_a_child_repeats_adds_nothing() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    let records = (0..50_000).map(|n| {
        let mut record = LogRecord::new(Level::Info, "worker::repeated", "done");
        record.key_values.push("n", n);
        record.spans.push("req", &[("n", n)].into_iter().collect());
        record
    });
    let stream = stream(records);
    within(PipeSubscriber::new(&stream[..]).run_into_tracing())
        .await
        .unwrap();
    let last = seen.events().pop().unwrap();
    assert_eq!(last.target, "worker::repeated");
    assert_eq!(last.spans, [r#"req[("n", "i64 49999")]"#]);
}

#[tokio::test]
async fn long_names_and_many_fields_and_spans_are_handed_on() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    let mut record = LogRecord::new(Level::Info, "t".repeat(40_000), "done");
    record.key_values.push(&"k".repeat(20_000), 1);
    let mut many = LogRecord::new(Level::Info, "worker::many", "done");
    many.key_values = (0..2000).map(|n| (n.to_string(), n)).collect();
    let fields: KeyValues = (0..100).map(|n| (n.to_string(), n)).collect();
    for _ in 0..50 {
        many.spans.push("req", &fields);
    }
    let stream = stream([record, many]);
    let summary = within(PipeSubscriber::new(&stream[..]).run_into_tracing())
        .await
        .unwrap();
    assert_eq!((summary.received, summary.logger_panics), (2, 0));
    let events = seen.events();
    assert_eq!(events[0].target.len(), 40_000);
    assert!((16..=32).contains(&events[1].spans.len()));
}

#[test]
fn nothing_is_allocated_for_each_event() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let given = Dispatch::new(tracing_subscriber::registry().with(LevelFilter::TRACE));
    let records = (0..20_000).map(|n| {
        let mut record = LogRecord::new(Level::Info, "worker", "done");
        record.seq = n;
        record.instance = Some(u32::MAX);
        record.thread = Some("main".into());
        record.key_values.push("job", 7);
        record.spans.push("req", &[("id", 7)].into_iter().collect());
        record
    });
    let stream = stream(records);
    let logs = PipeSubscriber::new(&stream[..]).label("w1").attach([
        Attach::Label,
        Attach::Pid,
        Attach::Thread,
    ]);
    let run = logs.run_into_dispatch(given);
    let info = allocation_counter::measure(|| {
        let summary = runtime.block_on(run).unwrap();
        assert_eq!((summary.received, summary.logger_panics), (20_000, 0));
    });
    assert!(info.count_total < 200, "{info:?}");
}

/// The hidden function on which this feature is built takes any number of values.
#[test]
fn value_set_all_takes_any_number_of_values() {
    fn values<'v>(
        fields: &'v tracing::field::FieldSet,
        values: &'v [Option<&'v (dyn tracing::Value + 'v)>],
    ) -> tracing::field::ValueSet<'v> {
        fields.value_set_all(values)
    }
    let _ = values;
}
