//! A parent that uses `tracing`, and three children: one with `tracing`, one with `log`, and a shell script.
//!
//! ```text
//! cargo run --example tracing_parent
//! ```
//!
//! This file is the parent and the first two children: the parent starts itself again, with an argument.

use std::{
    env,
    error::Error,
    io::{self, Write},
};

use pipe_subscriber::{Spawn, Streams};
use tokio::{process::Command, task::JoinSet};
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// What a task can return.
type BoxError = Box<dyn Error + Send + Sync>;

const HELP: &str = "\
Starts three children, whose records and lines become events of tracing

Example: RUST_LOG=info,tracing_parent=debug tracing_parent
";

const SCRIPT: &str = "echo 'WARN: hello from a script' >&2; echo 'only stderr is captured'";

fn main() -> Result<(), BoxError> {
    match env::args().nth(1).as_deref() {
        Some("tracing-child") => tracing_child(),
        Some("log-child") => log_child(),
        Some("-h" | "--help") => Ok(io::stdout().write_all(HELP.as_bytes())?),
        _ => parent(),
    }
}

#[tokio::main]
async fn parent() -> Result<(), BoxError> {
    // Any subscriber will do. By default the children send the records that pass the level of this one.
    tracing_subscriber::fmt().with_env_filter(filter()).init();
    tracing::info!("hello from parent process");

    let mut readers = JoinSet::new();
    for name in ["tracing-child", "log-child", "script"] {
        let command = command(name)?;
        // The script has no pipe-handler: the lines that it writes to stderr become events.
        let streams = Streams::stderr().recognise_levels();
        let spawn = Spawn::new(command).label(name).capture(streams);
        let (mut child, mut logs) = spawn.spawn()?;
        readers.spawn(async move {
            let status = logs.run_into_tracing_until(child.wait()).await?;
            let summary = logs.run_into_tracing().await?; // reads the rest
            Ok::<_, BoxError>((name, summary.with_exit_status(status)))
        });
    }
    while let Some(read) = readers.join_next().await {
        let (label, summary) = read??;
        tracing::info!(label, "{summary}");
    }
    Ok(())
}

fn command(name: &str) -> io::Result<Command> {
    let mut command = Command::new("sh");
    if name == "script" {
        command.args(["-c", SCRIPT]);
    } else {
        command = Command::new(env::current_exe()?);
        command.arg(name);
    }
    Ok(command)
}

/// A child that uses `tracing`. It can also be started alone: `tracing_parent tracing-child`.
fn tracing_child() -> Result<(), BoxError> {
    pipe_handler::init_tracing_or(fmt::layer().with_filter(filter()))?;
    let _span = tracing::info_span!("request", id = 7).entered();
    tracing::info!(user = "ada", ms = 1.5, "hello from a child with tracing");
    Ok(())
}

/// A child that uses `log`.
fn log_child() -> Result<(), BoxError> {
    pipe_handler::init()?;
    log::info!(job = 3, done = false; "hello from a child with log");
    Ok(())
}

/// Reads `RUST_LOG`. Without it, `EnvFilter` would show errors only.
fn filter() -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"))
}
