//! `tracing-appender` to `/dev/null`.

use anyhow::Result;
use tracing_appender::non_blocking::NonBlockingBuilder;

use super::null;
use crate::{
    reference,
    systems::{Installed, Logger},
};

/// `tracing_subscriber`'s JSON through `tracing_appender::non_blocking`, lossless.
pub struct TracingAppender;

impl Logger for TracingAppender {
    fn name(&self) -> &'static str {
        "tracing-appender"
    }

    fn title(&self) -> &'static str {
        "tracing-appender, non_blocking JSON"
    }

    fn install(&self) -> Result<Installed> {
        let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(null()?);
        tracing_subscriber::fmt()
            .json()
            .with_file(true)
            .with_line_number(true)
            .with_thread_names(true)
            .with_thread_ids(true)
            .with_writer(writer)
            .init();
        Ok(Installed::new(reference::by_tracing, || drop(guard)))
    }
}
