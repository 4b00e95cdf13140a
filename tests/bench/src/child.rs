//! The writing side of one measurement.

use std::{
    hint::black_box,
    process,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    alloc,
    clock::{self, Stopwatch},
    gate::{self, Said},
    load::{Load, Pace, Task},
    reference::{self, Emit, FIRST_JOB},
    stats::Percentiles,
    systems, usage,
};

/// Between two bursts; every reader catches up in it.
const BURST_PAUSE: Duration = Duration::from_millis(3);

/// Between two records of a trickle.
const TRICKLE_PAUSE: Duration = Duration::from_millis(1);

/// A sleep takes about so long more than was asked for.
const SHORTEST_SLEEP: Duration = Duration::from_micros(60);

pub fn run(task: &Task) -> Result<()> {
    let logger = systems::logger(&task.system).context("no such system")?;
    let installed = logger.install()?;
    let stopwatch = Stopwatch::new();
    let measured = emit(&task.load, installed.emit, stopwatch, installed.finish)?;
    let said = Said {
        cpu: usage::cpu()?,
        calls: Percentiles::of(measured.calls, |ticks| stopwatch.nanos(ticks)),
        disabled: measured.disabled,
        allocations: measured.allocations,
        pss_kib: measured.pss_kib,
    };
    gate::say(&said)
}

#[derive(Default)]
struct Measured {
    /// Ticks of each call.
    calls: Vec<u64>,
    disabled: Option<f64>,
    allocations: u64,
    pss_kib: u64,
}

fn emit(
    load: &Load,
    reference: Emit,
    stopwatch: Stopwatch,
    finish: Box<dyn FnOnce()>,
) -> Result<Measured> {
    let emit = load.shape.emit(reference);
    let ready = Barrier::new(usize::try_from(load.threads)? + 1);
    let start = Barrier::new(usize::try_from(load.threads)? + 1);
    let mut measured = thread::scope(|scope| {
        let workers: Vec<_> = (0..load.threads)
            .map(|number| {
                let work = || {
                    flat(&emit, load.prelude);
                    ready.wait();
                    start.wait();
                    thread_load(load.pace, &emit, stopwatch)
                };
                let thread = thread::Builder::new().name(format!("worker-{number}"));
                thread.spawn_scoped(scope, work)
            })
            .collect::<Result<_, _>>()?;
        ready.wait();
        open_gate(load)?;
        start.wait();
        let mut all = Measured::default();
        for worker in workers {
            let one = worker.join().expect("a worker never panics");
            all.calls.extend(one.calls);
            all.disabled = all.disabled.or(one.disabled);
        }
        anyhow::Ok(all)
    })?;
    measured.pss_kib = usage::pss_kib()?;
    finish();
    measured.allocations = alloc::stop();
    Ok(measured)
}

fn open_gate(load: &Load) -> Result<()> {
    let ready = Said {
        cpu: usage::cpu()?,
        ..Said::default()
    };
    gate::say(&ready)?;
    gate::wait()?;
    if load.count_allocations {
        alloc::start();
    }
    Ok(())
}

/// What one thread does.
fn thread_load(pace: Pace, emit: &Emit, stopwatch: Stopwatch) -> Measured {
    let mut measured = Measured::default();
    match pace {
        Pace::Flat { records } => flat(emit, records),
        Pace::Bursts { bursts, calls } => {
            measured.calls = in_bursts(emit, bursts, calls, stopwatch);
        }
        Pace::Trickle { records } => trickle(emit, records),
        Pace::Steady {
            records,
            per_second,
        } => steady(emit, records, per_second),
        Pace::Disabled { calls } => measured.disabled = Some(disabled(calls)),
        Pace::Idle { .. } => {}
    }
    measured
}

fn flat(emit: &Emit, records: u64) {
    for i in 0..records {
        emit(FIRST_JOB + i);
    }
}

fn in_bursts(emit: &Emit, bursts: u64, calls: u64, stopwatch: Stopwatch) -> Vec<u64> {
    // Touched beforehand: the page faults of this list are not those of the logger.
    let mut ticks = vec![u64::MAX; usize::try_from(bursts * calls).unwrap_or(0)];
    let mut job = FIRST_JOB;
    for burst in ticks.chunks_mut(usize::try_from(calls).unwrap_or(1)) {
        for call in burst {
            *call = stopwatch.time(|| emit(job));
            job += 1;
        }
        thread::sleep(BURST_PAUSE);
    }
    ticks
}

fn trickle(emit: &Emit, records: u64) {
    for _ in 0..records {
        thread::sleep(TRICKLE_PAUSE);
        emit(clock::monotonic());
    }
}

fn steady(emit: &Emit, records: u64, per_second: u64) {
    let distance = Duration::from_secs(1) / u32::try_from(per_second).unwrap_or(u32::MAX);
    // Many children do not log all at the same time.
    let begin = Instant::now() + distance * (process::id() % 64) / 64;
    for i in 0..records {
        let due = begin + distance * u32::try_from(i).unwrap_or(u32::MAX);
        let left = due.saturating_duration_since(Instant::now());
        if left >= SHORTEST_SLEEP {
            thread::sleep(left);
        }
        emit(FIRST_JOB + i);
    }
}

fn disabled(calls: u64) -> f64 {
    clock::each(calls, |job| reference::disabled(black_box(job)))
}
