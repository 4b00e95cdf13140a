//! A child in a sandbox: bubblewrap starts it, with no environment but the variables that the pipe needs.
//!
//! ```text
//! apt-get install bubblewrap
//! cargo run --example bubblewrap
//! ```
//!
//! This file is both programs: the parent has itself started once more, in the sandbox.

use std::{
    env,
    error::Error,
    io::{self, Write},
    os::fd::OwnedFd,
};

use env_logger::Env;
use pipe_subscriber::{LabelIn, Spawn};
use tokio::process::Command;

const HELP: &str = "\
Has itself started in a sandbox by bubblewrap (bwrap), and logs the records from there

Example: RUST_LOG=debug bubblewrap
";

/// No network, no other processes, no writable file.
const SANDBOX: &str =
    "--unshare-all --die-with-parent --ro-bind / / --dev /dev --proc /proc --clearenv";

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some("child") => child(),
        Some("-h" | "--help") => Ok(io::stdout().write_all(HELP.as_bytes())?),
        _ => parent(),
    }
}

#[tokio::main]
async fn parent() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(Env::default().default_filter_or("info"));
    let prepare = Spawn::prepare().label("w1").label_in(LabelIn::Target);
    let (handover, mut logs) = prepare.at(0)?;

    let mut command = Command::new("bwrap");
    command.args(SANDBOX.split(' '));
    command.args(
        handover
            .envs()
            .flat_map(|(name, value)| ["--setenv", name, value]),
    );
    command.arg("--").arg(env::current_exe()?).arg("child");
    command.stdin(OwnedFd::from(handover)); // number 0, as `at` was told
    let mut child = command.spawn()?;
    drop(command); // It owns the write end.

    logs.watch_pid(child.id().ok_or("bwrap has been waited for")?)?;
    let status = logs.run_until(child.wait()).await?;
    let summary = logs.run().await?;
    log::info!("{}", summary.with_exit_status(status));
    Ok(())
}

fn child() -> Result<(), Box<dyn Error>> {
    pipe_handler::init()?;
    let processes = std::fs::read_dir("/proc")?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .count();
    log::info!(processes, variables = env::vars_os().count(); "hello from the sandbox");
    Ok(())
}
