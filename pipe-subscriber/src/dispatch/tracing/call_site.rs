//! `CallSite`: a call site of a child, as tracing knows it.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use tracing_core::{
    Callsite, Kind, Level, Metadata, callsite, field::FieldSet, identify_callsite,
    subscriber::Interest,
};

/// The parts of a call site that tell it from others.
///
/// They are borrowed from a record, or they are what an interned call site has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CallSiteKey<'a> {
    pub(super) is_span: bool,
    pub(super) level: u8,
    pub(super) line: Option<u32>,
    /// The name of a span, or that of an event if its child gave it one.
    pub(super) name: Option<&'a str>,
    pub(super) target: &'a str,
    pub(super) file: Option<&'a str>,
    pub(super) module_path: Option<&'a str>,
    pub(super) fields: &'a [&'a str],
}

/// A call site whose metadata is kept until the process ends, as tracing requires.
#[derive(Debug)]
pub(super) struct CallSite {
    key: CallSiteKey<'static>,
    metadata: OnceLock<Metadata<'static>>,
    is_registered: AtomicBool,
    is_never_enabled: AtomicBool,
}

impl CallSite {
    /// Creates a call site that is never freed.
    pub(super) fn leak(key: CallSiteKey<'static>, name: &'static str) -> &'static Self {
        let site: &'static Self = Box::leak(Box::new(Self {
            key,
            metadata: OnceLock::new(),
            is_registered: AtomicBool::new(false),
            is_never_enabled: AtomicBool::new(false),
        }));
        site.metadata.get_or_init(|| site.describe(&key, name));
        site
    }

    pub(super) fn key(&self) -> &CallSiteKey<'static> {
        &self.key
    }

    pub(super) fn metadata(&'static self) -> &'static Metadata<'static> {
        self.metadata
            .get()
            .expect("the metadata is set before the call site is passed on")
    }

    /// Returns the metadata of a record that has no call site of its own, to ask whether it is enabled. The field names
    /// are those of this call site.
    pub(super) fn describe<'a>(
        &'static self,
        key: &CallSiteKey<'a>,
        name: &'static str,
    ) -> Metadata<'a> {
        Metadata::new(
            name,
            key.target,
            LEVELS[usize::from(key.level)],
            key.file,
            key.line,
            key.module_path,
            FieldSet::new(self.key.fields, identify_callsite!(self)),
            match key.is_span {
                true => Kind::SPAN,
                false => Kind::EVENT,
            },
        )
    }

    /// Announces the call site to all dispatchers, once. This calls code of the program's subscribers, so no lock may be
    /// held.
    #[inline]
    pub(super) fn register(&'static self) {
        // Relaxed: a thread that sees the flag before the registration is done only asks `enabled` a little early, which
        // tracing's own call sites do too.
        if !self.is_registered.load(Ordering::Relaxed)
            && !self.is_registered.swap(true, Ordering::Relaxed)
        {
            callsite::register(self);
        }
    }

    /// Returns whether all dispatchers that tracing asked at the registration, or when the cached answers were last
    /// rebuilt, have no interest in this call site. Dispatchers that are not the default were not necessarily asked.
    #[inline]
    pub(super) fn is_never_enabled(&self) -> bool {
        self.is_never_enabled.load(Ordering::Relaxed)
    }
}

impl Callsite for CallSite {
    fn set_interest(&self, interest: Interest) {
        // Relaxed: nothing else is published with the flag.
        self.is_never_enabled
            .store(interest.is_never(), Ordering::Relaxed);
    }

    fn metadata(&self) -> &Metadata<'_> {
        self.metadata
            .get()
            .expect("the metadata is set before the call site is registered")
    }
}

/// tracing's levels by the number of log's.
const LEVELS: [Level; 6] = [
    Level::ERROR, // no level has the number 0
    Level::ERROR,
    Level::WARN,
    Level::INFO,
    Level::DEBUG,
    Level::TRACE,
];

/// Returns tracing's level for that of a record.
#[inline]
pub(super) fn tracing_level(level: log::Level) -> Level {
    LEVELS[level as usize]
}
