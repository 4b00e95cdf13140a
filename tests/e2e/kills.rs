//! SIGKILL at any moment loses no record whose log call has returned, and tears none.

use std::{
    collections::{HashMap, HashSet},
    fs,
    hash::{BuildHasher, RandomState},
};

use fastrand::Rng;
use pipe_subscriber::{LogRecord, StreamEnd};

use crate::support::{number, pattern, scenario, temporary, within};

const ROUNDS: usize = 30;

#[test]
fn a_kill_at_any_moment_loses_no_acknowledged_record_and_tears_none() {
    let mut random = random();
    for round in 0..ROUNDS {
        let threads = random.usize(1..=4);
        let kill_at = random.usize(1..=400);
        let sizes = random.usize(..1_000);
        println!("round {round}: {threads} threads, killed at record {kill_at}, sizes by {sizes}");
        killed(threads, kill_at, sizes);
    }
}

fn killed(threads: usize, kill_at: usize, sizes: usize) {
    let acks = temporary("acks");
    fs::write(&acks, vec![0; threads * 8]).expect("a file");
    let outcome = within(async {
        let scenario = scenario("acks").arg(acks.display()).arg(threads).arg(sizes);
        let running = scenario.start();
        let (pid, mut received) = (running.pid, 0);
        let count = |_: &LogRecord<'_>| {
            received += 1;
            if received == kill_at {
                kill(pid);
            }
        };
        running.finish_with(count).await
    });
    let acknowledged: Vec<u64> = fs::read(&acks)
        .expect("a file")
        .chunks(8)
        .map(|count| u64::from_le_bytes(count.try_into().expect("8 bytes")))
        .collect();
    let _gone = fs::remove_file(&acks);

    let summary = &outcome.summary;
    assert_eq!(
        summary.end,
        StreamEnd::Eof,
        "{summary}: {:?}",
        summary.reasons
    );
    let wrong = [
        summary.malformed,
        summary.unknown,
        summary.dropped,
        summary.logger_panics,
    ];
    assert_eq!(wrong, [0; 4], "{summary}: {:?}", summary.reasons);
    assert!(
        summary.missing <= threads as u64,
        "one seq per thread: {summary}"
    );
    assert!(
        summary.incomplete <= threads as u64,
        "one record per thread: {summary}"
    );

    let mut received: HashMap<u64, u64> = HashMap::new();
    for record in &outcome.records {
        let next = received.entry(number(record, "t")).or_default();
        assert_eq!(number(record, "n"), *next, "without a gap");
        *next += 1;
        let size = record.message.len();
        assert!(record.message == pattern(size, size), "{size} bytes");
    }
    for (t, acknowledged) in (0..).zip(acknowledged) {
        let received = received.get(&t).copied().unwrap_or_default();
        let possible = acknowledged..=acknowledged + 1;
        assert!(
            possible.contains(&received),
            "thread {t}: {received} of {acknowledged}"
        );
    }
}

#[test]
fn forks_that_are_killed_tear_nothing_of_what_the_others_log() {
    let mut random = random();
    for round in 0..5 {
        let kill_each = random.usize(1..=300);
        let sizes = random.usize(..1_000);
        println!("round {round}: one is killed every {kill_each} records, sizes by {sizes}");
        let outcome = within(async {
            let running = scenario("forks-for-ever").arg(3).arg(sizes).start();
            let mut received = 0;
            let mut killed = HashSet::new();
            running
                .finish_with(|record| {
                    received += 1;
                    let pid = record.pid.expect("a pid");
                    if received >= kill_each && killed.len() < 3 && killed.insert(pid) {
                        received = 0;
                        kill(pid);
                    }
                })
                .await
        });
        let summary = &outcome.summary;
        assert!(outcome.status.success(), "{}", outcome.status);
        assert_eq!(summary.end, StreamEnd::Eof, "three never closed: {summary}");
        let wrong = [
            summary.malformed,
            summary.unknown,
            summary.dropped,
            summary.logger_panics,
        ];
        assert_eq!(wrong, [0; 4], "{summary}: {:?}", summary.reasons);
        assert!(
            summary.missing <= 3 && summary.incomplete <= 3,
            "one each: {summary}"
        );
        assert_eq!(outcome.messages().last(), Some(&"last word"));
        assert_eq!(summary.processes.len(), 4);

        let mut next: HashMap<u64, u64> = HashMap::new();
        for record in &outcome.records[..outcome.records.len() - 1] {
            let expected = next.entry(record.pid.expect("a pid")).or_default();
            assert_eq!(number(record, "n"), *expected, "without a gap");
            *expected += 1;
            let size = record.message.len();
            assert!(record.message == pattern(size, size), "{size} bytes");
        }
    }
}

pub(crate) fn kill(pid: u64) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid"));
    let signal = rustix::process::Signal::KILL;
    rustix::process::kill_process(pid.expect("a pid"), signal).expect("a process");
}

/// Returns the generator of the moments. Prints its seed, which `E2E_SEED` repeats.
fn random() -> Rng {
    let seed = match std::env::var("E2E_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => RandomState::new().hash_one("seed"),
    };
    println!("E2E_SEED={seed}");
    Rng::with_seed(seed)
}
