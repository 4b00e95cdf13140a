//! `PairBuffers`: the buffers for the key-values of a record, reused from one record to the next.

use std::borrow::Cow;

use super::error_info::{ErrorInfo, Sources};

/// The buffers for key-values that are being written, and the first error among them.
#[derive(Debug)]
pub(crate) struct PairBuffers {
    /// The text of a value that has to be printed before its length is known.
    pub(super) text: String,
    #[cfg(feature = "kv_serde")]
    /// A structure that may still turn out to be too long.
    pub(super) structure: Vec<u8>,
    pub(super) error: Option<FirstError>,
}

/// The first error among the key-values of a record.
#[derive(Debug)]
pub(super) struct FirstError {
    pub(super) key: String,
    pub(super) message: String,
    pub(super) sources: Sources<'static>,
}

impl PairBuffers {
    pub(crate) const fn new() -> Self {
        Self {
            text: String::new(),
            #[cfg(feature = "kv_serde")]
            structure: Vec::new(),
            error: None,
        }
    }

    /// Returns the first error among the pairs of the record that was written last.
    pub(crate) fn error_info(&self) -> Option<ErrorInfo<'_>> {
        let error = self.error.as_ref()?;
        Some(ErrorInfo {
            message: Cow::Borrowed(&error.message),
            sources: error.sources.clone(),
            backtrace: None,
            key: Some(Cow::Borrowed(&error.key)),
        })
    }

    /// Returns the number of sources of the first error.
    #[inline(always)]
    pub(crate) fn source_count(&self) -> usize {
        let sources = self.error.as_ref().map(|error| error.sources.iter());
        sources.map_or(0, Iterator::count)
    }

    #[inline(always)]
    pub(crate) fn has_error(&self) -> bool {
        self.error.is_some()
    }

    #[inline(always)]
    pub(super) fn forget_error(&mut self) {
        if self.error.is_some() {
            self.error = None;
        }
    }

    /// Frees the memory beyond `bytes` of each buffer, which an unusually large record took.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        self.text.clear();
        self.text.shrink_to(bytes);
        #[cfg(feature = "kv_serde")]
        {
            self.structure.clear();
            self.structure.shrink_to(bytes);
        }
    }
}
