//! A process that a test starts: its standard error, its exit, its processor time and memory.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::{sync::watch, task::spawn_blocking};

/// A process. It is killed when this is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    errors: watch::Receiver<Vec<String>>,
    /// What it used, once it has ended.
    used: Option<Used>,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) cpu: Duration,
}

impl Process {
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        command.stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stderr = child.stderr.take().expect("it is a pipe");
        Self {
            name: name.to_owned(),
            child,
            errors: lines(stderr),
            used: None,
        }
    }

    pub(crate) fn stdout(&mut self) -> impl Read + Send + use<> {
        self.child
            .stdout
            .take()
            .expect("stdout is a pipe and not taken yet")
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for a line of standard error that contains a text.
    pub(crate) async fn line(&self, text: &str) -> String {
        let found = |lines: &Vec<String>| lines.iter().rfind(|line| line.contains(text)).cloned();
        let mut errors = self.errors.clone();
        match errors.wait_for(|lines| found(lines).is_some()).await {
            Ok(lines) => found(&lines).expect("it was waited for"),
            Err(_) => panic!("{} ended without {text:?}:\n{}", self.name, self.errors()),
        }
    }

    /// Returns what standard error had so far.
    pub(crate) fn errors(&self) -> String {
        self.errors.borrow().join("\n")
    }

    /// Waits for the exit.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        let pid = self.pid();
        let exited = move || {
            waitid(
                WaitId::Pid(pid),
                WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
            )
        };
        spawn_blocking(exited)
            .await
            .unwrap()
            .expect("it is a child of this process");
        self.reap()
    }

    /// Waits for the exit and for the end of standard error, which no other process may hold then.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        let status = self.exit().await;
        while self.errors.changed().await.is_ok() {}
        status
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it has not ended yet");
    }

    /// Kills it by SIGKILL, as `kill -9` does, and waits for its end.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().expect("it has not ended yet");
        self.exit().await;
    }

    /// Before its exit status is taken, the system still has its figures.
    fn reap(&mut self) -> ExitStatus {
        if self.used.is_none() {
            self.used = Some(Used {
                cpu: cpu_of(self.pid()),
            });
        }
        self.child.wait().expect("it can be waited for")
    }

    /// Returns the processor time so far.
    pub(crate) fn cpu(&self) -> Duration {
        self.used
            .map_or_else(|| cpu_of(self.pid()), |used| used.cpu)
    }

    /// Returns the largest resident memory so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let status = fs::read_to_string(path).expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .expect("VmHWM in kB");
        kib.parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let lines = self.errors.borrow();
            let last = &lines[lines.len().saturating_sub(30)..];
            eprintln!("--- the last lines of {}:\n{}", self.name, last.join("\n"));
        }
    }
}

/// Reads lines until the end.
fn lines(from: impl Read + Send + 'static) -> watch::Receiver<Vec<String>> {
    let (sender, receiver) = watch::channel(Vec::new());
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            sender.send_modify(|lines| lines.push(line));
        }
    });
    receiver
}

/// Returns the processor time of a process that has not been reaped, from `/proc/PID/stat`.
fn cpu_of(pid: Pid) -> Duration {
    let stat =
        fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // The name, in parentheses, may have blanks.
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    let ticks: u64 = fields
        .get(11..13)
        .into_iter()
        .flatten()
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}
