//! The figures of a receiver.

use record_proto::{CodecError, Levels};

use super::Receiver;
use crate::account::reasons::{FILTER_OFF, Reason};
use crate::account::summary::{StreamEnd, Summary};

const FOLDED: &str = "more processes than are counted one by one: some are in the sums only";

impl Receiver {
    /// Returns the numbers so far, without the list of the processes and without reasons.
    ///
    /// `end` is the end that the reader has found; if it is `None`, the end is clean if all processes have closed, and
    /// eof otherwise.
    pub(crate) fn figures(&self, end: Option<StreamEnd>) -> Summary {
        let by_accounts = match self.accounts.is_closed() {
            true => StreamEnd::Clean,
            false => StreamEnd::Eof,
        };
        let mut summary = Summary {
            received: 0,
            dropped: 0,
            dropped_by_level: Levels::default(),
            missing: 0,
            in_flight: 0,
            held_back: 0,
            unclosed: 0,
            malformed: self.malformed,
            unknown: self.unknown,
            incomplete: self.reassembler.open() as u64,
            evicted: self.reassembler.evicted(),
            logger_panics: self.logger_panics,
            suppressed: 0,
            suppressed_by_level: Levels::default(),
            #[cfg(feature = "capture")]
            captured: Vec::new(),
            newer_version: self.newer_version,
            reasons: Vec::new(),
            processes: Vec::new(),
            folded_processes: 0,
            end: end.unwrap_or(by_accounts),
            exit_status: None,
        };
        self.accounts.report(&mut summary);
        summary
    }

    /// Adds the list of the processes and the reasons. `codec_error` is the error after which no more frames could be
    /// found.
    pub(crate) fn complete(&self, summary: &mut Summary, codec_error: Option<&CodecError>) {
        self.accounts.list(summary);
        let mut reasons = self.reasons.clone();
        if let Some(error) = codec_error {
            reasons.note_first(Reason::Other(error.to_string()));
        }
        if self.accounts.any_folded() {
            reasons.note_first(Reason::Fixed(FOLDED));
        }
        summary.reasons = reasons.to_texts();
        // Without any payload the child has not adopted the pipe. Then it has not read its filter either, and the
        // filter is not the reason.
        let is_silent =
            self.has_received && summary.received == 0 && summary.end != StreamEnd::Open;
        if self.filter_is_off && is_silent {
            summary.reasons.insert(0, FILTER_OFF.to_owned());
        }
    }

    /// Returns the number of processes that are counted one by one.
    pub(crate) fn processes(&self) -> usize {
        self.accounts.count()
    }

    /// Returns the drops that were reported so far: all, and those whose level is known.
    pub(crate) fn drops(&self) -> (u64, Levels) {
        let figures = self.figures(None);
        (figures.dropped, figures.dropped_by_level)
    }
}
