//! `Receiver`: writes each payload of a stream to the tee, decodes it, counts it, and passes its record on.

use record_proto::{
    DEFAULT_VALUE_LIMIT, Fragment, LogRecord, Payload, PayloadError, Progress, Reassembler,
    RecordDecoder, RecordView, Rejected, VERSION,
};

use super::accounts::Accounts;
use super::reasons::{NOT_ADOPTED, Reason, Reasons};
use super::tee::Tee;

mod figures;
#[cfg(feature = "frames")]
mod whole_frames;

const EVICTED: &str =
    "unfinished records in fragments exceeded the join limit: the oldest were given up";

/// Decodes and counts the payloads of one stream, writes them to the tee, and passes the records on.
///
/// A plain record borrows from the read buffer and from parts of earlier records, which the decoder keeps.
#[derive(Debug)]
pub(crate) struct Receiver {
    tee: Tee,
    decoder: RecordDecoder,
    reassembler: Reassembler,
    value_limit: usize,
    accounts: Accounts,
    /// Whether the stream is the pipe of a child that this crate has spawned.
    is_child_pipe: bool,
    /// Whether that child's filter is off.
    filter_is_off: bool,
    /// Whether any payload was received, of whatever kind.
    has_received: bool,
    /// Whether a process has reported drops since [`take_new_drops`](Self::take_new_drops).
    has_new_drops: bool,
    malformed: u64,
    /// Whether a record in fragments was too long. Its later fragments are then not counted as malformed.
    has_given_up: bool,
    unknown: u64,
    logger_panics: u64,
    newer_version: Option<u64>,
    reasons: Reasons,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        Self {
            tee: Tee::default(),
            decoder: RecordDecoder::new(),
            reassembler: Reassembler::new(),
            value_limit: DEFAULT_VALUE_LIMIT,
            accounts: Accounts::default(),
            is_child_pipe: false,
            filter_is_off: false,
            has_received: false,
            has_new_drops: false,
            malformed: 0,
            has_given_up: false,
            unknown: 0,
            logger_panics: 0,
            newer_version: None,
            reasons: Reasons::default(),
        }
    }

    pub(crate) fn set_reassembly_limit(&mut self, bytes: usize) {
        self.reassembler = std::mem::take(&mut self.reassembler).with_limit(bytes);
    }

    pub(crate) fn set_record_limit(&mut self, bytes: usize) {
        self.reassembler = std::mem::take(&mut self.reassembler).with_record_limit(bytes);
    }

    pub(crate) fn set_value_limit(&mut self, values: usize) {
        self.value_limit = values;
    }

    pub(crate) fn set_child_pipe(&mut self) {
        self.is_child_pipe = true;
    }

    pub(crate) fn note_no_buffer(&mut self, error: &std::io::Error) {
        let text = format!("there is no shared buffer, only the pipe: {error}");
        self.reasons.note(Reason::Other(text));
    }

    pub(crate) fn set_filter_off(&mut self) {
        self.filter_is_off = true;
    }

    pub(crate) fn set_tee(&mut self, tee: Tee) {
        self.tee = tee;
    }

    /// Receives a payload, and calls `on_record` if it is a record or the last missing fragment of one. Returns the
    /// number of bytes that were decoded: those of the payload and of the record that it completes.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        payload: &[u8],
        mut on_record: impl FnMut(&RecordView<'_>),
    ) -> usize {
        self.has_received = true;
        let Some(mut record) = self.decoder.decode(payload) else {
            return self.receive_unusual(payload, &mut on_record);
        };
        self.tee.write_frame(payload, &mut self.reasons);
        self.accounts.record(&mut record);
        on_record(&record);
        payload.len()
    }

    /// Receives a payload that is not a plain record.
    #[inline(never)]
    fn receive_unusual(
        &mut self,
        payload: &[u8],
        on_record: &mut dyn FnMut(&RecordView<'_>),
    ) -> usize {
        match self.decode_unusual(payload) {
            Some(Ok(Payload::Record(record))) => self.pass_on(&record, on_record),
            Some(Ok(Payload::Fragment(fragment))) => {
                return payload.len() + self.join_fragment(&fragment, on_record);
            }
            Some(other) => self.receive_other(other),
            None => {}
        }
        payload.len()
    }

    /// Decodes a payload that is not a plain record, and stores it. Returns `None` for a bell, which only wakes the
    /// reader: it is neither counted nor stored.
    fn decode_unusual<'a>(
        &mut self,
        payload: &'a [u8],
    ) -> Option<Result<Payload<'a>, PayloadError>> {
        let decoded = match self.decoder.take_error() {
            Some(error) => Err(error),
            None => Payload::decode_with_limit(payload, self.value_limit),
        };
        if let Ok(Payload::Bell) = decoded {
            return None;
        }
        self.tee.write_frame(payload, &mut self.reasons);
        Some(decoded)
    }

    /// Counts a record and passes it on.
    fn pass_on(&mut self, record: &LogRecord<'_>, on_record: &mut dyn FnMut(&RecordView<'_>)) {
        record.with_view(|record| {
            let mut record = record;
            self.accounts.record(&mut record);
            on_record(&record);
        });
    }

    fn receive_other(&mut self, decoded: Result<Payload<'_>, PayloadError>) {
        match decoded {
            Ok(Payload::Hello(hello)) => {
                self.check_version(hello.version);
                self.accounts.hello(&hello);
            }
            Ok(Payload::Dropped(dropped)) => {
                self.has_new_drops = true;
                self.accounts.dropped(&dropped);
            }
            Ok(Payload::Close(close)) => {
                self.has_new_drops |= close.dropped > 0;
                self.accounts.close(&close);
            }
            // `Payload` is non-exhaustive: kinds that a later record-proto decodes are unknown to this crate.
            Ok(_) => self.unknown += 1,
            Err(error) => self.reject(error),
        }
    }

    /// Receives a record that was made from captured lines: stores it and passes it on. It belongs to no account.
    /// Returns the number of bytes of its message.
    #[cfg(feature = "capture")]
    pub(crate) fn receive_captured(
        &mut self,
        record: &LogRecord<'_>,
        on_record: impl FnOnce(&RecordView<'_>),
    ) -> usize {
        self.tee.write_record(record, &mut self.reasons);
        record.with_view(|record| on_record(&record));
        record.message.len()
    }

    /// Stores a frame that did not come through the pipe.
    #[cfg(feature = "capture")]
    pub(crate) fn store(&mut self, payload: &impl record_proto::Encode) {
        self.tee.write_encoded(payload, &mut self.reasons);
    }

    pub(crate) fn logger_panicked(&mut self) {
        self.logger_panics += 1;
    }

    /// Returns whether a process has reported drops since the last call.
    #[inline]
    pub(crate) fn take_new_drops(&mut self) -> bool {
        std::mem::take(&mut self.has_new_drops)
    }

    /// Ends receiving; may be called more than once. `is_whole` says that the stream ended without an error and was
    /// read to its end.
    ///
    /// If nothing at all came over the pipe of a child by then, the child did not adopt the pipe: a child that does
    /// sends at least a hello. A payload that cannot be decoded shows that the pipe was adopted too.
    pub(crate) fn end(&mut self, is_whole: bool) {
        self.tee.finish(&mut self.reasons);
        if is_whole && self.is_child_pipe && !self.has_received {
            self.reasons.note(Reason::Fixed(NOT_ADOPTED));
        }
    }

    /// Adds a fragment. Returns the length of the payload that it completes, or 0.
    fn join_fragment(
        &mut self,
        fragment: &Fragment<'_>,
        on_record: &mut dyn FnMut(&RecordView<'_>),
    ) -> usize {
        let Some(payload) = self.join(fragment) else {
            return 0;
        };
        match LogRecord::decode_with_limit(&payload, self.value_limit) {
            Ok(record) => self.pass_on(&record, on_record),
            Err(error) => self.reject(error),
        }
        let length = payload.len();
        self.reassembler.reuse(payload);
        length
    }

    /// Adds a fragment. Returns the payload that it completes.
    fn join(&mut self, fragment: &Fragment<'_>) -> Option<Vec<u8>> {
        let evicted = self.reassembler.evicted();
        let progress = self.reassembler.push(fragment);
        if self.reassembler.evicted() > evicted {
            self.reasons.note(Reason::Fixed(EVICTED));
        }
        match progress {
            Progress::Complete(payload) => return Some(payload),
            Progress::Rejected(rejected) => self.reject_fragment(rejected),
            _ => {}
        }
        None
    }

    fn reject(&mut self, error: PayloadError) {
        self.malformed += 1;
        self.reasons.note(Reason::Payload(error));
    }

    fn reject_fragment(&mut self, rejected: Rejected) {
        match rejected {
            // This is probably a later fragment of a record that was given up, which was counted then.
            Rejected::NoStart if self.has_given_up || self.reassembler.evicted() > 0 => return,
            Rejected::TooLong { .. } => {
                self.malformed += 1;
                self.has_given_up = true;
            }
            _ => self.malformed += 1,
        }
        self.reasons.note(Reason::Fragment(rejected));
    }

    fn check_version(&mut self, version: u64) {
        if version > VERSION {
            self.newer_version = self.newer_version.max(Some(version));
            self.reasons.note(Reason::Version(version));
        }
    }
}
