//! The ways to read into tracing.

use std::{
    future::poll_fn,
    io,
    pin::pin,
    task::{Context, Poll},
    thread::{self, JoinHandle},
};

use tokio::io::AsyncRead;
use tracing_core::Dispatch;

use super::error::ReadError;
use super::own_runtime::OwnRuntime;
use super::pipe_subscriber::PipeSubscriber;
use super::record_reader::RecordReader;
use crate::account::Summary;
use crate::dispatch::{self, ChildSpans, Tracer};
use crate::sys::with_signals_blocked;

/// Reading into `tracing` (feature `tracing`).
impl<R: AsyncRead + Unpin> PipeSubscriber<R> {
    /// Sets when the spans of the child's records are made again for tracing's formatters. The default is
    /// [`ChildSpans::Lazy`].
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub fn spans(mut self, spans: ChildSpans) -> Self {
        self.spans = spans;
        self
    }

    /// Hands records to the default dispatcher of tracing until the stream ends: those that
    /// [`max_level`](Self::max_level) and the dispatcher's subscriber let through.
    ///
    /// Each record becomes an event with the child's own target, level, module, file and line. The fields are the
    /// message, those that the parent [attaches](Self::attach), and the child's key-values with their types: booleans,
    /// numbers, texts and errors with their sources; bytes as base64, lists and maps as JSON text. The time of the event
    /// is the parent's; [`Attach::Time`](crate::Attach::Time) adds the child's.
    ///
    /// The spans that a record was logged in are entered around its event, within the span that the parent itself is in;
    /// see [`ChildSpans`].
    ///
    /// The dispatcher is the one that is the default of the thread at the moment at which the record is handed on. So a
    /// subscriber may be set later, and a scoped one holds for the reading that happens in its scope.
    ///
    /// # Names of fields
    ///
    /// If a child's key is `message`, the name of an attached key, or equal to an earlier key, a `_` is appended to it. A
    /// key `r#label` counts as `label`, because the formatters of `tracing-subscriber` show it so. (These also hide
    /// fields whose names begin with `log.`, for which they have another use.)
    ///
    /// An event has at most 32 fields; the key-values beyond that are in one more field `more`, as JSON text. The text of
    /// a key-value `event.name` becomes the name of the event and is no field.
    ///
    /// # Memory that is never freed
    ///
    /// tracing knows events by their call sites, which live until the process ends. So for each different combination of
    /// target, level, module, file, line and names of fields, a call site is kept, and each different text of these
    /// once: about 400 bytes. The same holds for each different span, by its name and the names of its fields. All
    /// subscribers together add at most 4 MiB, and one subscriber at most 1 MiB, whatever its child sends.
    ///
    /// Beyond that, the records are handed on nevertheless. Filters are still asked with the record's own target, and
    /// the event then has the target `pipe_subscriber::shared` and one set of fields: `message`, those that are
    /// attached, `target`, `module`, `file`, `line`, and `fields`, which is the JSON text of all key-values.
    ///
    /// With the label in the [target](crate::LabelIn::Target), each label makes call sites of its own. If there are many
    /// labels, show the label as a field, as is the default.
    ///
    /// # A subscriber that logs
    ///
    /// As with tracing's own macros, an event that a subscriber or its writer sends while it handles another one is
    /// dropped if the default is a scoped one, and is handled otherwise. A writer that always logs never ends.
    ///
    /// If a program has set up `tracing-log` and a tracing subscriber, [`run`](Self::run) reaches that subscriber too,
    /// but without the key-values.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As for [`run`](Self::run). If it can be cancelled, use [`run_into_tracing_until`](Self::run_into_tracing_until).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use pipe_subscriber::Spawn;
    /// use tokio::process::Command;
    ///
    /// tracing_subscriber::fmt().init();
    ///
    /// let (mut child, mut logs) = Spawn::new(Command::new("true")).label("w1").spawn()?;
    /// let status = logs.run_into_tracing_until(child.wait()).await?;
    /// let summary = logs.run_into_tracing().await?; // the rest of the pipe, and the end
    /// tracing::info!("{}", summary.with_exit_status(status));
    /// # Ok(()) }
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub async fn run_into_tracing(mut self) -> Result<Summary, ReadError> {
        self.trace(None).finish().await
    }

    /// Hands records on as [`run_into_tracing`](Self::run_into_tracing) does until `future` is ready, and returns its
    /// output; see [`run_until`](Self::run_until).
    ///
    /// # Cancel safety
    ///
    /// As for [`run_until`](Self::run_until).
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub async fn run_into_tracing_until<F: Future>(&mut self, future: F) -> F::Output {
        self.trace(None).until(future).await
    }

    /// Hands records to `dispatch` as [`run_into_tracing`](Self::run_into_tracing) does to the default dispatcher. While
    /// a record is handed on, `dispatch` is the default of the thread. A subscriber is a dispatcher too, and a clone of a
    /// `Dispatch` is the same one.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As for [`run`](Self::run). If it can be cancelled, use
    /// [`run_into_dispatch_until`](Self::run_into_dispatch_until).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use pipe_subscriber::PipeSubscriber;
    /// use record_proto::{Encode, LogRecord};
    ///
    /// let mut stream = Vec::new();
    /// LogRecord::new(log::Level::Info, "worker", "done").encode_frame(&mut stream);
    ///
    /// // A log of its own for the children.
    /// let workers = tracing::Dispatch::new(tracing_subscriber::fmt().json().finish());
    /// let summary = PipeSubscriber::new(&stream[..]).run_into_dispatch(workers.clone()).await?;
    /// assert_eq!(summary.received, 1);
    /// # Ok(()) }
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub async fn run_into_dispatch(
        mut self,
        dispatch: impl Into<Dispatch>,
    ) -> Result<Summary, ReadError> {
        self.trace(Some(dispatch.into())).finish().await
    }

    /// Hands records on as [`run_into_dispatch`](Self::run_into_dispatch) does until `future` is ready, and returns its
    /// output; see [`run_until`](Self::run_until). `future` itself runs with the default dispatcher that it has without
    /// this method.
    ///
    /// # Cancel safety
    ///
    /// As for [`run_until`](Self::run_until).
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub async fn run_into_dispatch_until<F: Future>(
        &mut self,
        dispatch: impl Into<Dispatch>,
        future: F,
    ) -> F::Output {
        self.trace(Some(dispatch.into())).until(future).await
    }

    /// Reads as [`run_into_tracing`](Self::run_into_tracing) does, on a new thread with a runtime of its own; see
    /// [`run_on_thread`](Self::run_on_thread). A dispatcher that is the default of the calling thread only is not that
    /// of the new thread.
    ///
    /// # Errors
    ///
    /// As for [`run_on_thread`](Self::run_on_thread).
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub fn run_into_tracing_on_thread(
        mut self,
    ) -> io::Result<JoinHandle<Result<Summary, ReadError>>>
    where
        R: Send + 'static,
    {
        let runtime = OwnRuntime::new()?;
        let thread = thread::Builder::new().name("pipe-subscriber".to_owned());
        with_signals_blocked(|| thread.spawn(move || self.trace(None).outside_of(&runtime)))
    }

    fn trace(&mut self, given: Option<Dispatch>) -> Tracing<'_, R> {
        Tracing {
            prepare: self.dispatch(),
            tracer: Tracer::new(given, &mut self.sites, self.spans, self.max_level),
            reader: &mut self.reader,
        }
    }
}

/// One run into tracing.
struct Tracing<'s, R> {
    prepare: dispatch::Dispatch,
    tracer: Tracer<'s>,
    reader: &'s mut RecordReader<R>,
}

impl<R: AsyncRead + Unpin> Tracing<'_, R> {
    async fn finish(mut self) -> Result<Summary, ReadError> {
        poll_fn(|cx| self.poll_to_end(cx)).await;
        self.reader.finish()
    }

    /// Polls reading and `future` in one task, reading first; see `PipeSubscriber::drive`.
    async fn until<F: Future>(mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _ended = self.poll_to_end(cx);
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Reads within the runtime, and calls the dispatcher outside of it; see `PipeSubscriber::run_on_thread`.
    fn outside_of(self, runtime: &OwnRuntime) -> Result<Summary, ReadError> {
        let Self {
            mut prepare,
            mut tracer,
            reader,
        } = self;
        reader.read_outside_of(runtime, |record| prepare.trace(record, &mut tracer))
    }

    fn poll_to_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (prepare, tracer) = (&mut self.prepare, &mut self.tracer);
        self.reader
            .poll_to_end(cx, |record| prepare.trace(record, tracer))
    }
}
