use std::{
    future::poll_fn,
    io,
    pin::pin,
    thread::{self, JoinHandle},
};

use log::Log;
use record_proto::LogRecord;
use tokio::io::AsyncRead;

use super::error::ReadError;
use super::own_runtime::OwnRuntime;
use super::pipe_subscriber::PipeSubscriber;
use super::records::Records;
use crate::account::Summary;
use crate::dispatch::Dispatch;
use crate::sys::with_signals_blocked;

/// The ways to read.
impl<R: AsyncRead + Unpin> PipeSubscriber<R> {
    /// Hands all records to [`log::logger`] until the stream ends, as far as [`log::max_level`] and the logger's
    /// `enabled` let them through.
    ///
    /// # Errors
    ///
    /// Where reading fails, now or in an earlier [`run_until`](Self::run_until). How a stream ended, corrupt ones
    /// included, is no error but [`Summary::end`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the future owns the subscriber. One that is dropped before it is ready, by a `select!` or a
    /// timeout, takes with it what was read and not handed on, what is in the pipe, and the figures. Where that can
    /// happen use [`run_until`](Self::run_until).
    pub async fn run(mut self) -> Result<Summary, ReadError> {
        let mut dispatch = self.dispatch();
        self.finish(to_the_global_logger(&mut dispatch)).await
    }

    /// Hands all records to `logger` until the stream ends, as far as [`max_level`](Self::max_level) and the
    /// logger's `enabled` let them through. A reference, a `Box` or an `Arc` of a logger is a logger too.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As for [`run`](Self::run); where it can be cancelled use [`run_into_until`](Self::run_into_until).
    pub async fn run_into(mut self, logger: impl Log) -> Result<Summary, ReadError> {
        let (mut dispatch, max_level) = (self.dispatch(), self.max_level);
        self.finish(|record| dispatch.log(record, max_level, &logger))
            .await
    }

    /// Shows all records to `f` until the stream ends: every level, text as the child wrote it, nothing attached. The name
    /// of its process, which a record may leave out, is the one that its process gave before.
    ///
    /// The records borrow from the read buffer, and nothing is allocated for those that fit in a frame.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As for [`run`](Self::run); where it can be cancelled use [`run_with_until`](Self::run_with_until).
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
        self.finish(|record| f(record)).await
    }

    /// Hands records on as [`run`](Self::run) does until `future` is ready, and gives back what that gives.
    ///
    /// Both have their turns in the same task. Where the stream ends first, also by an error, it goes on waiting for
    /// `future`; the next `run` then returns the summary or the error at once. What has come by the time that `future` is
    /// ready and has not been handed on is handed on by whatever runs next.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is ready, it loses no record, and reading can go on with any other method.
    /// `future` is dropped with it; give it a `&mut` of one that is to go on.
    ///
    /// # Examples
    ///
    /// The usual life of a child, whose pipe may outlive it:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tokio::process::Command;
    /// let (mut child, mut logs) = pipe_subscriber::spawn(Command::new("true"))?;
    ///
    /// let status = logs.run_until(child.wait()).await?;
    /// let summary = logs.run().await?; // what is left in the pipe, and the end
    /// # assert!(status.success() && summary.received == 0);
    /// # Ok(()) }
    /// ```
    ///
    /// Beside other events, and with a limit:
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
    /// // Nothing was lost, and nothing is lost here.
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

    /// As [`run_until`](Self::run_until), into `logger` as [`run_into`](Self::run_into).
    ///
    /// # Cancel safety
    ///
    /// As for [`run_until`](Self::run_until).
    pub async fn run_into_until<F: Future>(&mut self, logger: impl Log, future: F) -> F::Output {
        let (mut dispatch, max_level) = (self.dispatch(), self.max_level);
        self.drive(future, |record| dispatch.log(record, max_level, &logger))
            .await
    }

    /// As [`run_until`](Self::run_until), to `f` as [`run_with`](Self::run_with).
    ///
    /// # Cancel safety
    ///
    /// As for [`run_until`](Self::run_until).
    pub async fn run_with_until<F: Future>(
        &mut self,
        mut f: impl FnMut(&LogRecord<'_>),
        future: F,
    ) -> F::Output {
        self.drive(future, |record| f(record)).await
    }

    /// The figures so far: of what has been handed on, not of what was only read. Until the stream has ended their end
    /// is [open](crate::StreamEnd::Open).
    ///
    /// `missing` may be more than it will be: threads of a child that log at once take numbers in another order than
    /// that of their records in the pipe.
    pub fn summary(&self) -> Summary {
        self.reader.summary()
    }

    /// All records as a stream: every level, text as the child wrote it, nothing attached, each detached from the
    /// read buffer.
    pub fn records(self) -> Records<R> {
        Records::new(self.reader)
    }

    /// As [`run`](Self::run), on a thread and a runtime of its own, so that a slow logger delays nothing else. It
    /// needs no runtime around it.
    ///
    /// The runtime reads, and that is all: the logger and the writer of a [`tee`](Self::tee) run on the thread and outside
    /// of that runtime, so that they may use one of their own. It has I/O and no timers. All signals but those of faults
    /// are blocked in the thread, and in what a logger starts there: a program that waits for a signal gets it.
    ///
    /// A [`ChildPipe`](crate::ChildPipe) that has been read before belongs to the runtime that read it first, and that one must go on.
    ///
    /// # Errors
    ///
    /// Where the runtime or the thread cannot be made. The subscriber is dropped then.
    pub fn run_on_thread(self) -> io::Result<JoinHandle<Result<Summary, ReadError>>>
    where
        R: Send + 'static,
    {
        let runtime = OwnRuntime::new()?;
        let thread = thread::Builder::new().name("pipe-subscriber".to_owned());
        with_signals_blocked(|| thread.spawn(move || self.run_beside(&runtime)))
    }

    fn dispatch(&self) -> Dispatch {
        let (label, attach) = (self.label.clone(), self.attach.clone());
        Dispatch::new(self.escaping, label, self.label_in, attach)
    }

    async fn finish(
        &mut self,
        mut on_record: impl FnMut(&mut LogRecord<'_>),
    ) -> Result<Summary, ReadError> {
        poll_fn(|cx| self.reader.poll_to_end(cx, &mut on_record)).await;
        self.reader.finish()
    }

    /// A turn of reading comes first and is short: neither it nor `future` keeps the other from the budget that the
    /// runtime gives to a task.
    async fn drive<F: Future>(
        &mut self,
        future: F,
        mut on_record: impl FnMut(&mut LogRecord<'_>),
    ) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _ended = self.reader.poll_to_end(cx, &mut on_record);
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Reads within the runtime, and hands on outside of it: what a logger does there is its own affair.
    fn run_beside(mut self, runtime: &OwnRuntime) -> Result<Summary, ReadError> {
        let mut dispatch = self.dispatch();
        let mut on_record = to_the_global_logger(&mut dispatch);
        while runtime.block_on(poll_fn(|cx| self.reader.frames.poll_payload(cx))) == Some(true) {
            while self.reader.take(&mut on_record) {}
        }
        self.reader.finish()
    }
}

fn to_the_global_logger(dispatch: &mut Dispatch) -> impl FnMut(&mut LogRecord<'_>) {
    |record| dispatch.log(record, log::max_level(), log::logger())
}
