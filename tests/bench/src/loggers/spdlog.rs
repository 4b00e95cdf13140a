//! `spdlog-rs` to `/dev/null`.

use anyhow::Result;
use log::LevelFilter;
use spdlog::{
    Logger as Spd,
    sink::{AsyncPoolSink, OverflowPolicy, WriteSink},
};

use super::null;
use crate::{
    reference,
    systems::{Installed, Logger},
};

/// `spdlog-rs` behind the `log` macros, with its asynchronous sink, lossless.
pub struct Spdlog;

impl Logger for Spdlog {
    fn name(&self) -> &'static str {
        "spdlog-rs"
    }

    fn title(&self) -> &'static str {
        "spdlog-rs, asynchronous"
    }

    fn install(&self) -> Result<Installed> {
        let file = WriteSink::builder().target(null()?).build_arc()?;
        let sink = AsyncPoolSink::builder()
            .overflow_policy(OverflowPolicy::Block)
            .sink(file)
            .build_arc()?;
        let logger = Spd::builder().sink(sink).build_arc()?;
        spdlog::init_log_crate_proxy()?;
        spdlog::log_crate_proxy().set_logger(Some(logger.clone()));
        log::set_max_level(LevelFilter::Info);
        Ok(Installed::new(reference::by_log, move || logger.flush()))
    }
}
