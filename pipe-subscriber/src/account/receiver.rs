//! Receives each payload of a stream: writes it to the tee, decodes it, counts it, and passes its record on.

use record_proto::{
    CodecError, Fragment, Levels, LogRecord, Payload, PayloadError, Progress, Reassembler,
    Rejected, VERSION,
};

use super::accounts::Accounts;
use super::reasons::{FILTER_OFF, NOT_ADOPTED, Reasons};
use super::summary::{StreamEnd, Summary};
use super::tee::Tee;

const EVICTED: &str =
    "unfinished records in fragments exceeded the join limit: the oldest were given up";

const FOLDED: &str = "more processes than are counted one by one: some are in the sums only";

/// Decodes and counts the payloads of one stream, writes them to the tee, and passes the records on.
///
/// A record that came in one frame borrows from the read buffer, and nothing is allocated for it.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    tee: Tee,
    reassembler: Reassembler,
    accounts: Accounts,
    /// Whether the stream is the pipe of a child that this crate has spawned.
    is_child_pipe: bool,
    /// Whether that child's filter is off.
    filter_is_off: bool,
    /// Whether any payload was received, of whatever kind.
    has_received: bool,
    malformed: u64,
    unknown: u64,
    logger_panics: u64,
    newer_version: Option<u64>,
    reasons: Reasons,
}

impl Receiver {
    pub(crate) fn set_reassembly_limit(&mut self, bytes: usize) {
        self.reassembler = std::mem::take(&mut self.reassembler).with_limit(bytes);
    }

    pub(crate) fn set_child_pipe(&mut self) {
        self.is_child_pipe = true;
    }

    pub(crate) fn set_filter_off(&mut self) {
        self.filter_is_off = true;
    }

    pub(crate) fn set_tee(&mut self, tee: Tee) {
        self.tee = tee;
    }

    /// Receives a payload, and calls `on_record` if it is a record or the last missing fragment of one.
    #[inline]
    pub(crate) fn receive(&mut self, payload: &[u8], on_record: impl FnOnce(&mut LogRecord<'_>)) {
        self.has_received = true;
        // The match borrows the record instead of moving it out, because a record is large and a move copies it.
        let mut decoded = Payload::decode(payload);
        if let Ok(Payload::Bell) = decoded {
            // It has woken the reader, and that is all that it is for.
            return;
        }
        self.tee.write_frame(payload, &mut self.reasons);
        match &mut decoded {
            Ok(Payload::Record(record)) => {
                self.accounts.record(record);
                on_record(record);
            }
            Ok(Payload::Fragment(fragment)) => self.join_fragment(fragment, on_record),
            _ => self.receive_other(decoded),
        }
    }

    fn receive_other(&mut self, decoded: Result<Payload<'_>, PayloadError>) {
        match decoded {
            Ok(Payload::Hello(hello)) => {
                self.check_version(hello.version);
                self.accounts.hello(&hello);
            }
            Ok(Payload::Dropped(dropped)) => self.accounts.dropped(&dropped),
            Ok(Payload::Close(close)) => self.accounts.close(&close),
            // `Payload` is non-exhaustive: kinds that a later record-proto decodes are unknown to this crate.
            Ok(_) => self.unknown += 1,
            Err(error) => self.reject(error),
        }
    }

    pub(crate) fn logger_panicked(&mut self) {
        self.logger_panics += 1;
    }

    /// Ends receiving; may be called more than once. `is_whole` says that the stream ended without an error and was
    /// read to its end.
    ///
    /// If nothing at all came over the pipe of a child by then, the child did not adopt the pipe: a child that does
    /// sends at least a hello. A payload that cannot be decoded shows that the pipe was adopted too.
    pub(crate) fn end(&mut self, is_whole: bool) {
        self.tee.finish(&mut self.reasons);
        if is_whole && self.is_child_pipe && !self.has_received {
            self.reasons.note(NOT_ADOPTED);
        }
    }

    /// Returns the figures so far.
    ///
    /// `end` is the end that the reader has found; if it is `None`, the end is clean if all processes have closed, and
    /// eof otherwise. `codec_error` is the error after which no more frames could be found.
    pub(crate) fn summary(
        &self,
        end: Option<StreamEnd>,
        codec_error: Option<&CodecError>,
    ) -> Summary {
        let mut reasons = self.reasons.clone();
        if let Some(error) = codec_error {
            reasons.note_first(error);
        }
        if self.accounts.folded() > 0 {
            reasons.note_first(FOLDED);
        }
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
            newer_version: self.newer_version,
            reasons: reasons.into_texts(),
            processes: Vec::new(),
            folded_processes: 0,
            end: end.unwrap_or(by_accounts),
            exit_status: None,
        };
        self.accounts.report(&mut summary);
        // Without any payload the child has not adopted the pipe. Then it has not read its filter either, and the
        // filter is not the reason.
        let is_silent =
            self.has_received && summary.received == 0 && summary.end != StreamEnd::Open;
        if self.filter_is_off && is_silent {
            summary.reasons.insert(0, FILTER_OFF.to_owned());
        }
        summary
    }

    fn join_fragment(
        &mut self,
        fragment: &Fragment<'_>,
        on_record: impl FnOnce(&mut LogRecord<'_>),
    ) {
        let evicted = self.reassembler.evicted();
        let payload = match self.reassembler.push(fragment) {
            Progress::Complete(payload) => payload,
            Progress::Rejected(rejected) => return self.reject_fragment(rejected),
            _ => {
                if self.reassembler.evicted() > evicted {
                    self.reasons.note(EVICTED);
                }
                return;
            }
        };
        match LogRecord::decode(&payload) {
            Ok(mut record) => {
                self.accounts.record(&mut record);
                on_record(&mut record);
            }
            Err(error) => self.reject(error),
        }
        self.reassembler.reuse(payload);
    }

    fn reject(&mut self, error: PayloadError) {
        self.malformed += 1;
        self.reasons.note(error);
    }

    fn reject_fragment(&mut self, rejected: Rejected) {
        match rejected {
            // Probably a later fragment of a record that was given up. That record has been counted as evicted.
            Rejected::NoStart if self.reassembler.evicted() > 0 => return,
            Rejected::TooLong { .. } => {}
            _ => self.malformed += 1,
        }
        self.reasons.note(rejected);
    }

    fn check_version(&mut self, version: u64) {
        if version > VERSION {
            self.newer_version = self.newer_version.max(Some(version));
            self.reasons.note(format_args!(
                "a process writes version {version} of the wire format; this reader knows {VERSION}"
            ));
        }
    }
}
