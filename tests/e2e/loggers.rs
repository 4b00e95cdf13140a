//! The records that the parent's logger gets.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
};

use log::{
    Level, LevelFilter, Log, Metadata, Record,
    kv::{self, Key, VisitSource},
};
use pipe_subscriber::{Attach, Escaping, PipeSubscriber, Summary};
use record_proto::is_control;

use crate::support::{Scenario, scenario, within};

/// The parts of a record that a logger keeps.
#[derive(Debug)]
struct Seen {
    level: Level,
    target: String,
    message: String,
    location: (Option<String>, Option<u32>),
    key_values: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct Memory(Mutex<Vec<Seen>>);

impl Log for Memory {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() != "alpha"
    }

    fn log(&self, record: &Record<'_>) {
        struct Pairs(Vec<(String, String)>);
        impl<'kvs> VisitSource<'kvs> for Pairs {
            fn visit_pair(
                &mut self,
                key: Key<'kvs>,
                value: kv::Value<'kvs>,
            ) -> Result<(), kv::Error> {
                self.0.push((key.to_string(), value.to_string()));
                Ok(())
            }
        }
        let mut pairs = Pairs(Vec::new());
        record.key_values().visit(&mut pairs).expect("key-values");
        self.0.lock().expect("a memory").push(Seen {
            level: record.level(),
            target: record.target().to_owned(),
            message: record.args().to_string(),
            location: (record.module_path().map(str::to_owned), record.line()),
            key_values: pairs.0,
        });
    }

    fn flush(&self) {}
}

impl Memory {
    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().expect("a memory"))
    }
}

/// Returns a child's records as a logger gets them.
fn seen(
    scenario: Scenario,
    set: impl FnOnce(PipeSubscriber) -> PipeSubscriber,
) -> (Vec<Seen>, Summary, u64) {
    let memory = Memory::default();
    let (summary, pid) = within(async {
        let mut running = scenario.start().logs(set);
        let summary = running.logs.run_into(&memory).await.expect("no read error");
        assert!(running.child.wait().await.expect("a status").success());
        (summary, running.pid)
    });
    assert!(summary.is_complete(), "{summary}");
    (memory.take(), summary, pid)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

#[test]
fn the_logger_gets_the_record_as_if_it_were_the_parents_own() {
    let (seen, _, pid) = seen(scenario("fields"), |logs| logs);
    let record = &seen[0];
    assert_eq!(
        (record.level, &*record.target),
        (Level::Warn, "shop::orders")
    );
    assert_eq!(record.message, "order 7 accepted");
    assert_eq!(record.location.0.as_deref(), Some("e2e_child::records"));
    let [own_pid, tid, line] = &record.key_values[..] else {
        panic!("{record:?}");
    };
    assert_eq!(*own_pid, ("pid".to_owned(), pid.to_string()));
    assert_eq!(*tid, ("tid".to_owned(), pid.to_string()));
    assert_eq!(line.1, record.location.1.expect("a line").to_string());
}

#[test]
fn twenty_children_log_into_one_logger() {
    let memory = Arc::new(Memory::default());
    within(async {
        let children: Vec<_> = (0..20)
            .map(|n| {
                let running = scenario("order").arg(2).arg(250).start();
                let logs = running.logs.label(format!("w{n}"));
                let logs = tokio::spawn(logs.run_into(Arc::clone(&memory)));
                (running.child, logs)
            })
            .collect();
        for (mut child, logs) in children {
            assert!(child.wait().await.expect("a status").success());
            let summary = logs.await.expect("no panic").expect("no read error");
            assert!(summary.is_complete(), "{summary}");
            assert_eq!(summary.received, 500);
        }
    });
    let mut next: HashMap<(String, String), usize> = HashMap::new();
    for record in memory.take() {
        let [label, t, n] = &record.key_values[..] else {
            panic!("{record:?}");
        };
        assert_eq!(
            (&*label.0, &*t.0, &*n.0),
            ("label", "t", "n"),
            "the label comes first"
        );
        let expected = next.entry((label.1.clone(), t.1.clone())).or_default();
        assert_eq!(n.1, expected.to_string(), "{label:?} {t:?}");
        *expected += 1;
    }
    assert_eq!(next.len(), 40);
    assert!(next.values().all(|&count| count == 250));
}

#[test]
fn the_parents_own_keys_come_first_and_a_child_cannot_forge_them() {
    let all = [
        Attach::Pid,
        Attach::Label,
        Attach::Process,
        Attach::Thread,
        Attach::ThreadId,
    ];
    let (seen, _, pid) = seen(scenario("forged"), |logs| logs.label("w1").attach(all));
    let pid = &*pid.to_string();
    let own = [
        ("pid", pid),
        ("label", "w1"),
        ("process", "e2e-child"),
        ("thread", "main"),
        ("thread_id", pid),
    ];
    let forged = [
        ("label_", "admin"),
        ("pid_", "1"),
        ("other", "2"),
        ("label_", "root"),
    ];
    let context = [("process_", "init"), ("thread_id_", "3")];
    assert_eq!(
        seen[0].key_values,
        pairs(&[&own[..], &forged, &context].concat())
    );
}

#[test]
fn a_child_that_has_no_label_cannot_claim_one() {
    let (seen, ..) = seen(scenario("forged"), |logs| logs);
    let keys: Vec<&str> = seen[0].key_values.iter().map(|(key, _)| &**key).collect();
    assert_eq!(
        keys,
        ["label_", "pid", "other", "label_", "process", "thread_id"]
    );
}

#[test]
fn the_time_that_is_attached_is_the_childs() {
    let before = record_proto::now();
    let (seen, ..) = seen(scenario("log").arg(1), |logs| logs.attach([Attach::Time]));
    let (key, time) = &seen[0].key_values[0];
    assert_eq!(key, "time");
    assert!(
        time.ends_with('Z') && time.len() == "2024-01-01T00:00:00.000000000Z".len(),
        "{time}"
    );
    let mut bound = record_proto::LogRecord::new(Level::Info, "", "");
    bound.time = before;
    let bound = serde_json::to_value(&bound).expect("JSON");
    assert!(
        &**time >= bound["time"].as_str().expect("a text"),
        "{time}, {bound}"
    );
}

#[test]
fn text_reaches_the_logger_without_terminal_control() {
    let hostile = "a\u{1b}[2Jb\r\u{7f}\u{9b}31m\tc\u{2028}\u{202e}d\u{0}";
    let scenario = || {
        scenario("texts")
            .arg(hostile.trim_end_matches('\0'))
            .arg("one\ntwo\u{8}")
    };
    let (escaped, ..) = seen(scenario(), |logs| logs.label("w\n1"));
    for record in &escaped {
        assert_eq!(record.key_values[0].0, "label");
        let keys = record.key_values.iter().map(|(key, _)| key);
        for text in keys.chain([&record.target, &record.key_values[0].1]) {
            assert!(!text.contains(is_control), "{text:?}");
        }
        let values = record.key_values.iter().map(|(_, value)| value);
        for text in values.chain([&record.message]) {
            let lines = text.replace("\n    ", "");
            assert!(!lines.contains(is_control), "{record:?}");
        }
        for shown in ["a", "b", "c", "d"] {
            assert!(!record.message.contains("31m") || record.message.contains(shown));
        }
    }
    assert!(
        escaped[0].message.contains("31m\tc"),
        "a tab stays: {:?}",
        escaped[0].message
    );
    assert!(
        escaped[1].message.starts_with("one\n    two"),
        "{:?}",
        escaped[1].message
    );

    let (raw, ..) = seen(scenario(), |logs| logs.escaping(Escaping::Off));
    assert_eq!(raw[0].message, hostile.trim_end_matches('\0'));
    assert_eq!(raw[0].target, raw[0].message);
    assert_eq!(raw[1].message, "one\ntwo\u{8}");
}

#[test]
fn the_logger_filters_and_what_it_filters_is_received() {
    let (seen, summary, _) = seen(scenario("levels").arg("trace"), |logs| {
        logs.max_level(LevelFilter::Info)
    });
    let messages: Vec<&str> = seen.iter().map(|record| &*record.message).collect();
    assert_eq!(
        messages,
        ["maximum", "beta ERROR", "beta WARN", "beta INFO"]
    );
    assert_eq!(summary.received, 11);
}

#[test]
fn a_logger_that_panics_is_counted_and_the_records_go_on() {
    struct Panics(AtomicUsize);
    impl Log for Panics {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &Record<'_>) {
            self.0.fetch_add(1, Relaxed);
            assert!(
                !record.args().to_string().ends_with('3'),
                "it was meant to panic"
            );
        }
        fn flush(&self) {}
    }
    let logger = Panics(AtomicUsize::new(0));
    let summary = within(async {
        let running = scenario("log").arg(30).start();
        running.logs.run_into(&logger).await.expect("no read error")
    });
    assert_eq!(summary.logger_panics, 3);
    assert_eq!((summary.received, summary.missing), (30, 0));
    assert_eq!(logger.0.into_inner(), 30);
}

#[test]
fn other_tasks_have_their_turn_after_64_records() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        // The pipe is full before it is read, so that there is always a next record.
        let mut running = scenario("stall").arg("block").arg(5_000).start();
        assert_eq!(running.talk.line().await, "full");
        let turns = Arc::new(AtomicUsize::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let others = {
            let (turns, ended) = (Arc::clone(&turns), Arc::clone(&ended));
            tokio::spawn(async move {
                while !ended.load(Relaxed) {
                    turns.fetch_add(1, Relaxed);
                    turn().await;
                }
            })
        };
        let mut seen_at = Vec::new();
        let mine = Arc::clone(&turns);
        let run = tokio::spawn(async move {
            let run = running.logs.run_with(|_| seen_at.push(mine.load(Relaxed)));
            (run.await.expect("no read error"), seen_at)
        });
        let (summary, seen_at) = tokio::time::timeout(crate::support::LIMIT, run)
            .await
            .expect("an end")
            .expect("no panic");
        ended.store(true, Relaxed);
        others.await.expect("no panic");
        assert_eq!(summary.received, 5_000);
        let longest = seen_at.chunk_by(|a, b| a == b).map(<[_]>::len).max();
        assert!(longest <= Some(64), "{longest:?} records without a turn");
    });
}

/// Lets the other tasks run once.
async fn turn() {
    let mut had = false;
    poll_fn(|cx| match std::mem::replace(&mut had, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
