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

/// Takes in the payloads of one stream: stores, decodes and counts each, and shows the records.
///
/// A record that is whole in its frame borrows from it, and nothing is allocated for it.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    tee: Tee,
    reassembler: Reassembler,
    accounts: Accounts,
    /// A child was given the pipe for this stream.
    of_child: bool,
    /// It was told to log nothing.
    filter_is_off: bool,
    /// Anything came, of whatever kind.
    heard: bool,
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

    pub(crate) fn set_of_child(&mut self) {
        self.of_child = true;
    }

    pub(crate) fn set_filter_off(&mut self) {
        self.filter_is_off = true;
    }

    pub(crate) fn set_tee(&mut self, tee: Tee) {
        self.tee = tee;
    }

    /// Shows the record in this payload, or the one that it makes whole.
    #[inline]
    pub(crate) fn take(&mut self, payload: &[u8], show: impl FnOnce(&mut LogRecord<'_>)) {
        self.heard = true;
        self.tee.store(payload, &mut self.reasons);
        // A record is large: it stays where it was decoded.
        let mut decoded = Payload::decode(payload);
        match &mut decoded {
            Ok(Payload::Record(record)) => {
                self.accounts.record(record);
                show(record);
            }
            Ok(Payload::Fragment(fragment)) => self.join(fragment, show),
            _ => self.take_other(decoded),
        }
    }

    fn take_other(&mut self, decoded: Result<Payload<'_>, PayloadError>) {
        match decoded {
            Ok(Payload::Hello(hello)) => {
                self.check_version(hello.version);
                self.accounts.hello(&hello);
            }
            Ok(Payload::Dropped(dropped)) => self.accounts.dropped(&dropped),
            Ok(Payload::Close(close)) => self.accounts.close(&close),
            // Kinds that record-proto learns later are unknown here all the same.
            Ok(_) => self.unknown += 1,
            Err(error) => self.reject(error),
        }
    }

    pub(crate) fn logger_panicked(&mut self) {
        self.logger_panics += 1;
    }

    /// There are no more payloads: whatever stores them has done its work. `is_whole`: the stream has ended by itself. Then a
    /// child that wrote nothing, not even what it is, has not found its pipe; one that wrote something that cannot be
    /// understood has.
    pub(crate) fn end(&mut self, is_whole: bool) {
        self.tee.end(&mut self.reasons);
        if is_whole && self.of_child && !self.heard {
            self.reasons.note(NOT_ADOPTED);
        }
    }

    /// The figures so far. `end` is what the reader saw; where that is nothing special, the accounts tell clean from
    /// eof. `broken` is what put the stream out of step.
    pub(crate) fn summary(&self, end: Option<StreamEnd>, broken: Option<&CodecError>) -> Summary {
        let mut reasons = self.reasons.clone();
        if let Some(broken) = broken {
            reasons.note_first(broken);
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
        // A child that has not adopted the pipe has not read its filter either.
        let says_nothing = self.heard && summary.received == 0 && summary.end != StreamEnd::Open;
        if self.filter_is_off && says_nothing {
            summary.reasons.insert(0, FILTER_OFF.to_owned());
        }
        summary
    }

    fn join(&mut self, fragment: &Fragment<'_>, show: impl FnOnce(&mut LogRecord<'_>)) {
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
                show(&mut record);
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
            // One record that was given up has many pieces, and it is counted already.
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
