//! One stream from its child's start to the last exit of its processes.

use std::{env, io, os::unix::process::ExitStatusExt, process::Stdio, thread, time::Duration};

use pipe_subscriber::{Spawn, Summary, Via};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, kill_process, pidfd_open, pidfd_send_signal,
    waitpid,
};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{
    death::Status,
    plan::{Moment, PROCESSES, Plan},
    received::Received,
    shared_counters::SharedCounters,
};

/// A trial that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);
/// How long the other processes may outlive the child.
const GRACE: Duration = Duration::from_secs(30);
/// The interval between two looks at something that gives no event.
const GLANCE: Duration = Duration::from_millis(1);
/// As many unfinished records as 4 processes of 8 threads can have at once.
const JOIN_LIMIT: usize = 16 << 20;

/// The result of a plan.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) counters: SharedCounters,
    pub(crate) received: Received,
    pub(crate) summary: Summary,
    /// How each process ended; `None` for one that never began.
    pub(crate) ends: [Option<Status>; PROCESSES],
}

/// Makes orphans children of the campaign, so that no pid is reused while a trial refers to it.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(
        rustix::process::getpid(),
    ))?)
}

/// Runs the processes of a plan.
pub(crate) async fn run(plan: &Plan) -> io::Result<Evidence> {
    run_with(plan, SharedCounters::new()?, true).await
}

/// Runs them with these counters. `strikes`: sends the signals from outside too.
pub(crate) async fn run_with(
    plan: &Plan,
    counters: SharedCounters,
    strikes: bool,
) -> io::Result<Evidence> {
    let mut command = program(plan)?;
    command.arg(serde_json::to_string(plan)?);
    command.arg(counters.path()).arg("0");
    // Backtraces take long and are not tested here.
    command
        .env_remove("RUST_BACKTRACE")
        .env_remove("RUST_LIB_BACKTRACE");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let via = match plan.via_stdin {
        true => Via::Stdin,
        false => Via::Fd,
    };
    let mut spawn = Spawn::new(command).filter("trace").via(via).grace(GRACE);
    if let Some(bytes) = plan.buffer {
        spawn = spawn.buffer(bytes);
    }
    let (mut child, logs) = spawn.spawn()?;

    let mut received = Received::default();
    let all = async {
        let read = logs.reassembly_limit(JOIN_LIMIT).run_with(|record| {
            received.add(record);
            if plan.logger_micros > 0 && record.seq.is_multiple_of(16) {
                thread::sleep(Duration::from_micros(plan.logger_micros));
            }
        });
        let summary = read.await.map_err(io::Error::other)?;
        io::Result::Ok((summary, ends(&mut child, &counters).await?))
    };
    let all = tokio::select! {
        all = timeout(LIMIT, all) => all,
        () = kill(plan, &counters), if strikes => unreachable!("it goes on for ever"),
    };
    let Ok(all) = all else {
        let pids = (0..PROCESSES).filter_map(|member| counters.pid(member));
        pids.for_each(|pid| {
            let _gone = kill_process(pid, Signal::KILL);
        });
        return Err(io::ErrorKind::TimedOut.into());
    };
    let (summary, ends) = all?;
    Ok(Evidence {
        counters,
        received,
        summary,
        ends,
    })
}

/// Returns the program of the first process, to be given the plan, the counters and its place.
fn program(plan: &Plan) -> io::Result<Command> {
    if !plan.delivery.is_python() {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("child");
        return Ok(command);
    }
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/member.py");
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(script).arg(match plan.delivery.is_shared() {
        true => "ring",
        false => "pipe",
    });
    Ok(command)
}

async fn ends(
    child: &mut Child,
    counters: &SharedCounters,
) -> io::Result<[Option<Status>; PROCESSES]> {
    let mut ends = [None; PROCESSES];
    ends[0] = Some(child.wait().await?.into());
    for (member, end) in ends.iter_mut().enumerate().skip(1) {
        if let Some(pid) = counters.pid(member) {
            *end = Some(wait(pid).await?);
        }
    }
    Ok(ends)
}

/// Sends the signals of the moments `Outside`.
pub(crate) async fn kill(plan: &Plan, counters: &SharedCounters) {
    let strike = async |member: usize| {
        let micros = match plan.members.get(member).map(|member| member.moment) {
            Some(Moment::Outside { micros }) => micros,
            _ => return,
        };
        let pid = begun(counters, member).await;
        sleep(Duration::from_micros(micros)).await;
        // It fails if the process is gone, which only this signal may do.
        kill_process(pid, plan.members[member].death.signal()).expect("a process");
    };
    tokio::join!(
        strike(0),
        strike(1),
        strike(2),
        strike(3),
        hold(plan, counters)
    );
    std::future::pending().await
}

/// Stops a process for a while.
async fn hold(plan: &Plan, counters: &SharedCounters) {
    let Some(hold) = plan.hold else { return };
    let pid = begun(counters, hold.member).await;
    // A number could belong to another process by the time of the second signal.
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    sleep(Duration::from_micros(hold.after_micros)).await;
    let _gone = pidfd_send_signal(&process, Signal::STOP);
    sleep(Duration::from_millis(hold.millis)).await;
    let _gone = pidfd_send_signal(&process, Signal::CONT);
}

/// Waits until a process has begun.
async fn begun(counters: &SharedCounters, member: usize) -> Pid {
    loop {
        match counters.pid(member) {
            Some(pid) => return pid,
            None => sleep(GLANCE).await,
        }
    }
}

/// Waits for a process that the child started and that is about to end or has ended.
pub(crate) async fn wait(pid: Pid) -> io::Result<Status> {
    loop {
        match waitpid(Some(pid), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => return Ok(status.into()),
            // It is not ours yet: its parent may be about to die.
            Ok(None) | Err(rustix::io::Errno::CHILD) => sleep(GLANCE).await,
            Err(error) => return Err(error.into()),
        }
    }
}

impl From<std::process::ExitStatus> for Status {
    fn from(status: std::process::ExitStatus) -> Self {
        let code = status.code().map(Status::Code);
        code.unwrap_or_else(|| Status::Signal(status.signal().unwrap_or_default()))
    }
}

impl From<WaitStatus> for Status {
    fn from(status: WaitStatus) -> Self {
        let code = status.exit_status().map(Status::Code);
        code.unwrap_or_else(|| Status::Signal(status.terminating_signal().unwrap_or_default()))
    }
}
