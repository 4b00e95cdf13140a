use std::{fs, process};

use rustix::{
    io::{Errno, retry_on_intr},
    process::{Pid, WaitId, WaitIdOptions, test_kill_process, waitid},
};

/// A child that has no descriptor, by its pid. The pid may be another process's later.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    /// Where there is a `/proc` that shows it.
    start: Option<u64>,
    /// Whose child it is. A reader may be in another process: one that was forked since.
    parent: u32,
}

impl Process {
    pub(crate) fn new(pid: Pid) -> Self {
        Self {
            pid,
            start: Stat::of(pid).map(|stat| stat.start),
            parent: process::id(),
        }
    }

    /// Whether it has exited; `false` where the system does not tell.
    pub(crate) fn has_exited(&self) -> bool {
        let stat = Stat::of(self.pid).filter(|_| self.start.is_some());
        let is_another = stat
            .as_ref()
            .is_some_and(|stat| Some(stat.start) != self.start);
        if is_another {
            return true;
        }
        self.ask_as_parent().unwrap_or_else(|| match stat {
            Some(stat) => stat.has_exited(),
            // It may only be hidden from us.
            None => test_kill_process(self.pid) == Err(Errno::SRCH),
        })
    }

    /// A look that leaves the status to whoever waits for the child; `None` if this process cannot have it.
    fn ask_as_parent(&self) -> Option<bool> {
        if self.parent != process::id() {
            return None;
        }
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        match retry_on_intr(|| waitid(WaitId::Pid(self.pid), look)) {
            Ok(status) => Some(status.is_some()),
            // Somebody has waited for it, or nobody has to.
            Err(Errno::CHILD) => Some(true),
            Err(_) => None,
        }
    }
}

/// What `/proc` says of a process.
#[derive(Debug)]
struct Stat {
    state: char,
    threads: u64,
    start: u64,
}

impl Stat {
    fn of(pid: Pid) -> Option<Self> {
        // In a PID namespace of our own, /proc may still be that of the one around it, where the pid is another's.
        let own = fs::read_link("/proc/self").ok()?;
        if own.to_str()?.parse() != Ok(process::id()) {
            return None;
        }
        let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The name of the program comes before, and may have anything in it.
        let name_end = stat.iter().rposition(|&byte| byte == b')')?;
        let mut fields = str::from_utf8(&stat[name_end + 1..])
            .ok()?
            .split_whitespace();
        Some(Self {
            state: fields.next()?.chars().next()?,
            threads: fields.nth(16)?.parse().ok()?,
            start: fields.nth(1)?.parse().ok()?,
        })
    }

    /// The state is that of the main thread, which may end before the others.
    fn has_exited(&self) -> bool {
        matches!(self.state, 'Z' | 'X') && self.threads <= 1
    }
}
