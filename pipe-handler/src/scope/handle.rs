//! `Scope`: a piece of work, whose records have something in common.

use std::sync::Arc;

use log::{LevelFilter, Log};
use record_proto::Value;

use super::guard::ScopeGuard;
use super::hold::Hold;
use super::hold_back::HoldBack;
use super::instrumented::Instrumented;
use super::layer::{BoundHandler, Layer};
use super::stack::{self, Entry, Leave};

/// A piece of work: key-values that all records inside have, and what is done with these records.
///
/// A thread is in a scope while a closure runs ([`in_scope`](Self::in_scope)), as long as a guard lives
/// ([`enter`](Self::enter)), or while it polls a future ([`instrument`](Self::instrument)). Scopes nest. A record has
/// its own key-values first, then those of the scopes, the innermost first, and then the context of the process.
///
/// A scope is a handle: its clones are the same scope, and all of them see a value that is
/// [recorded](Self::record) later. It ends when its last handle is dropped and no thread or future is in it any more.
///
/// New threads and tasks are in no scope. Carry the present ones over with [`current`](Self::current).
///
/// The values reach each [`PipeHandler`](crate::PipeHandler), and the fallback of [`init_or`](crate::init_or). For any
/// other logger, use [`Scoped`](crate::Scoped).
///
/// ```
/// use std::io::Read;
///
/// use pipe_handler::{PipeHandler, Scope};
///
/// let (mut read_end, write_end) = std::io::pipe()?;
/// log::set_boxed_logger(Box::new(PipeHandler::builder().build_on(write_end)?))?;
/// log::set_max_level(log::LevelFilter::Info);
///
/// let request = Scope::new().with("request", 17).with("method", "GET");
/// request.in_scope(|| {
///     log::info!("opened"); // request=17 method=GET
///     request.record("user", "ann");
///     log::info!(rows = 3; "read"); // rows=3 request=17 method=GET user=ann
/// });
/// log::info!("idle");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Costs
///
/// The values are encoded once for each thread and copied into its records: two values cost less than 15 ns for a
/// record. A record that is logged in no scope costs one more comparison.
///
/// # Forks
///
/// A forked child is in the same scopes as the thread that forked. It begins with no records kept, and is in no group. If
/// another thread was setting a value of a scope at that moment, the child has none of this scope's values.
///
/// # Limits
///
/// If a record has as many values as fit into it, the values of the scopes are left out with the rest, and the pair
/// `cut` stands for them. Records of an allocator that logs may be in no scope. So are those of the destructors of
/// thread-locals that run after the scopes of their thread have ended.
#[derive(Debug, Clone)]
#[must_use = "a scope has no effect until it is entered"]
pub struct Scope {
    /// The outermost first. The last is the scope itself.
    layers: Vec<Arc<Layer>>,
    /// Whether these replace all scopes that a thread is in when it enters this one.
    is_whole: bool,
}

impl Scope {
    /// Creates a scope without values.
    pub fn new() -> Self {
        Self {
            layers: vec![Arc::new(Layer::default())],
            is_whole: false,
        }
    }

    /// Returns the scopes that the thread is in, all together, to carry them into another thread or a task.
    ///
    /// A thread or future that enters the result is in the same scopes, and in no others. Values that are added to it
    /// by [`with`](Self::with) belong to a new scope inside; [`record`](Self::record) changes the innermost scope that
    /// the thread is in. If the thread is in no scope, the result is an empty one.
    ///
    /// ```
    /// use pipe_handler::Scope;
    ///
    /// Scope::new().with("job", 3).in_scope(|| {
    ///     let scope = Scope::current();
    ///     std::thread::spawn(move || scope.in_scope(|| log::info!("half of the job"))) // job=3
    ///         .join()
    ///         .unwrap();
    /// });
    /// ```
    pub fn current() -> Self {
        Self {
            layers: stack::layers(),
            is_whole: true,
        }
    }

    /// Adds a key-value, or replaces the value if the scope has the key already.
    ///
    /// If the scope has other handles, or something is in it, these keep what they have, and the result is a new scope
    /// inside it. This holds for all settings.
    pub fn with<'v>(mut self, key: &str, value: impl Into<Value<'v>>) -> Self {
        self.own_layer().set(key, value.into());
        self
    }

    /// Sets a key-value from now on, for all threads and futures that are in the scope. If the scope has the key
    /// already, the value is replaced.
    ///
    /// Each thread in a scope encodes its values anew for its next record.
    pub fn record<'v>(&self, key: &str, value: impl Into<Value<'v>>) {
        if let Some(layer) = self.layers.last() {
            layer.record(key, value.into());
        }
    }

    /// Holds records back until they matter; see [`HoldBack`].
    ///
    /// It concerns the records of this scope and of the scopes inside, as far as these do not hold them back
    /// themselves. If one of them escalates, the records of all scopes around it whose level is reached are sent, in the
    /// order of their times.
    ///
    /// Only records that are sent by a [`PipeHandler`](crate::PipeHandler) can be held back. Other loggers get each one
    /// as it is logged.
    pub fn hold_back(mut self, settings: HoldBack) -> Self {
        self.own_layer().hold_back = Some(Hold::new_back(settings));
        self
    }

    /// Keeps the records of this scope and of the scopes inside, and sends them together when the scope ends.
    ///
    /// They take up to `bytes` of memory. Whenever more are logged, those so far are sent, and so form a part by
    /// themselves. A thread that has to send a part waits while another one sends one, as it waits for room in the
    /// pipe. If it may not wait that long, its part may overtake the other one.
    ///
    /// If the process exits or the handler is dropped, what there is so far is sent; records that other threads log
    /// until the process has ended are sent at once. If the process is killed, it is lost; the parent's summary then
    /// says that the process did not close.
    ///
    /// Hold-back decides first: what it releases inside a group is sent with the group. A record belongs to the innermost
    /// group only, which does not wait for the end of the one around it.
    pub fn group(mut self, bytes: usize) -> Self {
        self.own_layer().group = Some(Hold::new_group(bytes));
        self
    }

    /// Binds a handler to the scope: the installed [`Dispatcher`](crate::Dispatcher) hands it the records of this scope
    /// and of the scopes inside that bind no other, if they are of this level or more severe.
    ///
    /// It has no effect if the process's logger is not a dispatcher.
    pub fn handler(mut self, handler: impl Log + 'static, level: LevelFilter) -> Self {
        self.own_layer().handler = Some(BoundHandler {
            logger: Box::new(handler),
            level,
        });
        self
    }

    /// Sets whether records go on from this scope's handler to that of the next outer scope, also those that are less
    /// severe than its level. The default is `false`.
    ///
    /// In a scope without a handler, such as one inside that a setting of a clone makes, it concerns the handler that its
    /// records reach first.
    pub fn bubble(mut self, on: bool) -> Self {
        self.own_layer().bubbles = Some(on);
        self
    }

    /// Runs `f` in the scope. Scopes that `f` enters and does not leave are left too.
    pub fn in_scope<T>(&self, f: impl FnOnce() -> T) -> T {
        let _entered = self.entered(Leave::WithInner);
        f()
    }

    /// Enters the scope until the guard is dropped.
    ///
    /// The guard cannot be sent to another thread. Do not hold it over an `.await`: other tasks of the thread would be
    /// in the scope too, and this one would leave it when it moves to another thread. Use
    /// [`instrument`](Self::instrument) instead. The lint `clippy::await_holding_invalid_type` finds such guards:
    ///
    /// ```toml
    /// # clippy.toml
    /// await-holding-invalid-types = ["pipe_handler::ScopeGuard"]
    /// ```
    ///
    /// A guard that is leaked ([`mem::forget`](std::mem::forget)) keeps the scope entered until an outer
    /// [`in_scope`](Self::in_scope) or the poll of an [`Instrumented`] future ends, or else as long as its thread lives.
    ///
    /// ```
    /// let scope = pipe_handler::Scope::new().with("job", 3);
    /// let guard = scope.enter();
    /// log::info!("inside"); // job=3
    /// drop(guard);
    /// ```
    pub fn enter(&self) -> ScopeGuard {
        self.entered(Leave::Alone)
    }

    /// Returns a future that is in the scope, and in those that this thread is in, whenever it is polled or dropped.
    ///
    /// Each poll replaces all scopes of the polling thread and restores them. It allocates once, here.
    ///
    /// ```
    /// # async fn read() {}
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use pipe_handler::Scope;
    ///
    /// let request = Scope::new().with("request", 17);
    /// tokio::spawn(request.instrument(async {
    ///     log::info!("reading"); // request=17
    ///     read().await;
    ///     log::info!("read"); // request=17, whichever thread runs it
    /// }));
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn instrument<F: Future>(&self, future: F) -> Instrumented<F> {
        let mut layers = match self.is_whole {
            true => Vec::new(),
            false => stack::layers(),
        };
        layers.extend(self.layers.iter().map(Arc::clone));
        Instrumented::new(layers, future)
    }

    pub(super) fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
    }

    fn entered(&self, how: Leave) -> ScopeGuard {
        let id = match self.is_whole {
            true => stack::replace(
                self.layers
                    .iter()
                    .map(Arc::clone)
                    .map(Entry::of_task)
                    .collect(),
            ),
            false => stack::push(&self.layers),
        };
        ScopeGuard::new(id, how)
    }

    /// Returns the layer for further settings: that of the scope if nothing else uses it, or else a new one inside.
    fn own_layer(&mut self) -> &mut Layer {
        let is_own = !self.is_whole
            && self
                .layers
                .last_mut()
                .is_some_and(|last| Arc::get_mut(last).is_some());
        if !is_own {
            self.layers.push(Arc::new(Layer::default()));
        }
        let own = self.layers.last_mut().and_then(Arc::get_mut);
        own.expect("it was made, or found to be used by nothing else")
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::new()
    }
}
