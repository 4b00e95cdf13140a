//! `Ticks`: the ticks at which a busy buffer is looked at.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::runtime::Handle;

use crate::read::ticker::{Ticker, Wait};

/// The time between two ticks.
pub(super) const TICK: Duration = Duration::from_micros(100);

/// The ticks of the runtime, from the first wait on: all buffers and pipes of a runtime share a ticker.
#[derive(Debug, Default)]
pub(super) struct Ticks(Option<(Arc<Ticker>, Wait)>);

impl Ticks {
    /// Ready after a tick. `None` if there can be none.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Poll<()>> {
        if self.0.is_none() {
            let ticker = Ticker::of(&Handle::current(), TICK).ok()?;
            self.0 = Some((ticker, Wait::default()));
        }
        let (ticker, wait) = self.0.as_mut()?;
        let Poll::Ready(tick) = ticker.poll_tick(wait, cx) else {
            return Some(Poll::Pending);
        };
        *wait = Wait::default();
        tick.ok().map(|_| Poll::Ready(()))
    }
}
