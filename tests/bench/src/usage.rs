//! What a process has used.

use std::{fs, thread, time::Duration};

use anyhow::{Context, Result};
use nix::{
    sys::{
        resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit},
        time::TimeValLike,
    },
    unistd::gettid,
};

/// CPU seconds of this process, of all its threads.
pub fn cpu() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(micros as f64 / 1e6)
}

/// The most memory that this process ever had resident, in KiB.
pub fn peak_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    number_of(&status, "VmHWM:").context("no VmHWM in /proc/self/status")
}

/// The share of this process in the memory that is resident, in KiB.
pub fn pss_kib() -> Result<u64> {
    let memory = fs::read_to_string("/proc/self/smaps_rollup")?;
    number_of(&memory, "Pss:").context("no Pss in /proc/self/smaps_rollup")
}

/// How often other threads of this process than the calling one run per second, over `time`.
pub fn wakeups_per_second(time: Duration) -> Result<f64> {
    let before = switches_of_others()?;
    thread::sleep(time);
    let after = switches_of_others()?;
    Ok(after.saturating_sub(before) as f64 / time.as_secs_f64())
}

fn switches_of_others() -> Result<u64> {
    let own = gettid().to_string();
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?;
        if task.file_name() != *own {
            let status = fs::read_to_string(task.path().join("status"))?;
            sum += number_of(&status, "voluntary_ctxt_switches:").unwrap_or(0);
        }
    }
    Ok(sum)
}

fn number_of(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Lets this process open as many files as it may.
pub fn raise_file_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}
