//! Loggers that are only called: their records go to /dev/null. To add one: a file here, a line in [`all`].

mod env_logger;
mod fast_log;
pub mod floor;
mod ftlog;
mod nothing;
mod slog_async;
mod spdlog;
mod tracing_appender;

use std::fs::{File, OpenOptions};

use anyhow::Result;

use crate::systems::Logger;

pub fn all() -> Vec<Box<dyn Logger>> {
    vec![
        Box::new(floor::Floor),
        Box::new(env_logger::EnvLogger),
        Box::new(tracing_appender::TracingAppender),
        Box::new(ftlog::FtLog),
        Box::new(fast_log::FastLog),
        Box::new(spdlog::Spdlog),
        Box::new(slog_async::SlogAsync),
        Box::new(nothing::Nothing),
    ]
}

const NULL: &str = "/dev/null";

fn null() -> Result<File> {
    Ok(OpenOptions::new().write(true).open(NULL)?)
}
