//! Trials whose parent is a process of its own, which is stopped until after the deaths.

use std::{
    fs, io,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::sleep,
};

use crate::{
    checker::{self, Verdict},
    plan::{PROCESSES, Plan, Stop},
    shared_counters::SharedCounters,
    trial,
};

/// The interval between two looks at something that gives no event.
const GLANCE: Duration = Duration::from_millis(1);
/// A process that is still alive so long after the stop waits for the parent.
const PATIENCE: Duration = Duration::from_millis(500);

/// Runs a trial in a parent that is stopped.
pub(crate) async fn run(plan: &Plan, stop: Stop) -> io::Result<Verdict> {
    let counters = SharedCounters::new()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("trial").arg(serde_json::to_string(plan)?);
    command.arg(counters.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let parent = command.kill_on_drop(true).spawn()?;
    tokio::select! {
        output = stop_and_go(parent, stop, &counters) => verdict(&output?),
        () = trial::kill(plan, &counters) => unreachable!("it goes on for ever"),
    }
}

/// Runs as the parent of a trial, and prints the verdict.
pub(crate) async fn parent(plan: &str, counters: &str) {
    let plan: Plan = serde_json::from_str(plan).expect("a plan");
    let counters = SharedCounters::open(counters).expect("the counters");
    let verdict = match trial::run_with(&plan, counters, false).await {
        Ok(evidence) => checker::check(&plan, &evidence),
        Err(error) => checker::failed(&plan, &error),
    };
    println!("{}", serde_json::to_string(&verdict).expect("JSON"));
}

fn verdict(output: &Output) -> io::Result<Verdict> {
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout)?),
        false => Err(io::Error::other(format!("the parent: {}", output.status))),
    }
}

async fn stop_and_go(parent: Child, stop: Stop, counters: &SharedCounters) -> io::Result<Output> {
    let pid = parent.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let pid = pid.expect("a child that nobody has waited for");
    while counters.pid(0).is_none() {
        sleep(GLANCE).await;
    }
    sleep(Duration::from_micros(stop.after_micros)).await;
    kill_process(pid, Signal::STOP)?;
    let stopped = Instant::now();
    while stopped.elapsed() < PATIENCE && any_alive(counters) {
        sleep(GLANCE).await;
    }
    sleep(Duration::from_millis(stop.millis)).await;
    kill_process(pid, Signal::CONT)?;
    parent.wait_with_output().await
}

fn any_alive(counters: &SharedCounters) -> bool {
    let mut pids = (0..PROCESSES).filter_map(|member| counters.pid(member));
    pids.any(is_alive)
}

/// Returns whether a process runs, and is neither gone nor waited for by nobody.
fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let stat = stat.unwrap_or_default();
    // The name may contain anything, and ends at the last parenthesis.
    let state = stat.rsplit(')').next().map(str::trim_start);
    state.is_some_and(|state| !state.is_empty() && !state.starts_with('Z'))
}
