//! The parent's side that all loggers have in common.

use std::{env, io};

use pipe_subscriber::{Attach, LabelIn, Spawn, StreamEnd, Summary};
use tokio::process::Command;

use crate::{Result, child};

/// Starts the child and hands its records to `log::logger()`.
pub async fn run() -> Result {
    run_with_label_in(LabelIn::KeyValues).await
}

/// The same for loggers that show the label elsewhere.
pub async fn run_with_label_in(place: LabelIn) -> Result {
    let (mut child, logs) = this_program("child")?.label_in(place).spawn()?;
    // The child has ended before a logger sees its first record: no logger's own time can pass for the child's. Other
    // programs read while the child runs, see `PipeSubscriber::run_until`.
    child.wait().await?;
    let summary = logs.attach([Attach::Label, Attach::Time]).run().await?;
    log::logger().flush();
    check(&summary)
}

/// Prepares to start this program in another role.
pub fn this_program(role: &str) -> io::Result<Spawn<Command>> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(role).kill_on_drop(true);
    Ok(Spawn::new(command).label("w1"))
}

/// Fails unless all records have arrived.
pub fn check(summary: &Summary) -> Result {
    if (summary.received, summary.end) != (child::RECORDS, StreamEnd::Clean) {
        return Err(summary.to_string().into());
    }
    Ok(())
}
