//! tracing-subscriber, by the feature `tracing` of pipe-subscriber or by way of tracing-log.

use std::io;

use pipe_subscriber::{Attach, LabelIn};
use tracing_subscriber::filter::LevelFilter;

use crate::{Result, parent};

/// Records become events with the child's target and with typed fields.
pub async fn run() -> Result {
    init();
    let (mut child, logs) = parent::this_program("child")?.spawn()?;
    child.wait().await?;
    let logs = logs.attach([Attach::Label, Attach::Time]);
    parent::check(&logs.run_into_tracing().await?)
}

/// The feature `tracing-log` of tracing-subscriber, on by default, makes events from the records of `log`, without their
/// key-values, so the label goes into the target.
pub async fn run_by_tracing_log() -> Result {
    init();
    parent::run_with_label_in(LabelIn::Target).await
}

fn init() {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::DEBUG)
        .with_writer(io::stderr)
        .without_time()
        .with_ansi(false)
        .init();
}
