//! The description of the machine.

use std::{fs, process::Command, thread};

/// The machine in one line each.
pub fn describe() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "- processor: {}, {cores} cores\n- kernel: Linux {}\n- compiler: {}\n- load average at the start: {load}\n",
        processor(),
        kernel.trim(),
        compiler(),
    )
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| {
        let value = line.strip_prefix("model name")?;
        Some(value.trim_start_matches([' ', '\t', ':']))
    });
    model.unwrap_or("unknown").to_owned()
}

fn compiler() -> String {
    let rustc = Command::new("rustc").arg("--version").output();
    let text = rustc.map_or_else(|_| Vec::new(), |output| output.stdout);
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if text.is_empty() {
        "unknown".into()
    } else {
        text
    }
}
