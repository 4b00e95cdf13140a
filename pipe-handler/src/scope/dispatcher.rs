//! `Dispatcher`: hands each record to the handler that is bound to its scope.

use std::{
    fmt,
    ops::ControlFlow::{self, Break, Continue},
    sync::{
        Arc,
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Release},
        },
    },
};

use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};
use once_cell::race::OnceBox;

use super::handle::Scope;
use super::inherited::Inherited;
use super::layer::Layer;
use super::levels::{self, Claim};
use super::{stack, state, wrap};

/// A logger that hands each record to the handler that is bound innermost: to the scopes of the task or thread that
/// logs, or else to the application, or else to the fallback.
///
/// Install it once with [`init`](Self::init). Bind a handler to a scope with [`Scope::handler`], and to the application
/// with [`bind`](Self::bind). Any logger can be a handler.
///
/// Use it for a program that logs one job into another pipe, for a host that serves several parents, or in a test that
/// takes the records of its own thread.
///
/// ```
/// use std::io::Read;
///
/// use log::LevelFilter;
/// use pipe_handler::{Dispatcher, PipeHandler, Scope};
///
/// # struct Stderr;
/// # impl log::Log for Stderr {
/// #     fn enabled(&self, _: &log::Metadata<'_>) -> bool { true }
/// #     fn log(&self, record: &log::Record<'_>) { assert_eq!(record.args().to_string(), "elsewhere"); }
/// #     fn flush(&self) {}
/// # }
/// Dispatcher::new(Stderr, LevelFilter::Info).init()?;
///
/// let (mut read_end, write_end) = std::io::pipe()?;
/// let handler = PipeHandler::builder().panic_hook(false).build_on(write_end)?;
/// let job = Scope::new().with("job", 3).handler(handler, LevelFilter::Info);
/// job.in_scope(|| log::info!("begins")); // into the pipe
/// log::info!("elsewhere"); // to Stderr
/// drop(job); // closes the pipe
///
/// let mut stream = Vec::new();
/// read_end.read_to_end(&mut stream)?;
/// assert!(stream.windows(6).any(|bytes| bytes == b"begins"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Levels
///
/// `log` has one maximum level for the whole process, which macros check first. It belongs to the dispatcher once that
/// is installed, and is always the highest level of the fallback and of all bindings. So a binding of
/// [`LevelFilter::Trace`] in one thread makes the trace calls of all threads cost a look at their scopes. A future has
/// its binding from [`Scope::instrument`] until it is dropped, also while it is not polled.
///
/// A record that is less severe than the level of its binding goes nowhere; it does not fall through to the next
/// handler, unless the binding [bubbles](Scope::bubble).
///
/// # Counts, close and panics
///
/// The dispatcher only passes records on. `counts` and `close` are those of each single
/// [`PipeHandler`](crate::PipeHandler); bind an `Arc` of it to keep one for them. Each handler whose
/// [panic hook](crate::Builder::panic_hook) is on logs every panic of the process, wherever it is bound; so switch the
/// hook off for all but one. [`Log::flush`] reaches the handlers of the thread's scopes, those of the application, and
/// the fallback.
pub struct Dispatcher {
    fallback: Box<dyn Log>,
    level: LevelFilter,
}

impl Dispatcher {
    /// Creates a dispatcher that hands the records of no binding to `fallback`, if they are of this level or more
    /// severe.
    pub fn new(fallback: impl Log + 'static, level: LevelFilter) -> Self {
        let fallback = Box::new(fallback);
        Self { fallback, level }
    }

    /// Sets the dispatcher as the process's logger.
    ///
    /// # Errors
    ///
    /// If the process already has a logger.
    pub fn init(self) -> Result<(), SetLoggerError> {
        let level = self.level;
        log::set_boxed_logger(Box::new(self))?;
        levels::own_global_level(level);
        Ok(())
    }

    /// Binds the handlers of a scope to the application, until the result is dropped. They get the records that are
    /// logged in no scope with a handler. The handler that was bound last is the innermost.
    ///
    /// Only the handlers are bound: values and other settings of the scope do not concern records that are logged
    /// outside of it.
    pub fn bind(scope: &Scope) -> ApplicationBinding {
        static IDS: AtomicUsize = AtomicUsize::new(0);
        let id = IDS.fetch_add(1, Acquire);
        let mut bubbles = None;
        let innermost_first = scope.layers().iter().rev();
        let handlers = innermost_first.filter_map(|layer| {
            bubbles = bubbles.or(layer.bubbles);
            let claim = Arc::new(Claim::new(layer.handler.as_ref()?.level));
            Some(Application {
                id,
                layer: Arc::clone(layer),
                bubbles: bubbles.take().unwrap_or(false),
                _claim: claim,
            })
        });
        let handlers: Vec<_> = handlers.collect();
        let mut bound = bound_handlers().write();
        bound.extend(handlers.into_iter().rev());
        ANY_APPLICATION.store(bound.len(), Release);
        ApplicationBinding { id }
    }

    /// Calls `f` with each handler that a record goes to, until it breaks.
    fn for_each(&self, mut f: impl FnMut(&dyn Log, LevelFilter)) {
        let mut outside_of = None;
        let next = |outside_of| stack::with(|stack| stack.handler(outside_of)).flatten();
        while let Some((at, layer, bubbles)) = next(outside_of) {
            if pass(&layer, bubbles, &mut f).is_break() {
                return;
            }
            outside_of = Some(at);
        }
        for (layer, bubbles) in application() {
            if pass(&layer, bubbles, &mut f).is_break() {
                return;
            }
        }
        f(&*self.fallback, self.level);
    }
}

fn pass(
    layer: &Layer,
    bubbles: bool,
    f: &mut impl FnMut(&dyn Log, LevelFilter),
) -> ControlFlow<()> {
    if let Some(handler) = &layer.handler {
        f(&*handler.logger, handler.level);
    }
    match bubbles {
        true => Continue(()),
        false => Break(()),
    }
}

impl Log for Dispatcher {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let mut is_enabled = false;
        self.for_each(|logger, level| {
            is_enabled |= metadata.level() <= level && logger.enabled(metadata);
        });
        is_enabled
    }

    fn log(&self, record: &Record<'_>) {
        wrap::pass_on(record, |record| {
            self.for_each(|logger, level| {
                if record.level() <= level {
                    logger.log(record);
                }
            });
        });
    }

    fn flush(&self) {
        let application = application().into_iter().map(|(layer, _)| layer);
        for layer in stack::layers().into_iter().chain(application) {
            if let Some(handler) = &layer.handler {
                handler.logger.flush();
            }
        }
        self.fallback.flush();
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// Handlers that are bound to the application until this is dropped; see [`Dispatcher::bind`].
///
/// ```
/// use log::LevelFilter;
/// use pipe_handler::{Dispatcher, Scope};
///
/// # struct Other;
/// # impl log::Log for Other {
/// #     fn enabled(&self, _: &log::Metadata<'_>) -> bool { true }
/// #     fn log(&self, _: &log::Record<'_>) {}
/// #     fn flush(&self) {}
/// # }
/// let binding = Dispatcher::bind(&Scope::new().handler(Other, LevelFilter::Info));
/// log::info!("to the other handler, if a dispatcher is installed");
/// drop(binding);
/// ```
#[derive(Debug)]
#[must_use = "dropped at once it ends the binding at once"]
pub struct ApplicationBinding {
    id: usize,
}

impl Drop for ApplicationBinding {
    fn drop(&mut self) {
        let mut bound = bound_handlers().write();
        let (ended, others) = bound.drain(..).partition(|own| own.id == self.id);
        *bound = others;
        ANY_APPLICATION.store(bound.len(), Release);
        drop(bound);
        // The handlers may log when they are dropped.
        let _ended: Vec<Application> = ended;
    }
}

/// A handler of the application.
#[derive(Debug, Clone)]
struct Application {
    id: usize,
    layer: Arc<Layer>,
    bubbles: bool,
    _claim: Arc<Claim>,
}

fn bound_handlers() -> &'static Inherited<Vec<Application>> {
    static BOUND: OnceBox<Inherited<Vec<Application>>> = OnceBox::new();
    BOUND.get_or_init(Box::default)
}

/// How many there are, so that a record costs no lock if there are none.
static ANY_APPLICATION: AtomicUsize = AtomicUsize::new(0);

/// Returns the handlers of the application, the innermost first, and whether records go on from there.
fn application() -> Vec<(Arc<Layer>, bool)> {
    // Acquire pairs with the Release in `bind`, after which the handlers can be found.
    if ANY_APPLICATION.load(Acquire) == 0 {
        return Vec::new();
    }
    let bound = match state::is_busy() {
        // An allocator that logs while this thread binds a handler must not wait for it.
        true => bound_handlers().try_read(),
        false => Some(bound_handlers().read()),
    };
    let layers = bound.iter().flat_map(|bound| bound.iter().rev());
    layers
        .map(|own| (Arc::clone(&own.layer), own.bubbles))
        .collect()
}
