//! Start here: a parent starts a child, and the child's records come out of the parent's logger.
//!
//! ```text
//! cargo run --example parent_child
//! ```
//!
//! This file is both programs: the parent starts itself once more, with an argument.

use std::{
    env,
    error::Error,
    io::{self, Write},
};

use env_logger::Env;
use pipe_subscriber::{LabelIn, Spawn};
use tokio::process::Command;

const HELP: &str = "\
Starts itself once more as a child, whose records come out of its own logger

Example: RUST_LOG=debug parent_child
";

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some("child") => child(),
        Some("-h" | "--help") => Ok(io::stdout().write_all(HELP.as_bytes())?),
        _ => parent(),
    }
}

#[tokio::main]
async fn parent() -> Result<(), Box<dyn Error>> {
    // Any logger will do. By default the child sends the records that pass the level of this one.
    env_logger::init_from_env(Env::default().default_filter_or("info"));
    log::info!("hello from parent process");

    let mut command = Command::new(env::current_exe()?);
    command.arg("child");

    // The label goes into the target, because every logger shows that: w1/parent_child.
    let (mut child, mut logs) = Spawn::new(command)
        .label("w1")
        .label_in(LabelIn::Target)
        .spawn()?;
    let status = logs.run_until(child.wait()).await?;

    let summary = logs.run().await?;
    log::info!("{}", summary.with_exit_status(status));
    Ok(())
}

fn child() -> Result<(), Box<dyn Error>> {
    // Without a parent that gives it a pipe, the child logs to env_logger.
    pipe_handler::init_or(env_logger::builder().build())?;
    log::info!(user = 7; "hello from child process");
    Ok(())
}
