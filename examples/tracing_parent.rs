//! A parent that uses `tracing`: its child's records become events, with their own targets and typed fields.
//!
//! ```text
//! cargo run --example tracing_parent
//! ```
//!
//! This file is both programs: the parent starts itself once more, with an argument.

use std::{
    env,
    error::Error,
    io::{self, Write},
};

use pipe_subscriber::Spawn;
use tokio::process::Command;
use tracing_subscriber::EnvFilter;

const HELP: &str = "\
Starts itself once more as a child, whose records become events of tracing

Example: RUST_LOG=info,tracing_parent=debug tracing_parent
";

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some("log-child") => log_child(),
        Some("-h" | "--help") => Ok(io::stdout().write_all(HELP.as_bytes())?),
        _ => parent(),
    }
}

#[tokio::main]
async fn parent() -> Result<(), Box<dyn Error>> {
    // Any subscriber will do. By default the child sends the records that pass the level of this one.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).init();
    tracing::info!("hello from parent process");

    let mut command = Command::new(env::current_exe()?);
    command.arg("log-child");
    let (mut child, mut logs) = Spawn::new(command).label("w1").spawn()?;
    let status = logs.run_into_tracing_until(child.wait()).await?;

    let summary = logs.run_into_tracing().await?;
    tracing::info!("{}", summary.with_exit_status(status));
    Ok(())
}

/// A child that uses `log`.
fn log_child() -> Result<(), Box<dyn Error>> {
    pipe_handler::init()?;
    log::info!(user = 7, ms = 1.5; "hello from child process");
    Ok(())
}
