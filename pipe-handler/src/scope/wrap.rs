//! `Scoped`: any logger, with the values of the thread's scopes in its records.

use std::cell::Cell;

use log::{
    Log, Metadata, Record,
    kv::{self, Source, VisitSource},
};
use record_proto::PairSource;

use super::{stack, state};

thread_local! {
    /// Whether the values of the scopes follow anyway, so that wrapped key-values show a visitor only the record's own.
    static OWN_ONLY: Cell<bool> = const { Cell::new(false) };
}

/// A logger that adds the values of the thread's [scopes](crate::Scope) to each record and passes it on.
///
/// A [`PipeHandler`](crate::PipeHandler) needs no such wrapper, and neither does the fallback of
/// [`init_or`](crate::init_or), which has one. Use it for any other logger of the process. It does no harm if the logger
/// passes records on to a `PipeHandler`, also with other key-values added: they get the values once.
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

/// Calls `log` with the record and the values of the scopes.
pub(super) fn pass_on(record: &Record<'_>, log: impl FnOnce(&Record<'_>)) {
    if !state::is_entered() {
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
    // The record may be logged by a value of another one, whose key-values are being visited.
    let _restore = OwnOnly::set(false);
    log(&record.to_builder().key_values(&pairs).build());
}

/// Lets wrapped key-values show a visitor only the record's own pairs, until the result is dropped.
pub(super) fn show_own_only() -> impl Drop {
    OwnOnly::set(true)
}

/// The record's own pairs, and then those of the scopes.
struct BothSources<'a> {
    own: &'a dyn Source,
    scopes: PairSource<'a>,
}

impl Source for BothSources<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        let scopes_follow = OWN_ONLY.get();
        let own = {
            // They may have been wrapped before, by a logger that has passed the record on.
            let _own_only = OwnOnly::set(true);
            self.own.visit(visitor)
        };
        match scopes_follow {
            true => own,
            false => own.and_then(|()| self.scopes.visit(visitor)),
        }
    }
}

/// Sets [`OWN_ONLY`] until it is dropped.
struct OwnOnly {
    earlier: bool,
}

impl OwnOnly {
    fn set(value: bool) -> Self {
        let earlier = OWN_ONLY.replace(value);
        Self { earlier }
    }
}

impl Drop for OwnOnly {
    fn drop(&mut self) {
        OWN_ONLY.set(self.earlier);
    }
}
