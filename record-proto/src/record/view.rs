//! `RecordView`: a decoded record that borrows all of its parts.

use std::borrow::Cow;

use log::{Level, kv};

use super::log_record::LogRecord;
use super::origin::Origin;
use super::source::RecordSource;
use super::spans::Spans;
use crate::kv::{KeyValues, KnownPairs, Value};

/// A decoded record that borrows all of its parts.
///
/// A *plain* record borrows from its payload, and from the parts of earlier records that its
/// [`RecordDecoder`](crate::RecordDecoder) keeps. Any other record is a [`LogRecord`] that the view borrows.
#[derive(Debug, Clone)]
pub struct RecordView<'a> {
    /// See [`LogRecord::seq`].
    pub seq: u64,
    /// See [`LogRecord::time`].
    pub time: u64,
    /// See [`LogRecord::level`].
    pub level: Level,
    /// See [`LogRecord::target`].
    pub target: &'a str,
    /// See [`LogRecord::message`].
    pub message: &'a str,
    /// See [`LogRecord::process`]. If the record has no name, a reader may fill in the one that its process sent
    /// before.
    pub process: Option<&'a str>,
    /// See [`LogRecord::line`].
    pub line: Option<u32>,
    /// See [`LogRecord::instance`].
    pub instance: Option<u32>,
    /// The process, the thread and the call site.
    pub origin: &'a Origin<'a>,
    /// The key-values of a plain record.
    pub(crate) pairs: KnownPairs<'a>,
    /// The context of a plain record.
    pub(crate) context: Option<&'a KeyValues<'a>>,
    /// The spans of a plain record.
    pub(crate) spans: Option<&'a Spans<'a>>,
    /// The whole record, if it is not plain.
    pub(crate) whole: Option<&'a LogRecord<'a>>,
}

impl<'a> RecordView<'a> {
    /// Returns whether the key-values or the context have this key.
    #[inline(always)]
    pub fn contains_key(&self, key: &str) -> bool {
        if let Some(whole) = self.whole {
            return whole.key_values.contains_key(key) || whole.context.contains_key(key);
        }
        self.pairs.contains_key(key) || self.context.is_some_and(|all| all.contains_key(key))
    }

    /// Returns whether the record is plain: it has only the fields of this view, and no controls in its texts.
    ///
    /// The name in [`process`](Self::process) may have controls if a reader has filled it in.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.whole.is_none()
    }

    /// Returns the whole record, if it is not [plain](Self::is_plain). Its process may lack a name that the view has.
    #[inline]
    pub fn whole(&self) -> Option<&'a LogRecord<'a>> {
        self.whole
    }

    /// Returns the spans, if there are any.
    #[inline]
    pub fn spans(&self) -> Option<&'a Spans<'a>> {
        match self.whole {
            Some(whole) => Some(&whole.spans).filter(|spans| !spans.is_empty()),
            None => self.spans,
        }
    }

    /// Iterates over the key-values and then the context, with their types.
    #[inline]
    pub fn values(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let key_values = self.whole.map(|whole| &whole.key_values);
        let context = self.whole.map(|whole| &whole.context).or(self.context);
        let others = key_values.into_iter().chain(context);
        self.pairs.iter().chain(others.flat_map(KeyValues::iter))
    }

    /// Returns the record with all of its fields, borrowed.
    pub fn to_record(&self) -> LogRecord<'a> {
        if let Some(whole) = self.whole {
            let mut record = whole.clone();
            record.process = self.process.map(Cow::Borrowed);
            return record;
        }
        let borrow = |text: &'a Option<Cow<'a, str>>| text.as_deref().map(Cow::Borrowed);
        LogRecord {
            seq: self.seq,
            time: self.time,
            pid: self.origin.pid,
            process: self.process.map(Cow::Borrowed),
            thread_id: self.origin.thread_id,
            thread: borrow(&self.origin.thread),
            module_path: borrow(&self.origin.module_path),
            file: borrow(&self.origin.file),
            line: self.line,
            key_values: self.pairs.to_key_values(),
            context: self.context.map(KeyValues::borrowed).unwrap_or_default(),
            spans: self.spans.map(Spans::borrowed).unwrap_or_default(),
            instance: self.instance,
            ..LogRecord::empty(self.level, self.target, self.message)
        }
    }

    /// Rebuilds a `log::Record` and passes it to `f`; see [`LogRecord::with_record`].
    #[inline(always)]
    pub fn with_record<R>(&self, f: impl FnOnce(&log::Record<'_>) -> R) -> R {
        match self.whole {
            Some(whole) if !whole.is_scalar() => self.with_built_values(whole, f),
            _ => self.with_source(self, f),
        }
    }

    #[cold]
    fn with_built_values<R>(
        &self,
        whole: &LogRecord<'_>,
        f: impl FnOnce(&log::Record<'_>) -> R,
    ) -> R {
        self.with_source(&RecordSource::new(whole), f)
    }

    #[inline(always)]
    fn with_source<R>(
        &self,
        key_values: &dyn kv::Source,
        f: impl FnOnce(&log::Record<'_>) -> R,
    ) -> R {
        f(&log::Record::builder()
            .level(self.level)
            .target(self.target)
            .args(format_args!("{}", self.message))
            .module_path(self.origin.module_path.as_deref())
            .file(self.origin.file.as_deref())
            .line(self.line)
            .key_values(&key_values)
            .build())
    }
}

/// The key-values of a plain record, or of another one that has no error, spans or batch, and whose values are all scalars
/// (nil, booleans, numbers, texts). Most records are like that, and nothing has to be built for them.
impl kv::Source for RecordView<'_> {
    #[inline]
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn kv::VisitSource<'kvs>) -> Result<(), kv::Error> {
        if let Some(whole) = self.whole {
            whole.key_values.visit_scalars(visitor)?;
            return whole.context.visit_scalars(visitor);
        }
        self.pairs.visit(visitor)?;
        if let Some(context) = self.context {
            context.visit_scalars(visitor)?;
        }
        match self.spans {
            Some(spans) => spans.visit(visitor),
            None => Ok(()),
        }
    }

    fn count(&self) -> usize {
        match self.whole {
            Some(whole) => whole.key_values.len() + whole.context.len(),
            None => {
                let context = self.context.map_or(0, KeyValues::len);
                self.pairs.len() + context + usize::from(self.spans.is_some())
            }
        }
    }
}

impl LogRecord<'_> {
    /// Calls `f` with a view of this record, and returns its result.
    // Hidden because it is for the sibling crates only; it may change.
    #[doc(hidden)]
    pub fn with_view<R>(&self, f: impl FnOnce(RecordView<'_>) -> R) -> R {
        fn borrow<'r>(text: &'r Option<Cow<'_, str>>) -> Option<Cow<'r, str>> {
            text.as_deref().map(Cow::Borrowed)
        }
        let origin = Origin {
            pid: self.pid,
            process: borrow(&self.process),
            thread_id: self.thread_id,
            thread: borrow(&self.thread),
            module_path: borrow(&self.module_path),
            file: borrow(&self.file),
        };
        f(RecordView {
            seq: self.seq,
            time: self.time,
            level: self.level,
            target: &self.target,
            message: &self.message,
            process: self.process.as_deref(),
            line: self.line,
            instance: self.instance,
            origin: &origin,
            pairs: KnownPairs::default(),
            context: None,
            spans: None,
            whole: Some(self),
        })
    }

    /// Rebuilds a [`log::Record`] and hands it to `f`, for any logger.
    ///
    /// The rebuilt record has the level, target, message, module path, file and line. Its key-values are the record's
    /// own, then the context, then `spans` (as `root{key=value}:leaf`) if it has any, `batch` if it is part of one, and
    /// a `backtrace` if the error has one. The error's key-value is again an error with its chain of sources.
    ///
    /// The parts that a `log::Record` has no place for (time, process, thread) are left out. The static forms of module
    /// path and file are `None`.
    ///
    /// This takes a closure because a `log::Record` borrows its formatted arguments and cannot be returned.
    pub fn with_record<R>(&self, f: impl FnOnce(&log::Record<'_>) -> R) -> R {
        self.with_view(|view| view.with_record(f))
    }

    /// Returns whether a logger sees only the key-values and the context, and all of them are scalars.
    fn is_scalar(&self) -> bool {
        let has_more = self.error.is_some() || self.batch.is_some() || !self.spans.is_empty();
        !has_more && self.key_values.is_scalar() && self.context.is_scalar()
    }
}
