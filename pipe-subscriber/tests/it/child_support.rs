//! Real children: shells that write streams to their pipes.

use std::{
    io::{BufRead, BufReader},
    process::{self, Stdio},
    sync::mpsc,
    time::Duration,
};

use pipe_subscriber::{PipeSubscriber, Records, Spawn, Summary};
use rustix::process::{Pid, Signal, kill_process};
use tokio_stream::StreamExt;

use crate::support::{Stream, within};

/// Longer than any test waits.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// Returns a shell that runs `script`, in which `$pipe` is a path of the write end.
pub(crate) fn shell(script: &str) -> process::Command {
    let mut command = process::Command::new("sh");
    let find = "pipe=${RECORD_PIPE#v1:} pipe=/proc/self/fd/${pipe%%:*}";
    command.arg("-c").arg(format!("{find}\n{script}"));
    command
}

pub(crate) fn tokio_shell(script: &str) -> tokio::process::Command {
    shell(script).into()
}

/// Returns a shell command that writes a stream to the pipe.
pub(crate) fn send(stream: &Stream) -> String {
    format!("printf '{}' >$pipe", octal(stream))
}

pub(crate) fn octal(stream: &Stream) -> String {
    stream
        .0
        .iter()
        .map(|byte| format!("\\{byte:03o}"))
        .collect()
}

pub(crate) fn a_whole_process() -> Stream {
    Stream::default().hello(7).records(7, 1..=3).close(7, 3, 0)
}

/// Starts a grandchild that would never end, and prints its pid as the only line on stdout.
pub(crate) const SLEEPER: &str = "sleep 1000000 </dev/null >/dev/null 2>&1 & echo $!";

pub(crate) struct Sleeper(Pid);

impl Sleeper {
    /// Waits until the child has started it.
    pub(crate) fn read(child: &mut process::Child) -> Self {
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        Self(Pid::from_raw(line.trim().parse().unwrap()).unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        kill_process(self.0, Signal::KILL).unwrap();
    }
}

/// Starts a child that runs `script`, starts a grandchild that holds the pipe, and exits. Returns after its exit.
pub(crate) fn spawn_with_sleeper(script: &str, grace: Duration) -> (PipeSubscriber, Sleeper) {
    let mut command = shell(&format!("{script}\n{SLEEPER}"));
    command.stdout(Stdio::piped());
    let (mut child, logs) = Spawn::new(command).grace(grace).spawn().unwrap();
    let sleeper = Sleeper::read(&mut child);
    assert!(child.wait().unwrap().success());
    (logs, sleeper)
}

pub(crate) async fn read_all(subscriber: PipeSubscriber) -> Summary {
    within(subscriber.run_with(|_| {})).await.unwrap()
}

/// Reads on a thread, whose runtime has I/O enabled and no timer.
pub(crate) fn read_on_thread(subscriber: PipeSubscriber) -> Summary {
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        let thread = subscriber.run_on_thread().unwrap();
        let _ = done.send(thread.join().unwrap().unwrap());
    });
    finished.recv_timeout(Duration::from_secs(60)).unwrap()
}

/// Returns whether there is neither a record yet nor the end.
pub(crate) async fn is_waiting(records: &mut Records) -> bool {
    tokio::select! {
        biased;
        _ = records.next() => false,
        () = tokio::task::yield_now() => true,
    }
}
