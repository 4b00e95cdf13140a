//! The exit of a child for which the system refuses a descriptor.

use std::{fs, process};

use rustix::{
    io::{Errno, retry_on_intr},
    process::{Pid, WaitId, WaitIdOptions, test_kill_process, waitid},
};

/// A child that is known by its pid only. After its exit the system may give the pid to another process.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    pid: Pid,
    /// The start time of the process, which distinguishes it from a later one with the same pid. `None` if there is no
    /// `/proc` that shows it.
    start_time: Option<u64>,
    /// The pid of the process that spawned the child. The reader may be in another process, if that one has forked.
    parent: u32,
}

impl ChildProcess {
    pub(crate) fn new(pid: Pid) -> Self {
        Self {
            pid,
            start_time: Stat::of(pid).map(|stat| stat.start_time),
            parent: process::id(),
        }
    }

    /// Returns whether the child has exited. If the system refuses to say, returns `false`.
    pub(crate) fn has_exited(&self) -> bool {
        let stat = Stat::of(self.pid).filter(|_| self.start_time.is_some());
        let is_another_process = stat
            .as_ref()
            .is_some_and(|stat| Some(stat.start_time) != self.start_time);
        if is_another_process {
            return true;
        }
        self.has_exited_by_waitid().unwrap_or_else(|| match stat {
            Some(stat) => stat.has_exited(),
            // /proc may hide the process from us, so it has exited only if no process has this pid.
            None => test_kill_process(self.pid) == Err(Errno::SRCH),
        })
    }

    /// Asks `waitid`, with an option that leaves the exit status to the caller who waits for the child. Returns `None`
    /// if this process is not the parent, or the system refuses the call.
    fn has_exited_by_waitid(&self) -> Option<bool> {
        if self.parent != process::id() {
            return None;
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        match retry_on_intr(|| waitid(WaitId::Pid(self.pid), options)) {
            Ok(status) => Some(status.is_some()),
            // The child has been waited for, or this process ignores SIGCHLD and the system has reaped the child.
            Err(Errno::CHILD) => Some(true),
            Err(_) => None,
        }
    }
}

/// The part of `/proc/<pid>/stat` that is needed here.
#[derive(Debug)]
struct Stat {
    state: char,
    threads: u64,
    start_time: u64,
}

impl Stat {
    fn of(pid: Pid) -> Option<Self> {
        // If this process is in a PID namespace of its own, /proc may still be that of the outer namespace, in which
        // the pid belongs to another process. Then /proc/self is not our pid.
        let own = fs::read_link("/proc/self").ok()?;
        if own.to_str()?.parse() != Ok(process::id()) {
            return None;
        }
        let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The second field is the program's name in parentheses. It may contain spaces and parentheses, so the fields
        // are counted from the last closing one: state is the 3rd, num_threads the 20th, starttime the 22nd (proc(5)).
        let name_end = stat.iter().rposition(|&byte| byte == b')')?;
        let mut fields = str::from_utf8(&stat[name_end + 1..])
            .ok()?
            .split_whitespace();
        Some(Self {
            state: fields.next()?.chars().next()?,
            threads: fields.nth(16)?.parse().ok()?,
            start_time: fields.nth(1)?.parse().ok()?,
        })
    }

    /// Returns whether the process is dead or a zombie. The state is that of the main thread, which may end before the
    /// other threads, so the number of threads counts too.
    fn has_exited(&self) -> bool {
        matches!(self.state, 'Z' | 'X') && self.threads <= 1
    }
}
