//! The level that this process lets through, which is the default filter of a child.

use log::LevelFilter;

/// Returns the most verbose level that any logger of this process lets through.
pub(super) fn max_level() -> LevelFilter {
    log::max_level().max(tracing_level())
}

/// Returns the most verbose level that any subscriber of tracing lets through.
#[cfg(feature = "tracing")]
fn tracing_level() -> LevelFilter {
    use tracing_core::{Level, metadata::LevelFilter as Tracing};
    match Tracing::current().into_level() {
        None => LevelFilter::Off,
        Some(Level::ERROR) => LevelFilter::Error,
        Some(Level::WARN) => LevelFilter::Warn,
        Some(Level::INFO) => LevelFilter::Info,
        Some(Level::DEBUG) => LevelFilter::Debug,
        Some(Level::TRACE) => LevelFilter::Trace,
    }
}

#[cfg(not(feature = "tracing"))]
fn tracing_level() -> LevelFilter {
    LevelFilter::Off
}
