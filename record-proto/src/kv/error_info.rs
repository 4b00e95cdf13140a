//! `ErrorInfo`: an error as part of a record, and the way back to a `dyn Error`.

use std::{borrow::Cow, error, fmt};

use super::value::List;
use crate::msgpack::{self, Reader};

/// The most sources of an error that are kept. No honest chain is longer, and a chain that leads back to itself has no
/// end.
pub(crate) const MAX_SOURCES: usize = 64;

/// An error as part of a record: a panic, or the first error among the key-values.
///
/// ```
/// use record_proto::{LogRecord, Scratch};
///
/// let error = std::io::Error::other("disk full");
/// let mut scratch = Scratch::new();
/// let kvs = [("err", log::kv::Value::from_dyn_error(&error))];
/// let record = scratch.capture(&log::Record::builder().key_values(&kvs).build()).into_owned();
///
/// let info = record.error.unwrap();
/// assert_eq!(info.message, "disk full");
/// assert_eq!(info.key.as_deref(), Some("err"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ErrorInfo<'a> {
    /// The text of the error.
    pub message: Cow<'a, str>,
    /// The texts of its sources, nearest first.
    pub sources: Sources<'a>,
    /// The backtrace of a panic under `RUST_BACKTRACE`.
    pub backtrace: Option<Cow<'a, str>>,
    /// The key of the key-value that is this error; `None` for a panic.
    pub key: Option<Cow<'a, str>>,
}

impl<'a> ErrorInfo<'a> {
    /// Creates an error without sources, backtrace and key.
    pub fn new(message: impl Into<Cow<'a, str>>) -> Self {
        Self {
            message: message.into(),
            sources: Sources::new(),
            backtrace: None,
            key: None,
        }
    }

    /// Returns the same error with all borrowed parts copied.
    pub fn into_owned(self) -> ErrorInfo<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        ErrorInfo {
            message: own(self.message),
            sources: self.sources.into_owned(),
            backtrace: self.backtrace.map(own),
            key: self.key.map(own),
        }
    }

    /// Returns an error value with the same message and chain of sources, for code that takes a `dyn Error`.
    ///
    /// It has at most 64 sources, because a chain is cloned, compared and dropped by recursion.
    pub fn to_error(&self) -> ChainedError {
        let mut texts = vec![self.message.to_string()];
        texts.extend(self.sources.iter().take(MAX_SOURCES).map(str::to_owned));
        let mut chain: Option<Box<ChainedError>> = None;
        while let Some(message) = texts.pop() {
            chain = Some(Box::new(ChainedError {
                message,
                source: chain,
            }));
        }
        *chain.expect("the message is always there")
    }
}

/// The texts of an error's sources, nearest first.
///
/// ```
/// use record_proto::Sources;
///
/// let sources: Sources = ["no such file", "os error 2"].into_iter().collect();
/// assert_eq!(sources.iter().count(), 2);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sources<'a>(List<'a>);

impl<'a> Sources<'a> {
    /// Creates an empty list of sources.
    pub fn new() -> Self {
        Self(List::from_checked(&[0x90]))
    }

    /// Iterates over the texts, nearest source first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.texts()
    }

    /// Returns whether there are no sources.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the same sources with all borrowed parts copied.
    pub fn into_owned(self) -> Sources<'static> {
        Sources(self.0.into_owned())
    }

    /// Reads and checks an array of texts. If there are more than are kept, one text that counts them replaces them.
    pub(crate) fn read(reader: &mut Reader<'a>) -> msgpack::Result<Self> {
        if let Some(bytes) = reader.or_cut(Reader::array_of_str)? {
            return Ok(Self(List::from_checked(bytes)));
        }
        let count = reader.clone().array_len()?;
        reader.skip()?;
        Ok(Self::cut(count))
    }

    /// Returns the text that replaces this many.
    pub(crate) fn cut(count: usize) -> Sources<'static> {
        Sources::from_iter([format!("… (cut, {count} sources)")])
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Default for Sources<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: AsRef<str>> FromIterator<S> for Sources<'static> {
    fn from_iter<I: IntoIterator<Item = S>>(texts: I) -> Self {
        let owned = |text: S| text.as_ref().to_owned();
        Self(texts.into_iter().map(owned).collect())
    }
}

/// An error rebuilt from its texts; made by [`ErrorInfo::to_error`].
///
/// `Display` prints its own message only, as is the custom. `Debug`, which some loggers use, prints the whole chain as
/// one text.
///
/// ```
/// use record_proto::ErrorInfo;
/// use std::error::Error;
///
/// let mut info = ErrorInfo::new("cannot open");
/// info.sources = ["no such file"].into_iter().collect();
/// let error = info.to_error();
/// assert_eq!(error.source().unwrap().to_string(), "no such file");
/// assert_eq!(format!("{error:?}"), "cannot open: no such file");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ChainedError {
    message: String,
    source: Option<Box<ChainedError>>,
}

impl fmt::Display for ChainedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Prints the messages of the chain with `: ` between them.
impl fmt::Debug for ChainedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut next = self.source.as_deref();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source.as_deref();
        }
        Ok(())
    }
}

impl error::Error for ChainedError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        let source: &ChainedError = self.source.as_deref()?;
        Some(source)
    }
}
