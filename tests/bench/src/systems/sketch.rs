//! The pipe and the reader of this project, for a design that nobody could use.

use std::{
    env,
    fs::File,
    process::{Child, Command},
};

use anyhow::{Context, Result};
use log::Log;
use pipe_subscriber::Spawn;

use super::{Join, join_task};

/// The record pipe, in the child.
pub fn open_pipe() -> Result<File> {
    let address = env::var("RECORD_PIPE")?;
    let fd = address.split(':').nth(1).context("a descriptor")?;
    let path = format!("/proc/self/fd/{fd}");
    Ok(File::options().write(true).open(path)?)
}

/// Without a look at the accounts: a sketch keeps none.
pub fn serve(command: Command, sink: Box<dyn Log>) -> Result<(Child, Join)> {
    let (child, logs) = Spawn::new(command).filter("info").buffer(0).spawn()?;
    let task = tokio::spawn(async {
        logs.run_into(sink).await?;
        Ok(())
    });
    Ok((child, join_task(task)))
}
