//! The reading side of one measurement.

use std::{
    env::current_exe,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::runtime::Runtime;

use crate::{
    alloc,
    gate::{Ends, Gate, Rest, Said},
    load::{Pace, Task},
    report::Report,
    sink::{Sink, Tally},
    stats::Percentiles,
    systems::{self, Join, System},
    usage,
};

/// Children that go quiet are given this time to settle.
const SETTLE: Duration = Duration::from_millis(500);

/// Runs one measurement.
pub fn run(task: &Task) -> Result<Report> {
    usage::raise_file_limit()?;
    match systems::system(&task.system) {
        Some(system) => serve(&*system, task),
        None => alone(task),
    }
}

/// One child, its reader, and what was read.
struct Served {
    child: Child,
    join: Join,
    tally: Arc<Tally>,
}

fn serve(system: &dyn System, task: &Task) -> Result<Report> {
    // As `#[tokio::main]` makes it.
    let runtime = Runtime::new()?;
    let _entered = runtime.enter();
    let (last, lasts) = mpsc::channel();
    let (mut gate, ends) = Gate::new()?;
    let served = (0..task.load.children)
        .map(|_| {
            let with_latencies = matches!(task.load.pace, Pace::Trickle { .. });
            let tally = Tally::new(task.load.per_child(), with_latencies);
            let sink = Sink::boxed(Arc::clone(&tally), last.clone());
            let (child, join) = system.serve(command(task, &ends)?, sink)?;
            Ok(Served { child, join, tally })
        })
        .collect::<Result<Vec<_>>>()?;
    drop((last, ends));

    let before = gate.hear(task.load.children)?;
    let mut report = Report::default();
    if let Pace::Idle { millis } = task.load.pace {
        std::thread::sleep(SETTLE);
        let watched = Duration::from_millis(millis);
        report.wakeups = Some(usage::wakeups_per_second(watched)?);
    }
    let rest = clocked(gate, task, &lasts, &mut report)?;
    report.take(task, &before, &rest.hear(task.load.children)?);
    finish(task, served, &mut report)?;
    Ok(report)
}

/// Opens the gate and waits for the last record.
fn clocked(
    gate: Gate,
    task: &Task,
    lasts: &mpsc::Receiver<Instant>,
    report: &mut Report,
) -> Result<Rest> {
    if task.load.count_allocations {
        alloc::start();
    }
    let cpu = usage::cpu()?;
    let (start, rest) = gate.open();
    // A reader that ends early drops its sender: what is missing is seen in the tallies.
    let last = lasts
        .iter()
        .take(usize::try_from(task.load.children)?)
        .max();
    report.parent_allocations = alloc::stop();
    report.parent_cpu = usage::cpu()? - cpu;
    report.peak_kib = usage::peak_kib()?;
    report.parent_pss_kib = usage::pss_kib()?;
    let last = last.unwrap_or_else(Instant::now);
    report.seconds = last.saturating_duration_since(start).as_secs_f64();
    Ok(rest)
}

fn finish(task: &Task, served: Vec<Served>, report: &mut Report) -> Result<()> {
    let mut latencies = Vec::new();
    for Served {
        mut child,
        join,
        tally,
    } in served
    {
        join().context("the reader")?;
        ensure!(child.wait()?.success(), "a child failed");
        report.lost += task.load.per_child().abs_diff(tally.count());
        if let (Some(sum), 0) = (task.load.job_sum(), report.lost) {
            ensure!(tally.jobs() == sum, "job numbers that were not sent");
        }
        latencies.extend(tally.take_latencies());
    }
    report.latency = Percentiles::of(latencies, |nanos| nanos as f64);
    Ok(())
}

/// A logger that nobody reads.
fn alone(task: &Task) -> Result<Report> {
    let (mut gate, ends) = Gate::new()?;
    let mut child = command(task, &ends)?.stderr(Stdio::null()).spawn()?;
    drop(ends);
    let before = gate.hear(1)?;
    let (start, rest) = gate.open();
    let after = rest.hear(1)?;
    let mut report = Report {
        seconds: start.elapsed().as_secs_f64(),
        ..Report::default()
    };
    report.take(task, &before, &after);
    ensure!(child.wait()?.success(), "the child failed");
    Ok(report)
}

fn command(task: &Task, ends: &Ends) -> Result<Command> {
    let mut command = Command::new(current_exe()?);
    command.arg("child").arg(serde_json::to_string(task)?);
    ends.give_to(&mut command)?;
    Ok(command)
}

impl Report {
    /// Takes over what the children said before and after.
    fn take(&mut self, task: &Task, before: &[Said], after: &[Said]) {
        let cpu = |said: &[Said]| said.iter().map(|said| said.cpu).sum::<f64>();
        self.records = task.load.timed();
        self.child_cpu = cpu(after) - cpu(before);
        self.child_allocations = after.iter().map(|said| said.allocations).sum();
        self.child_pss_kib = after.iter().map(|said| said.pss_kib).sum();
        self.calls = after.first().and_then(|said| said.calls);
        self.disabled = after.first().and_then(|said| said.disabled);
    }
}
