//! What the default shared buffer adds to a spawn, for a person to read.

use std::{
    hint::black_box,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use pipe_subscriber::{PipeSubscriber, Spawn};

/// Prints the time of `children` spawns, from a parent that holds so many MiB, with and without a buffer: the median of
/// interleaved rounds. All children of a round are alive together.
pub(crate) fn spawn_cost(mebibytes: usize, children: usize, rounds: usize) {
    let mut held = vec![0_u8; mebibytes << 20];
    held.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        without.push(round(children, |spawn| spawn.buffer(0)));
        with.push(round(children, |spawn| spawn));
    }
    black_box(held);
    for (nth, what) in ["elapsed", "CPU of the parent"].into_iter().enumerate() {
        let median = |all: &[[Duration; 2]]| {
            let mut all: Vec<_> = all.iter().map(|times| times[nth]).collect();
            all.sort_unstable();
            all[rounds / 2].as_secs_f64() * 1e6 / children as f64
        };
        let (with, without) = (median(&with), median(&without));
        println!(
            "{what}: {without:.0} us a spawn without a buffer, {with:.0} us with one: {:.3}",
            with / without
        );
    }
}

/// Returns how long the spawns took, and the CPU time of this process.
fn round(children: usize, set: impl Fn(Spawn<Command>) -> Spawn<Command>) -> [Duration; 2] {
    let (begin, cpu) = (Instant::now(), cpu_time());
    let spawn = |_| {
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        set(Spawn::new(command).filter("info"))
            .spawn()
            .expect("a child")
    };
    let all: Vec<(Child, PipeSubscriber)> = (0..children).map(spawn).collect();
    let times = [begin.elapsed(), cpu_time() - cpu];
    for (mut child, _logs) in all {
        child.kill().expect("a child");
        child.wait().expect("a status");
    }
    times
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
