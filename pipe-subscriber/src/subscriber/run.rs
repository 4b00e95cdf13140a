//! The ways to read: `run` and its variants connect a reader to a logger, a closure, a stream or a thread.

use std::{
    future::poll_fn,
    io,
    pin::pin,
    thread::{self, JoinHandle},
};

use log::Log;
use record_proto::{LogRecord, RecordView};
use tokio::io::AsyncRead;

use super::error::ReadError;
use super::live_summary::LiveSummary;
use super::own_runtime::OwnRuntime;
use super::pipe_subscriber::PipeSubscriber;
use super::records::Records;
use crate::account::Summary;
use crate::dispatch::Dispatch;
use crate::sys::with_signals_blocked;

/// The methods that read.
impl<R: AsyncRead + Unpin> PipeSubscriber<R> {
    /// Hands records to [`log::logger`] until the stream ends: those that [`log::max_level`] and the logger's `enabled`
    /// let through.
    ///
    /// If the child reports that it has dropped records, the logger gets a warning with their number, with the target
    /// `pipe_subscriber`, and with the numbers by level as key-values. It comes at once, then with the number of all
    /// further ones at most every 10 s, and with the rest at the end of the stream. The methods that read into another
    /// logger or into `tracing` do the same; a closure and a `Stream` get records of the child only.
    ///
    /// # Errors
    ///
    /// Returns an error if reading fails, or failed in an earlier [`run_until`](Self::run_until). The way in which a
    /// stream ended is no error, even if it is corrupt; see [`Summary::end`].
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe, because the future owns the subscriber. If it is dropped before it is ready, by
    /// a `select!` or a timeout, then the records that were read and not handed on, the bytes in the pipe, and the
    /// figures are lost. Use [`run_until`](Self::run_until) if that can happen.
    pub async fn run(mut self) -> Result<Summary, ReadError> {
        let mut dispatch = self.dispatch();
        self.finish(to_the_global_logger(&mut dispatch)).await
    }

    /// Hands records to `logger` until the stream ends: those that [`max_level`](Self::max_level) and the logger's
    /// `enabled` let through. A reference, a `Box` or an `Arc` of a logger is a logger too.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As for [`run`](Self::run). If it can be cancelled, use [`run_into_until`](Self::run_into_until).
    pub async fn run_into(mut self, logger: impl Log) -> Result<Summary, ReadError> {
        let (mut dispatch, max_level) = (self.dispatch(), self.max_level);
        self.finish(|record| dispatch.log(record, max_level, &logger))
            .await
    }

    /// Calls `f` with each record until the stream ends: with every level, with the text as the child wrote it, and
    /// with nothing attached. If a record leaves out the name of its process, it gets the name that the process gave
    /// before.
    ///
    /// The records borrow from the read buffer. Nothing is allocated for a record that fits in a frame.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As for [`run`](Self::run). If it can be cancelled, use [`run_with_until`](Self::run_with_until).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use record_proto::Encode;
    /// # let mut stream = Vec::new();
    /// # record_proto::LogRecord::new(log::Level::Info, "worker", "done").encode_frame(&mut stream);
    /// # let subscriber = pipe_subscriber::PipeSubscriber::new(&stream[..]);
    /// let mut bytes = 0;
    /// subscriber.run_with(|record| bytes += record.message.len()).await?;
    /// # assert_eq!(bytes, 4);
    /// # Ok(()) }
    /// ```
    pub async fn run_with(
        mut self,
        mut f: impl FnMut(&LogRecord<'_>),
    ) -> Result<Summary, ReadError> {
        self.reader.set_warns_of_drops(false);
        self.finish(|record| f(&record.to_record())).await
    }

    /// Hands records on as [`run`](Self::run) does until `future` is ready, and returns the output of `future`.
    ///
    /// Reading and `future` run in the same task. If the stream ends first, with or without an error, this method goes
    /// on waiting for `future`; the next `run` then returns the summary or the error at once. Records that have arrived
    /// but have not been handed on when `future` is ready are handed on by the method that runs next.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if it is dropped before it is ready, no record is lost, and reading can go on with
    /// any other method. `future` is dropped too; pass a `&mut` of a future that has to go on.
    ///
    /// # Examples
    ///
    /// Read while the child runs, then read the rest, because the pipe may outlive the child:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tokio::process::Command;
    /// let (mut child, mut logs) = pipe_subscriber::spawn(Command::new("true"))?;
    ///
    /// let status = logs.run_until(child.wait()).await?;
    /// let summary = logs.run().await?; // the rest of the pipe, and the end
    /// # assert!(status.success() && summary.received == 0);
    /// # Ok(()) }
    /// ```
    ///
    /// Read while waiting for other events, and with a timeout:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::{future::pending, time::Duration};
    /// # use tokio::process::Command;
    /// # let mut command = Command::new("sleep");
    /// # command.arg("60");
    /// # let shutdown = tokio::time::sleep(Duration::from_millis(1));
    /// let (mut child, mut logs) = pipe_subscriber::spawn(command)?;
    ///
    /// tokio::select! {
    ///     status = logs.run_until(child.wait()) => println!("ended: {}", status?),
    ///     () = shutdown => println!("stopped: {}", logs.summary()), // end open
    /// }
    /// child.start_kill()?;
    ///
    /// // The select! lost nothing, and this timeout loses nothing.
    /// let rest = logs.run_until(pending::<()>());
    /// if tokio::time::timeout(Duration::from_millis(1), rest).await.is_err() {
    ///     println!("it takes long: {}", logs.summary());
    /// }
    /// let summary = logs.run().await?;
    /// # child.wait().await?;
    /// # Ok(()) }
    /// ```
    pub async fn run_until<F: Future>(&mut self, future: F) -> F::Output {
        let mut dispatch = self.dispatch();
        self.drive(future, to_the_global_logger(&mut dispatch))
            .await
    }

    /// Hands records to `logger` as [`run_into`](Self::run_into) does until `future` is ready, and returns its output;
    /// see [`run_until`](Self::run_until).
    ///
    /// # Cancel safety
    ///
    /// As for [`run_until`](Self::run_until).
    pub async fn run_into_until<F: Future>(&mut self, logger: impl Log, future: F) -> F::Output {
        let (mut dispatch, max_level) = (self.dispatch(), self.max_level);
        self.drive(future, |record| dispatch.log(record, max_level, &logger))
            .await
    }

    /// Calls `f` as [`run_with`](Self::run_with) does until `future` is ready, and returns its output; see
    /// [`run_until`](Self::run_until).
    ///
    /// # Cancel safety
    ///
    /// As for [`run_until`](Self::run_until).
    pub async fn run_with_until<F: Future>(
        &mut self,
        mut f: impl FnMut(&LogRecord<'_>),
        future: F,
    ) -> F::Output {
        self.reader.set_warns_of_drops(false);
        self.drive(future, |record| f(&record.to_record())).await
    }

    /// Returns the figures so far. They count the records that have been handed on, not those that have only been read.
    /// Their end is [open](crate::StreamEnd::Open) until the stream has ended. While another task or thread reads,
    /// [`live_summary`](Self::live_summary) shows them.
    ///
    /// `missing` may be higher than it will be in the end: if threads of a child log at the same time, the order of
    /// their records in the pipe may differ from the order of the records' numbers.
    pub fn summary(&self) -> Summary {
        self.reader.summary()
    }

    /// Returns a handle that shows the figures while the stream is read, for example by [`run`](Self::run).
    ///
    /// Between two calls of [`run_until`](Self::run_until), [`summary`](Self::summary) returns them without a handle.
    pub fn live_summary(&mut self) -> LiveSummary {
        self.reader.live_summary()
    }

    /// Returns the records as a [`Stream`](futures_core::Stream): with every level, with the text as the child wrote
    /// it, and with nothing attached. Each record owns its data.
    pub fn records(mut self) -> Records<R> {
        self.reader.set_warns_of_drops(false);
        Records::new(self.reader)
    }

    /// Reads as [`run`](Self::run) does, on a new thread with a runtime of its own, so that a slow logger delays
    /// nothing else. It can be called outside of a runtime.
    ///
    /// The runtime is used for reading only, and has I/O enabled but no timers. The logger and the writer of a
    /// [`tee`](Self::tee) run on the thread but outside of that runtime, so that they may use a runtime of their own.
    ///
    /// All signals except faults are blocked in the thread, and in the threads that a logger starts from it, so that
    /// other threads of the program can wait for these signals.
    ///
    /// A [`ChildPipe`](crate::ChildPipe) that has been read before belongs to the runtime that read it first, and that
    /// runtime must go on running.
    ///
    /// # Errors
    ///
    /// Returns an error if the runtime or the thread cannot be made. The subscriber is dropped in that case.
    pub fn run_on_thread(self) -> io::Result<JoinHandle<Result<Summary, ReadError>>>
    where
        R: Send + 'static,
    {
        let runtime = OwnRuntime::new()?;
        let thread = thread::Builder::new().name("pipe-subscriber".to_owned());
        with_signals_blocked(|| thread.spawn(move || self.run_outside_of(&runtime)))
    }

    /// Prepares records for a logger, which is warned of drops from here on.
    pub(super) fn dispatch(&mut self) -> Dispatch {
        self.reader.set_warns_of_drops(true);
        let (label, attach) = (self.label.clone(), self.attach.clone());
        Dispatch::new(self.escaping, label, self.label_in, attach)
    }

    async fn finish(
        &mut self,
        mut on_record: impl FnMut(&RecordView<'_>),
    ) -> Result<Summary, ReadError> {
        poll_fn(|cx| self.reader.poll_to_end(cx, &mut on_record)).await;
        self.reader.finish()
    }

    /// Polls reading and `future` in one task.
    ///
    /// Reading comes first because each poll of it is short: it ends after 64 payloads and reads or 1 ms, and so leaves
    /// part of the budget that tokio gives to a task (128 operations) to `future`. The other way round, a `future` that
    /// always has work could use up the budget, and then every read would be pending.
    async fn drive<F: Future>(
        &mut self,
        future: F,
        mut on_record: impl FnMut(&RecordView<'_>),
    ) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _ended = self.reader.poll_to_end(cx, &mut on_record);
            future.as_mut().poll(cx)
        })
        .await
    }

    fn run_outside_of(mut self, runtime: &OwnRuntime) -> Result<Summary, ReadError> {
        let mut dispatch = self.dispatch();
        self.reader
            .read_outside_of(runtime, to_the_global_logger(&mut dispatch))
    }
}

fn to_the_global_logger(dispatch: &mut Dispatch) -> impl FnMut(&RecordView<'_>) {
    |record| dispatch.log(record, log::max_level(), log::logger())
}
