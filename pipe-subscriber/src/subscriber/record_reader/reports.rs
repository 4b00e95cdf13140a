//! What a reader hands on besides its inputs: the report of suppressed records, warnings about drops, and live figures.

use std::{
    task::{Context, Poll},
    time::Instant,
};

use record_proto::RecordView;
use tokio::io::AsyncRead;

use super::RecordReader;
use crate::subscriber::live_summary::LiveSummary;

/// The number of processes whose sums cost about as much as a burst of payloads costs anyway.
const CHEAP_PROCESSES: usize = 64;

impl<R> RecordReader<R> {
    /// Sets whether records go to a logger, which is then warned of drops. A program that takes the records itself has
    /// the figures.
    pub(crate) fn set_warns_of_drops(&mut self, warns: bool) {
        self.warns_of_drops = warns;
    }

    /// Returns a handle that shows the figures while this reader reads.
    pub(crate) fn live_summary(&mut self) -> LiveSummary {
        if let Some(live) = &self.live {
            return live.clone();
        }
        let live = LiveSummary::new(self.summary());
        self.live.insert(live).clone()
    }
}

impl<R: AsyncRead + Unpin> RecordReader<R> {
    /// Adds the reports to the inputs: `streams` says whether there is an input, as [`poll_input`](Self::poll_input) does.
    #[inline]
    pub(super) fn poll_reports(&mut self, streams: Poll<bool>, cx: &mut Context<'_>) -> Poll<bool> {
        let has_warning = self.note_drops();
        let has_reports = self.limit.is_some() || has_warning;
        match streams {
            Poll::Ready(false) if has_reports => Poll::Ready(self.hurry_reports()),
            Poll::Pending if has_reports => self.wait_for_reports(cx).map(|()| true),
            streams => streams,
        }
    }

    /// Hands a warning about drops on, if one is due.
    #[inline]
    pub(super) fn hand_on_warning(&mut self, on_record: &mut impl FnMut(&RecordView<'_>)) {
        if !self.note_drops() {
            return;
        }
        let drops = || self.receiver.drops();
        if let Some(warning) = self.drops.take(Instant::now(), drops) {
            warning.with_view(|warning| on_record(&warning));
        }
    }

    /// Writes the figures down for those who have a handle.
    #[inline]
    pub(super) fn publish_figures(&mut self) {
        if let Some(live) = self.live.clone() {
            self.publish_to(&live);
        }
    }

    fn publish_to(&mut self, live: &LiveSummary) {
        let is_due = self.unpublished_bursts >= self.receiver.processes() / CHEAP_PROCESSES;
        if self.frames.has_payload() && !is_due {
            self.unpublished_bursts += 1;
            return;
        }
        self.unpublished_bursts = 0;
        let figures = self.figures();
        #[cfg(feature = "capture")]
        let figures = self.with_captured(figures);
        live.set(figures);
    }

    /// Returns whether there may be a warning, now or later.
    #[inline]
    fn note_drops(&mut self) -> bool {
        if self.warns_of_drops && self.receiver.take_new_drops() {
            self.drops.note(Instant::now());
        }
        self.warns_of_drops && self.drops.is_set()
    }

    /// Makes the reports due now. Returns whether there are any.
    fn hurry_reports(&mut self) -> bool {
        let now = Instant::now();
        let has_suppressed = self
            .limit
            .as_mut()
            .is_some_and(|limit| limit.hurry_report(now));
        self.note_drops() && self.drops.hurry(now) || has_suppressed
    }

    /// Ready if a report is due. Otherwise wakes the task when one of suppressed records is.
    fn wait_for_reports(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.warns_of_drops && self.drops.is_due(Instant::now()) {
            return Poll::Ready(());
        }
        let suppressed = self.limit.as_mut().map(|limit| limit.poll_report(cx));
        suppressed.unwrap_or(Poll::Pending)
    }
}
