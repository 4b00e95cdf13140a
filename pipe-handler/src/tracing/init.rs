//! The start: sets the subscriber and the logger of the process together.

use std::{sync::Arc, thread};

use tracing_core::{Dispatch, LevelFilter, Subscriber, dispatcher, subscriber::NoSubscriber};
use tracing_log::AsLog;
use tracing_subscriber::{
    Layer, Registry,
    layer::{Identity, SubscriberExt},
};

use super::callsites::NoteOnly;
use super::layer::PipeLayer;
use super::log_bridge::LogBridge;
use crate::handler::PipeHandler;
use crate::setup::{Builder, InitError, Outcome};

/// Makes a [`PipeHandler`] with the default settings on the pipe that the parent gave. It gets the events of `tracing`
/// and the records of `log`.
///
/// # Errors
///
/// As for [`Builder::init_tracing`].
///
/// ```no_run
/// pipe_handler::init_tracing()?;
/// let _span = tracing::info_span!("request", id = 7).entered();
/// tracing::info!(user = "ann", "hello from child process");
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
pub fn init_tracing() -> Result<(), InitError> {
    PipeHandler::builder().init_tracing()
}

/// Like [`init_tracing`], and gives events and records to more layers.
///
/// # Errors
///
/// As for [`Builder::init_tracing`].
///
/// ```no_run
/// use tracing_subscriber::{fmt, filter::LevelFilter, prelude::*};
///
/// // Warnings also go to the terminal.
/// pipe_handler::init_tracing_with(fmt::layer().with_filter(LevelFilter::WARN))?;
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
pub fn init_tracing_with<L>(layers: L) -> Result<(), InitError>
where
    L: Layer<Registry> + Send + Sync + 'static,
{
    PipeHandler::builder().init_tracing_with(layers)
}

/// Like [`init_tracing`], but uses the layers of `fallback` if there is no pipe or if it cannot be used.
///
/// Use it for a program that runs both as a child and by itself. Give `fallback` a filter: without one, it shows the
/// events of all levels.
///
/// # Errors
///
/// As for [`Builder::init_tracing_or`].
///
/// ```no_run
/// use tracing_subscriber::{EnvFilter, fmt, prelude::*};
///
/// pipe_handler::init_tracing_or(fmt::layer().with_filter(EnvFilter::from_default_env()))?;
/// tracing::info!(user = "ann", "hello from child process");
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
pub fn init_tracing_or<L>(fallback: L) -> Result<Outcome, InitError>
where
    L: Layer<Registry> + Send + Sync + 'static,
{
    PipeHandler::builder().init_tracing_or(fallback)
}

impl Builder {
    /// Makes a handler on the pipe that the parent gave. Sets it as the subscriber of `tracing`, with a
    /// [`PipeLayer`] on a [`Registry`], and as the process's logger, and sets `log`'s maximum level.
    ///
    /// Do not call `init` of `tracing_subscriber` in addition: it would return an error after it has done a half of its
    /// work.
    ///
    /// # Errors
    ///
    /// As for [`init`](Self::init), and if the process has a subscriber already. Then nothing was set.
    pub fn init_tracing(self) -> Result<(), InitError> {
        self.start_tracing(None::<Identity>, false)
    }

    /// Like [`init_tracing`](Self::init_tracing), and gives events and records to more layers: one, or a `Vec` of boxed
    /// ones. (`and_then` of `tracing_subscriber` 0.3 loses the level of the first of two layers that have filters.)
    ///
    /// These layers get the records of `log` as events, without key-values. A filter that is a layer by itself holds for
    /// the pipe too; use `with_filter` for a filter of one layer.
    ///
    /// `log`'s maximum level is set to the most verbose level that the pipe or one of the layers takes at this moment.
    ///
    /// # Errors
    ///
    /// As for `init_tracing`.
    pub fn init_tracing_with<L>(self, layers: L) -> Result<(), InitError>
    where
        L: Layer<Registry> + Send + Sync + 'static,
    {
        self.start_tracing(layers, true)
    }

    /// Like [`init_tracing`](Self::init_tracing), but sets the layers of `fallback` as the subscriber if there is no
    /// pipe or if it cannot be used. They get the records of `log` too, as events without key-values.
    ///
    /// If `RECORD_PIPE` is set and the pipe cannot be used, the fallback gets a warning with the reason.
    ///
    /// # Errors
    ///
    /// If the filter cannot be read, or if the process already has a logger or a subscriber.
    pub fn init_tracing_or<L>(self, fallback: L) -> Result<Outcome, InitError>
    where
        L: Layer<Registry> + Send + Sync + 'static,
    {
        let reason = match self.init_tracing() {
            Ok(()) => return Ok(Outcome::Pipe),
            Err(error) if error.is_misuse() => return Err(error),
            Err(reason) => reason,
        };
        let level = most_verbose(&fallback);
        let bridge = LogBridge {
            pipe: None,
            has_layers: true,
        };
        let subscriber = Registry::default()
            .with(fallback)
            .with(Identity::new().with_filter(NoteOnly));
        set(subscriber, bridge, level)?;
        Ok(Outcome::fallback(reason))
    }

    fn start_tracing<L>(self, layers: L, has_layers: bool) -> Result<(), InitError>
    where
        L: Layer<Registry> + Send + Sync + 'static,
    {
        self.start_with(|handler| install(handler, layers, has_layers))
    }
}

/// Sets a handler as the process's subscriber and logger.
fn install<L>(handler: PipeHandler, layers: L, has_layers: bool) -> Result<(), InitError>
where
    L: Layer<Registry> + Send + Sync + 'static,
{
    let handler = Arc::new(handler);
    let level = match has_layers {
        true => handler.level().max(most_verbose(&layers)),
        false => handler.level(),
    };
    let bridge = LogBridge {
        pipe: Some(Arc::clone(&handler)),
        has_layers,
    };
    // The pipe is last: if the formatting of a record makes another event, no layer is left whose filter this disturbs.
    let subscriber = Registry::default()
        .with(layers)
        .with(PipeLayer::with_filter_of(handler, true));
    set(subscriber, bridge, level)
}

/// Sets subscriber and logger, or none of them.
fn set(
    subscriber: impl Subscriber + Send + Sync + 'static,
    bridge: LogBridge,
    level: log::LevelFilter,
) -> Result<(), InitError> {
    if has_subscriber() {
        return Err(InitError::Subscriber);
    }
    log::set_boxed_logger(Box::new(bridge))?;
    dispatcher::set_global_default(Dispatch::new(subscriber)).map_err(|_| InitError::Subscriber)?;
    log::set_max_level(level);
    Ok(())
}

fn has_subscriber() -> bool {
    let has_default = || dispatcher::get_default(|default| !default.is::<NoSubscriber>());
    if !has_default() {
        return false;
    }
    // A subscriber that is set for this thread only hides the global one. A new thread sees the global one. If the
    // system refuses the thread, there may be a global one.
    let thread = thread::Builder::new().spawn(has_default);
    thread.map_or(true, |thread| thread.join().unwrap_or(true))
}

fn most_verbose(layers: &impl Layer<Registry>) -> log::LevelFilter {
    let hint = layers.max_level_hint();
    hint.unwrap_or(LevelFilter::TRACE).as_log()
}
