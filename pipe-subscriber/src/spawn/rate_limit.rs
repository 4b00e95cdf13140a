//! `Spawn::rate_limit`.

use log::LevelFilter;

use super::builder::Spawn;

/// Limiting the records that are handed on.
impl<C> Spawn<C> {
    /// Limits the records of this child that are handed on: a burst of `burst` records at once, and
    /// `records_per_second` a second on average. By default there is no limit. With one, the clock is read for each
    /// record.
    ///
    /// Records of the pipe and [captured](Self::capture) ones count alike, whether the logger shows them or not. Warnings
    /// and errors are spared: they are always handed on, and do not use up the limit; see
    /// [`rate_limit_spares`](Self::rate_limit_spares). With 0 records a second, only the burst is handed on, and with a
    /// burst of 0 nothing that is not spared.
    ///
    /// The other records are suppressed: they are received, stored by a [tee](crate::PipeSubscriber::tee) and counted as
    /// [`suppressed`](crate::Summary::suppressed) by level, but handed to nobody. A record of level warn with the target
    /// `pipe_subscriber` reports their number, and as key-values the numbers by level. It comes a second after the
    /// first of them, or at the end of the stream, and so at most once a second.
    ///
    /// The child is not slowed down: its records are read as fast as without a limit.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use pipe_subscriber::Spawn;
    ///
    /// let command = std::process::Command::new("true");
    /// let (mut child, logs) = Spawn::new(command).rate_limit(1000, 5000).spawn()?;
    /// let summary = logs.run().await?;
    /// assert_eq!(summary.suppressed, 0);
    /// # child.wait()?;
    /// # Ok(()) }
    /// ```
    pub fn rate_limit(mut self, records_per_second: u32, burst: u32) -> Self {
        self.settings.rate_limit = Some((records_per_second, burst));
        self
    }

    /// Sets the least severe level that the [rate limit](Self::rate_limit) spares. The default is warn. With
    /// [`LevelFilter::Off`], all levels are limited.
    pub fn rate_limit_spares(mut self, level: LevelFilter) -> Self {
        self.settings.rate_limit_spares = level;
        self
    }
}
