//! `Writers`: the processes that write to the pipe, as `/proc` shows them while they wait for room in it.

use std::{collections::BTreeSet, fs, io, thread, time::Duration};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};

use super::{
    place::Place,
    processes::{
        WriteEnd, activity, descendants, descends_from, has_descriptor, holders, is_running,
        memory_files, write_ends,
    },
    rule::{self, Finding},
    stream::Sighting,
};

/// How long a program must do nothing to count as idle: it waits for room in the pipe.
const IDLE: Duration = Duration::from_millis(50);
/// The longest wait for that, in steps of `IDLE`.
const IDLE_STEPS: u32 = 20;

#[derive(Debug)]
pub(crate) struct Writers {
    /// The process that was started.
    program: u32,
    /// The pipe's inode.
    inode: Option<u64>,
    /// The buffer's inode.
    buffer: Option<u64>,
    is_stdin: bool,
    seen: Vec<u32>,
    /// The processes that the program has started, also those that have ended.
    started: BTreeSet<u32>,
    /// Frames of processes that had ended when they were looked for.
    unseen: Vec<Sighting>,
}

impl Writers {
    pub(crate) fn new(
        program: u32,
        inode: Option<u64>,
        buffer: Option<u64>,
        is_stdin: bool,
    ) -> Self {
        Self {
            program,
            inode,
            buffer,
            is_stdin,
            seen: Vec::new(),
            started: BTreeSet::new(),
            unseen: Vec::new(),
        }
    }

    /// Returns whether a process has written to the pipe.
    pub(crate) fn has_seen(&self, pid: u32) -> bool {
        self.seen.contains(&pid)
    }

    /// Waits until the program and its descendants do nothing: they wait for room in the pipe, or have ended.
    pub(crate) fn wait_until_idle(&mut self) {
        let mut before = None;
        for _ in 0..IDLE_STEPS {
            self.set_packet_mode();
            thread::sleep(IDLE);
            let now = self.activity();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// Looks at the process that wrote a frame.
    pub(crate) fn look_at(&mut self, sighting: Sighting) -> Vec<Finding> {
        let mut found = Vec::new();
        let pid = u32::try_from(sighting.pid).ok();
        match pid.filter(|&pid| pid == self.program || is_running(pid)) {
            // A process that writes into a ring does not wait for the kit: it may have ended.
            None if matches!(sighting.place, Place::Ring(..)) => {}
            None => self.unseen.push(sighting),
            Some(pid) if self.is_writer(pid) => {
                self.seen.push(pid);
                self.set_packet_mode();
                self.check_descriptors(pid, sighting.place, &mut found);
            }
            Some(pid) if sighting.is_first && stays(pid) => {
                let text = format!(
                    "pid {pid}, but the program is process {} and neither started that one nor gave it the pipe",
                    self.program
                );
                found.push(Finding::new(sighting.place, &rule::PID, text));
            }
            Some(_) => {}
        }
        found
    }

    /// Ends the run. A process that ended early may be a fork, or a program that a launcher has started. It is neither
    /// if the program never wrote, and never was the parent of that process.
    pub(crate) fn finish(&mut self) -> Option<Finding> {
        let first = self.unseen.first().filter(|_| self.seen.is_empty())?;
        if u32::try_from(first.pid).is_ok_and(|pid| self.started.contains(&pid)) {
            return None;
        }
        let text = format!(
            "pid {}, which no process has; the program is process {}",
            first.pid, self.program
        );
        Some(Finding::new(first.place, &rule::PID, text))
    }

    fn is_writer(&self, pid: u32) -> bool {
        let holds = || {
            let ends = self.inode.and_then(|inode| write_ends(pid, inode));
            ends.is_some_and(|ends| !ends.is_empty())
        };
        // This process holds the write end too.
        descends_from(pid, self.program) || (pid != std::process::id() && holds())
    }

    fn check_descriptors(&self, pid: u32, place: Place, found: &mut Vec<Finding>) {
        let Some(inode) = self.inode else { return };
        let mut find = |rule, text| found.push(Finding::new(place, rule, text));
        for WriteEnd { number, flags } in write_ends(pid, inode).unwrap_or_default() {
            if number == 0 && self.is_stdin {
                let text = "descriptor 0 is still the pipe".to_owned();
                find(&rule::DESCRIPTOR_0, text);
            } else if !flags.contains(OFlags::CLOEXEC) {
                let text = format!("descriptor {number} of process {pid} is not close-on-exec");
                find(&rule::CLOSE_ON_EXEC, text);
            }
        }
        let files = self.buffer.map(|inode| memory_files(pid, inode));
        for WriteEnd { number, flags } in files.unwrap_or_default() {
            if !flags.contains(OFlags::CLOEXEC) {
                let text = format!(
                    "descriptor {number} of process {pid}, the buffer, is not close-on-exec"
                );
                find(&rule::CLOSE_ON_EXEC, text);
            }
        }
        if self.is_stdin && has_descriptor(pid, 0) == Some(false) {
            find(&rule::DESCRIPTOR_0, "descriptor 0 is closed".to_owned());
        }
        for holder in holders(inode) {
            let is_other = holder.pid != pid && !self.has_seen(holder.pid);
            if is_other && descends_from(holder.pid, pid) && program(holder.pid) != program(pid) {
                let text = format!(
                    "process {} ({}), which the program has started, has the pipe",
                    holder.pid, holder.name
                );
                find(&rule::CLOSE_ON_EXEC, text);
            }
        }
    }

    /// Sets packet mode on the descriptions that the program has opened itself, by `/proc/self/fd/N`. If the system
    /// refuses that, a frame in two writes is found only if the reader comes between them.
    fn set_packet_mode(&mut self) {
        self.started.extend(descendants(self.program));
        let Some(inode) = self.inode else { return };
        for &pid in [self.program].iter().chain(&self.started) {
            for end in write_ends(pid, inode).unwrap_or_default() {
                if !end.flags.contains(OFlags::DIRECT) {
                    let _refused = set_direct(pid, end.number);
                }
            }
        }
    }

    fn activity(&self) -> Option<u64> {
        let all = [self.program].into_iter().chain(descendants(self.program));
        all.map(activity).sum()
    }
}

fn set_direct(pid: u32, number: i32) -> io::Result<()> {
    let pid = Pid::from_raw(pid.cast_signed()).ok_or(io::ErrorKind::NotFound)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let copy = pidfd_getfd(pidfd, number, PidfdGetfdFlags::empty())?;
    fcntl_setfl(&copy, fcntl_getfl(&copy)? | OFlags::DIRECT)?;
    Ok(())
}

/// Returns the file that a process runs. A fork runs that of its parent, and has its descriptors rightly.
fn program(pid: u32) -> Option<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Returns whether a process is not just ending. One that is has no descriptors any more, and may have no parent.
fn stays(pid: u32) -> bool {
    thread::sleep(IDLE);
    is_running(pid)
}
