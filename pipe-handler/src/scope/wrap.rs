//! `Scoped`: any logger, with the values of the thread's scopes in its records.

use std::cell::Cell;

use log::{
    Log, Metadata, Record,
    kv::{self, Source, VisitSource},
};
use record_proto::PairSource;

use super::{stack, state};

thread_local! {
    /// The address of the key-values of the record that is being passed to a logger.
    static WRAPPED: Cell<Wrapped> = const { Cell::new(Wrapped(0)) };
    /// The key-values that show a visitor only the record's own pairs at the moment.
    static OWN_ONLY: Cell<Wrapped> = const { Cell::new(Wrapped(0)) };
}

/// Identifies the key-values of a record that was wrapped, as long as it is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrapped(usize);

/// A logger that adds the values of the thread's [scopes](crate::Scope) to each record and passes it on.
///
/// A [`PipeHandler`](crate::PipeHandler) needs no such wrapper, and neither does the fallback of
/// [`init_or`](crate::init_or), which has one. Use it for any other logger of the process. It does no harm if the logger
/// passes records on to a `PipeHandler`: they get the values once.
///
/// ```
/// use log::{Log, Metadata, Record};
/// use pipe_handler::{Scope, Scoped};
///
/// struct Logger;
/// impl Log for Logger {
///     fn enabled(&self, _: &Metadata<'_>) -> bool { true }
///     fn log(&self, record: &Record<'_>) {
///         let request = record.key_values().get("request".into()).expect("the value of the scope");
///         assert_eq!(request.to_i64(), Some(7));
///     }
///     fn flush(&self) {}
/// }
///
/// let logger = Scoped::new(Logger);
/// Scope::new().with("request", 7).in_scope(|| logger.log(&Record::builder().build()));
/// ```
#[derive(Debug)]
pub struct Scoped<L> {
    logger: L,
}

impl<L: Log> Scoped<L> {
    /// Wraps a logger.
    pub const fn new(logger: L) -> Self {
        Self { logger }
    }

    /// Returns the logger.
    pub fn into_inner(self) -> L {
        self.logger
    }
}

impl<L: Log> Log for Scoped<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        pass_on(record, |record| self.logger.log(record));
    }

    fn flush(&self) {
        self.logger.flush();
    }
}

/// Calls `log` with the record and the values of the scopes, unless the record has them already.
pub(super) fn pass_on(record: &Record<'_>, log: impl FnOnce(&Record<'_>)) {
    if !state::is_entered() || wrapped(record).is_some() {
        return log(record);
    }
    let values = stack::with_pairs(|pairs| pairs.to_key_values());
    let Some(values) = values.filter(|values| !values.is_empty()) else {
        return log(record);
    };
    let pairs = BothSources {
        own: record.key_values(),
        scopes: PairSource::new(&values),
    };
    let _restore = Restore::set(&WRAPPED, Wrapped::of(&pairs));
    log(&record.to_builder().key_values(&pairs).build());
}

/// Returns the key-values of the record if they have the values of the scopes already.
#[inline]
pub(super) fn wrapped(record: &Record<'_>) -> Option<Wrapped> {
    let pairs = Wrapped::of(record.key_values());
    (pairs == WRAPPED.get()).then_some(pairs)
}

/// Lets these key-values show a visitor only the record's own pairs, until the result is dropped.
pub(super) fn show_own_only(pairs: Wrapped) -> impl Drop {
    Restore::set(&OWN_ONLY, pairs)
}

impl Wrapped {
    fn of(pairs: &dyn Source) -> Self {
        Self(std::ptr::from_ref(pairs).addr())
    }
}

/// The record's own pairs, and then those of the scopes.
struct BothSources<'a> {
    own: &'a dyn Source,
    scopes: PairSource<'a>,
}

impl Source for BothSources<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        self.own.visit(visitor)?;
        match OWN_ONLY.get() == Wrapped::of(self) {
            true => Ok(()),
            false => self.scopes.visit(visitor),
        }
    }

    fn count(&self) -> usize {
        self.own.count() + self.scopes.count()
    }
}

/// Restores a thread-local when it is dropped.
struct Restore {
    cell: &'static std::thread::LocalKey<Cell<Wrapped>>,
    earlier: Wrapped,
}

impl Restore {
    fn set(cell: &'static std::thread::LocalKey<Cell<Wrapped>>, value: Wrapped) -> Self {
        let earlier = cell.replace(value);
        Self { cell, earlier }
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        self.cell.set(self.earlier);
    }
}
