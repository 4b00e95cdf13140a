//! `LiveSummary`: the figures of a stream for other tasks and threads than the one that reads.

use std::sync::{Arc, Mutex, PoisonError};

use crate::account::Summary;

/// The figures of a stream, for other tasks and threads than the one that reads it.
///
/// Returned by [`PipeSubscriber::live_summary`](crate::PipeSubscriber::live_summary). A clone shows the same stream.
///
/// The reader writes the figures down whenever it waits, and while it is busy after at most 1,024 payloads or 1 ms plus
/// the time of the logger for 64 payloads. So they cost nothing for each record, and [`get`](Self::get) waits for
/// nobody, not even for a logger that blocks.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::StreamEnd;
///
/// let (mut child, mut logs) = pipe_subscriber::spawn(std::process::Command::new("true"))?;
/// let live = logs.live_summary();
/// let reading = tokio::spawn(logs.run());
///
/// // At any time, for example when somebody asks for the metrics of this program:
/// let summary = live.get();
/// println!("{} received, {} dropped", summary.received, summary.dropped);
///
/// reading.await??;
/// assert_ne!(live.get().end, StreamEnd::Open);
/// # child.wait()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct LiveSummary(Arc<Mutex<Summary>>);

impl LiveSummary {
    /// Returns the figures so far. Their end is [open](crate::StreamEnd::Open), and the lists of processes and reasons
    /// are empty, until reading has ended. Then it is the [`Summary`] that the `run` method has returned.
    ///
    /// If the subscriber was dropped before the end of the stream, these are the last figures.
    pub fn get(&self) -> Summary {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn new(summary: Summary) -> Self {
        Self(Arc::new(Mutex::new(summary)))
    }

    pub(super) fn set(&self, summary: Summary) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = summary;
    }
}
