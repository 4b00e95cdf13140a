//! One child of the campaign with a shared buffer, from its start to the last exit of its processes.

use std::{io, process::ExitStatus, process::Stdio, time::Duration};

use pipe_subscriber::{LogRecord, Spawn, Summary};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use tokio::{process::Command, time::timeout};

/// How long other processes may outlive the child.
const GRACE: Duration = Duration::from_secs(30);

/// The bytes of a buffer of the usual size: 16 rings of 512 KiB.
pub(crate) const USUAL_BUFFER: usize = 8 << 20;

/// Runs `campaign <part> <plan>` with a buffer of this many bytes, and without one if that is 0. All processes of the
/// child must end within `limit`, or they are killed.
pub(crate) async fn run(
    part: &str,
    plan: &impl Serialize,
    buffer: usize,
    limit: Duration,
    f: impl FnMut(&LogRecord<'_>),
) -> io::Result<(Summary, ExitStatus)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(part).arg(serde_json::to_string(plan)?);
    command.env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    // So that a child that hangs is killed with all of its processes.
    command.process_group(0);
    let spawn = Spawn::new(command).filter("trace").grace(GRACE);
    let (mut child, logs) = spawn.buffer(buffer).spawn()?;
    let group = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let ends = async { tokio::join!(logs.run_with(f), child.wait()) };
    let Ok((summary, status)) = timeout(limit, ends).await else {
        let _gone = group.map(|group| kill_process_group(group, Signal::KILL));
        return Err(io::ErrorKind::TimedOut.into());
    };
    Ok((summary.map_err(io::Error::other)?, status?))
}
