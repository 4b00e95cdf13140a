//! `Settings`: what a `Spawn` knows about its child and the reading, whatever the command.

use std::time::Duration;

use log::LevelFilter;

use super::handover::Via;
use super::trace_context::TraceContext;
#[cfg(feature = "capture")]
use crate::capture::Streams;
use crate::dispatch::LabelIn;
use crate::read::ChildPipe;
use crate::subscriber::{PipeSubscriber, RateLimit};

/// The default of [`Spawn::grace`](super::Spawn::grace).
const DEFAULT_GRACE: Duration = Duration::from_secs(2);

/// The settings of a [`Spawn`](super::Spawn).
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) label: Option<String>,
    pub(super) label_in: LabelIn,
    pub(super) filter: Option<String>,
    pub(super) via: Via,
    pub(super) grace: Duration,
    /// The length of the shared buffer; `None` is the default.
    pub(super) buffer: Option<usize>,
    pub(super) trace_context: Option<TraceContext>,
    /// Records a second, and the burst.
    pub(super) rate_limit: Option<(u32, u32)>,
    pub(super) rate_limit_spares: LevelFilter,
    #[cfg(feature = "capture")]
    pub(super) capture: Option<Streams>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            label: None,
            label_in: LabelIn::default(),
            filter: None,
            via: Via::default(),
            grace: DEFAULT_GRACE,
            buffer: None,
            trace_context: None,
            rate_limit: None,
            rate_limit_spares: LevelFilter::Warn,
            #[cfg(feature = "capture")]
            capture: None,
        }
    }
}

impl Settings {
    /// Returns the subscriber for a child that has this filter.
    pub(super) fn subscriber(self, pipe: ChildPipe, filter: &str) -> PipeSubscriber {
        let (held_open, rings_are_busy) = (pipe.held_open(), pipe.rings_are_busy());
        let mut subscriber = PipeSubscriber::new(pipe)
            .with_child_pipe(held_open, rings_are_busy)
            .label_in(self.label_in);
        if filter.trim().eq_ignore_ascii_case("off") {
            subscriber = subscriber.with_filter_off();
        }
        if let Some((per_second, burst)) = self.rate_limit {
            let limit = RateLimit::new(per_second, burst, self.rate_limit_spares);
            subscriber = subscriber.with_rate_limit(limit);
        }
        if let Some(label) = self.label {
            subscriber = subscriber.label(label);
        }
        subscriber
    }
}
