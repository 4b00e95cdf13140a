//! `Spawn::filter`: which records a child sends, by default those that this process lets through.

use std::env;

use log::LevelFilter;

use super::builder::Spawn;

/// The environment variable that holds the child's filter.
pub(super) const FILTER_VARIABLE: &str = "RECORD_PIPE_FILTER";

impl<C> Spawn<C> {
    /// Sets which records the child sends: a level, or directives such as `info,worker::db=debug`.
    ///
    /// The default is [`log::max_level`] of this process, for all targets. That is the most verbose level that the
    /// logger of this process lets through anywhere. With the feature `tracing`, it is the more verbose one of that and
    /// the level of tracing, `LevelFilter::current()`, which is the most verbose one that any of its subscribers lets
    /// through.
    ///
    /// In a program without a logger, and without a subscriber of tracing, the default is off: the child sends nothing,
    /// and the [`Summary`](crate::Summary) reports it. [`run_with`](crate::PipeSubscriber::run_with) and
    /// [`records`](crate::PipeSubscriber::records) work without a logger, but the filter is put into the child's environment at
    /// the spawn, before it is known how the records will be read. Set a filter for them.
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.settings.filter = Some(filter.into());
        self
    }

    /// Sets the [filter](Self::filter) to the value of an environment variable of this process, so that a child logs
    /// by the same directives as its parent.
    ///
    /// In env_logger's syntax, a slash begins a search in the messages; the slash and everything after it are cut off.
    /// If the variable is not set, is empty or is not UTF-8, the filter stays as it was.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use pipe_subscriber::Spawn;
    ///
    /// // RUST_LOG=warn,worker::db=debug
    /// let command = std::process::Command::new("true");
    /// let (mut child, logs) = Spawn::new(command).filter_from_env("RUST_LOG").spawn()?;
    /// # logs.run_on_thread()?.join().unwrap().unwrap();
    /// # child.wait()?;
    /// # Ok(()) }
    /// ```
    pub fn filter_from_env(mut self, variable: &str) -> Self {
        let value = env::var(variable).unwrap_or_default();
        let directives = value.split('/').next().unwrap_or_default().trim();
        if !directives.is_empty() {
            self.settings.filter = Some(directives.to_owned());
        }
        self
    }

    /// Sets the filter if none is set.
    pub(crate) fn with_default_filter(mut self, filter: &str) -> Self {
        self.settings
            .filter
            .get_or_insert_with(|| filter.to_owned());
        self
    }
}

/// Returns the filter for the child's environment: the one that was set, or the default.
pub(super) fn child_filter(set: Option<&str>) -> String {
    let default = || max_level().as_str().to_ascii_lowercase();
    set.map_or_else(default, str::to_owned)
}

/// Returns the most verbose level that any logger of this process lets through.
fn max_level() -> LevelFilter {
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
