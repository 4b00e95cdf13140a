//! `slog-async` to `/dev/null`.

use anyhow::Result;
use slog::{Drain, Logger as Slog, o};
use slog_async::{Async, OverflowStrategy};
use slog_json::Json;

use super::null;
use crate::{
    reference,
    systems::{Installed, Logger},
};

/// `slog-async` with JSON behind it, through slog's own macros, lossless.
pub struct SlogAsync;

impl Logger for SlogAsync {
    fn name(&self) -> &'static str {
        "slog-async"
    }

    fn title(&self) -> &'static str {
        "slog-async, JSON"
    }

    fn install(&self) -> Result<Installed> {
        let json = Json::default(null()?).fuse();
        let (drain, guard) = Async::new(json)
            .overflow_strategy(OverflowStrategy::Block)
            .build_with_guard();
        let logger = Slog::root(drain.fuse(), o!());
        let emit = move |job| reference::by_slog(&logger, job);
        Ok(Installed::new(emit, || drop(guard)))
    }
}
