//! Five hundred hostile children at once: none costs more memory than its bound, and records of honest children arrive.

mod counting;
mod hostility;
mod reading;
mod writer;

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use counting::{count_future_for, held_for, peak_of};
use hostility::{HOSTILE, Hostility, PATIENT, encoded};
use log::Level;
use pipe_subscriber::{LogRecord, PipeSubscriber, Summary};
use reading::Reading;
use record_proto::Close;
use tokio::{io::AsyncWriteExt, net::unix::pipe, runtime, task::yield_now};
use writer::{Gate, Writer};

const CHILDREN: usize = 500;

/// The bounds of the memory that a parent holds for a child, in bytes: read buffers, unfinished records, and 1,024
/// processes. Each process has a name of 255 bytes and its figures, in the accounts and once more in the summary.
const BUFFERS: isize = 256 * 1024;
const JOINING: isize = 4 * 1024 * 1024;
const PROCESSES: isize = 1024 * 1024;

/// The bound of the memory for one frame while a logger reads it. It is freed before the next frame.
const LONGEST: usize = 64 * 1024;
const HANDING_ON: isize = 64 * LONGEST as isize;

/// The bound of all memory for one record in fragments, while it is joined and handed on.
const LARGEST: isize = 8 * 1024 * 1024;

/// Reads the stream of a hostile child. All memory that this takes counts as the child's.
async fn suffer(child: usize, hostility: &'static Hostility, gate: Gate) -> Summary {
    let run = async {
        let subscriber = PipeSubscriber::new(Writer::new(hostility, gate)).label("hostile");
        subscriber.run_into(Reading).await.expect("no read error")
    };
    count_future_for(child, run).await
}

/// Checks that the hostile frames arrived, and that the memory stayed within the bound.
fn check(child: usize, hostility: &Hostility, summary: &Summary) {
    let Hostility {
        name,
        bound,
        happened,
        ..
    } = hostility;
    assert!(
        happened(summary) && summary.logger_panics == 0,
        "{name}: {summary}"
    );
    let peak = peak_of(child);
    assert!(peak <= *bound, "{name}: {peak} bytes");
}

/// Runs a child on a real pipe that writes each record after the one before has arrived.
// Relaxed: reader and writer run in one task.
async fn honest(records: usize) -> Summary {
    let (writer, reader) = pipe::pipe().expect("a pipe");
    let last_seq = AtomicU64::new(0);
    let read = PipeSubscriber::new(reader).run_with(|record| last_seq.store(record.seq, Relaxed));
    let write = async {
        let mut writer = writer;
        for seq in 1..=records as u64 {
            let mut record = LogRecord::new(Level::Info, "honest", "hello");
            record.seq = seq;
            writer.write_all(&encoded(&record)).await.expect("a parent");
            while last_seq.load(Relaxed) < seq {
                yield_now().await;
            }
        }
        let mut close = Close::new();
        close.sent = records as u64;
        writer.write_all(&encoded(&close)).await.expect("a parent");
    };
    let (summary, ()) = tokio::join!(read, write);
    summary.expect("no read error")
}

/// Fails the test if the future takes longer than a minute.
fn within<T>(body: impl Future<Output = T>) -> T {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let timed = async { tokio::time::timeout(Duration::from_secs(60), body).await };
    runtime
        .expect("a runtime")
        .block_on(timed)
        .expect("still not done after a minute")
}

/// Returns the kind of a child: all kinds for the first 60 children, and only the quick ones for the others.
fn hostility_of(child: usize) -> &'static Hostility {
    let kinds = match child {
        0..60 => HOSTILE.len(),
        _ => HOSTILE.len() - 4,
    };
    &HOSTILE[child % kinds]
}

#[test]
fn five_hundred_hostile_children_stay_within_the_bounds_and_honest_records_arrive() {
    let summaries = within(async {
        let gate = Gate::default();
        let hostile: Vec<_> = (0..CHILDREN)
            .map(|child| tokio::spawn(suffer(child, hostility_of(child), gate.clone())))
            .collect();
        let honest: Vec<_> = (0..10).map(|_| tokio::spawn(honest(10))).collect();
        for child in honest {
            let summary = child.await.expect("no panic");
            assert!(summary.is_complete() && summary.received == 10, "{summary}");
        }
        assert!(
            gate.waiting() < CHILDREN,
            "heard only when the others were silent"
        );
        while gate.waiting() < CHILDREN {
            yield_now().await;
        }
        let held: isize = (0..CHILDREN).map(held_for).sum();
        println!("all {CHILDREN} together hold {held} bytes");
        gate.open();
        let mut summaries = Vec::new();
        for child in hostile {
            summaries.push(child.await.expect("no panic"));
        }
        summaries
    });
    for (child, summary) in summaries.iter().enumerate() {
        check(child, hostility_of(child), summary);
    }
    for (child, Hostility { name, .. }) in HOSTILE.iter().enumerate() {
        println!("{name}: {} bytes", peak_of(child));
    }
}

#[test]
fn a_patient_child_stays_within_the_bounds() {
    for (child, hostility) in PATIENT.iter().enumerate() {
        let gate = Gate::default();
        gate.open();
        let summary = within(suffer(child, hostility, gate));
        println!("{}: {} bytes", hostility.name, peak_of(child));
        check(child, hostility, &summary);
    }
}
