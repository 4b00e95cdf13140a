//! `Account`: the counts and the end of one child, in the form in which they are stored.

use nats_relay::RelayStart;
use record_proto::{LogRecord, Payload};
use serde::{Deserialize, Serialize};

use super::{
    ordinals::Ordinals,
    process::{Process, ProcessKey, is_false, is_zero},
    sums::Sums,
};

/// How many processes of a child have an account of their own. If there are more, those that have ended, else those that
/// began first, are added up and forgotten.
const MAX_PROCESSES: usize = 256;

/// Tells the children of a host apart: a run of a relay, and the pid of its child.
pub(crate) type ChildKey = (RelayStart, u32);

/// The account of one child: which of its frames were dispatched, and the counts of its processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) relay: RelayStart,
    pub(crate) child: u32,
    pub(crate) label: String,
    /// The ordinals of the frames that were dispatched, or given up as lost.
    pub(crate) dispatched: Ordinals,
    /// Whether the child was known from its beginning.
    #[serde(default, skip_serializing_if = "is_false")]
    partial: bool,
    /// Whether its relay sends control messages that this collector reads.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) has_control: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<End>,
    /// The stream sequence of its last message.
    pub(crate) last_message: u64,
    processes: Vec<Process>,
    /// The counts of the frames of the child, and of processes that were forgotten.
    #[serde(default)]
    folded: Sums,
    #[serde(default, skip_serializing_if = "is_zero")]
    forgotten: u64,
    /// The process that was used last: most frames are of the same one as the frame before.
    #[serde(skip)]
    current: usize,
}

/// How a child ended, as far as the collector knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    /// The relay has reported the end.
    Reported,
    /// The relay has been silent for too long, or another one was started in its place. If something comes from it after
    /// all, it has not ended.
    Unknown,
}

/// What the collector adds to a record.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Marks {
    pub(crate) late: bool,
    pub(crate) redelivered: bool,
}

impl Account {
    /// Opens an account. `first` is the ordinal of the first frame that this collector has got.
    pub(crate) fn new(key: ChildKey, label: &str, first: u64) -> Self {
        Self {
            relay: key.0,
            child: key.1,
            label: label.to_owned(),
            dispatched: Ordinals::starting_at(first),
            partial: first > 0,
            has_control: false,
            end: None,
            last_message: 0,
            processes: Vec::new(),
            folded: Sums::default(),
            forgotten: 0,
            current: 0,
        }
    }

    /// Counts a frame that is dispatched now. Returns its record, if it is one.
    pub(crate) fn frame<'p>(
        &mut self,
        ordinal: u64,
        payload: &'p [u8],
        marks: Marks,
    ) -> Option<LogRecord<'p>> {
        let skipped = ordinal.saturating_sub(self.dispatched.next());
        self.folded.lost_frames += skipped;
        let fills_hole = ordinal < self.dispatched.next();
        if self.dispatched.insert(ordinal) && fills_hole {
            self.folded.lost_frames = self.folded.lost_frames.saturating_sub(1);
        }
        match Payload::decode(payload) {
            Ok(Payload::Record(record)) => return Some(self.record(record, marks)),
            Ok(Payload::Hello(hello)) => {
                let key = ProcessKey {
                    pid: hello.pid,
                    instance: hello.instance,
                };
                // Only the hello tells two processes of one pid apart if they send no instance.
                if key.pid.is_some() && key.instance.is_none() && self.process(key).has_begun() {
                    let old = self.processes.remove(self.current);
                    self.fold(&old);
                }
                self.process(key).hello(&hello);
            }
            Ok(Payload::Dropped(dropped)) => {
                let key = ProcessKey {
                    pid: dropped.pid,
                    instance: dropped.instance,
                };
                self.process(key).dropped(&dropped.counts);
            }
            Ok(Payload::Close(close)) => {
                let key = ProcessKey {
                    pid: close.pid,
                    instance: close.instance,
                };
                self.process(key).close(&close);
            }
            Ok(Payload::Bell) => {}
            // A relay joins fragments, so none may come.
            Ok(_) | Err(_) => self.folded.malformed += 1,
        }
        None
    }

    fn record<'p>(&mut self, mut record: LogRecord<'p>, marks: Marks) -> LogRecord<'p> {
        self.folded.late += u64::from(marks.late);
        self.folded.redelivered += u64::from(marks.redelivered);
        let process = self.process(ProcessKey {
            pid: record.pid,
            instance: record.instance,
        });
        process.record(record.seq);
        match &record.process {
            Some(name) => process.set_name(Some(name)),
            None => record.process = process.name.clone().map(Into::into),
        }
        record
    }

    /// Counts frames that are missing in the body of their batch.
    pub(crate) fn malformed(&mut self, frames: u64) {
        self.folded.malformed += frames;
    }

    pub(crate) fn duplicate(&mut self) {
        self.folded.duplicates += 1;
    }

    /// Notes the end that the relay has reported. `last` is the ordinal of its last frame: those that have not come by now
    /// are lost.
    pub(crate) fn report_end(&mut self, last: Option<u64>) {
        self.end = Some(End::Reported);
        self.folded.lost_frames += self
            .dispatched
            .skip_to(last.map_or(0, |last| last.saturating_add(1)));
    }

    /// Returns the processes that have not sent a close frame.
    pub(crate) fn unclosed(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(|process| !process.is_closed())
    }

    pub(crate) fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// Returns the counts, with each process counted by how it ended.
    pub(crate) fn sums(&self) -> Sums {
        let mut sums = self.folded.clone();
        for process in &self.processes {
            sums.add(&self.sums_of(process));
        }
        sums
    }

    /// Adds up the processes of which this number began first and forgets them: closed ones before the others.
    pub(crate) fn forget_processes(&mut self, number: usize) {
        for _ in 0..number.min(self.processes.len()) {
            let closed = self.processes.iter().position(Process::is_closed);
            let old = self.processes.remove(closed.unwrap_or(0));
            self.fold(&old);
        }
    }

    /// Returns the counts of a process, and which end it has.
    fn sums_of(&self, process: &Process) -> Sums {
        let mut sums = process.sums();
        match self.end {
            _ if process.is_closed() => sums.clean = 1,
            Some(End::Reported) => sums.unclosed = 1,
            Some(End::Unknown) => sums.cut_off = 1,
            None => sums.open = 1,
        }
        sums
    }

    fn fold(&mut self, process: &Process) {
        let mut sums = process.sums();
        // Another process has taken its pid, or its place: it has ended.
        sums.clean = u64::from(process.is_closed());
        sums.unclosed = u64::from(!process.is_closed());
        self.folded.add(&sums);
        self.forgotten += 1;
        self.current = 0;
    }

    /// Returns the account of a process, and makes it the current one.
    fn process(&mut self, key: ProcessKey) -> &mut Process {
        let is_current = self
            .processes
            .get(self.current)
            .is_some_and(|process| process.key == key);
        if !is_current {
            self.current = match self.processes.iter().position(|process| process.key == key) {
                Some(index) => index,
                None => self.open(key),
            };
        }
        &mut self.processes[self.current]
    }

    fn open(&mut self, key: ProcessKey) -> usize {
        if self.processes.len() == MAX_PROCESSES {
            self.forget_processes(MAX_PROCESSES / 8);
        }
        // If some were forgotten, this may be one of them.
        let partial = self.partial || self.forgotten > 0;
        self.processes.push(Process::new(key, partial));
        self.processes.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use record_proto::{Close, Encode, Hello};

    use super::*;

    fn account(first: u64) -> Account {
        Account::new(("00000000000000ff".parse().unwrap(), 17), "w", first)
    }

    fn record(pid: u64, seq: u64) -> Vec<u8> {
        let mut record = LogRecord::new(log::Level::Info, "t", "m");
        (record.pid, record.seq) = (Some(pid), seq);
        encoded(&record)
    }

    fn hello(pid: u64) -> Vec<u8> {
        let mut hello = Hello::new();
        (hello.pid, hello.process) = (Some(pid), Some("name".into()));
        encoded(&hello)
    }

    fn close(pid: u64, sent: u64) -> Vec<u8> {
        let mut close = Close::new();
        (close.pid, close.sent) = (Some(pid), sent);
        encoded(&close)
    }

    fn encoded(payload: &impl Encode) -> Vec<u8> {
        let mut bytes = Vec::new();
        payload.encode(&mut bytes);
        bytes
    }

    #[test]
    fn frames_are_counted_by_process_and_a_record_gets_the_name() {
        let mut account = account(0);
        let frames = [
            hello(1),
            record(1, 1),
            record(2, 1),
            record(1, 3),
            close(1, 3),
        ];
        for (ordinal, frame) in (0..).zip(&frames) {
            let record = account.frame(ordinal, frame, Marks::default());
            if ordinal == 1 {
                assert_eq!(record.unwrap().process.as_deref(), Some("name"));
            }
        }
        account.report_end(Some(4));
        let sums = account.sums();
        assert_eq!(
            (
                sums.received,
                sums.missing,
                sums.clean,
                sums.unclosed,
                sums.lost_frames
            ),
            (3, 1, 1, 1, 0)
        );
        assert_eq!(account.unclosed().next().unwrap().last, 1);
    }

    #[test]
    fn frames_that_do_not_come_are_lost_until_they_do() {
        let mut account = account(0);
        account.frame(0, &record(1, 1), Marks::default());
        account.frame(3, &record(1, 4), Marks::default());
        assert_eq!((account.sums().lost_frames, account.sums().missing), (2, 2));
        account.frame(
            1,
            &record(1, 2),
            Marks {
                late: true,
                redelivered: false,
            },
        );
        let sums = account.sums();
        assert_eq!((sums.lost_frames, sums.missing, sums.late), (1, 1, 1));
        account.report_end(Some(5));
        assert_eq!(account.sums().lost_frames, 3);
    }

    #[test]
    fn the_same_pid_again_is_another_process() {
        let mut account = account(0);
        for (ordinal, frame) in (0..).zip([hello(1), record(1, 1), hello(1), record(1, 1)]) {
            account.frame(ordinal, &frame, Marks::default());
        }
        let sums = account.sums();
        assert_eq!(
            (sums.received, sums.missing, sums.unclosed, sums.open),
            (2, 0, 1, 1)
        );
    }

    #[test]
    fn the_number_of_processes_is_bounded_and_their_counts_stay() {
        let mut account = account(0);
        for pid in 0..10_000 {
            account.frame(pid, &record(pid, 1), Marks::default());
        }
        assert!(account.processes.len() <= MAX_PROCESSES);
        assert_eq!(account.sums().received, 10_000);
    }

    #[test]
    fn an_unknown_end_is_taken_back() {
        let mut account = account(7);
        account.frame(7, &record(1, 8), Marks::default());
        account.end = Some(End::Unknown);
        assert_eq!((account.sums().cut_off, account.sums().lost_frames), (1, 0));
        account.end = None;
        assert_eq!((account.sums().cut_off, account.sums().open), (0, 1));
    }

    #[test]
    fn it_is_the_same_after_it_was_stored() {
        let mut account = account(0);
        for (ordinal, frame) in [(0, hello(1)), (1, record(1, 1)), (5, record(1, 5))] {
            account.frame(ordinal, &frame, Marks::default());
        }
        let text = serde_json::to_string(&account).unwrap();
        let mut read: Account = serde_json::from_str(&text).unwrap();
        assert_eq!(read.sums(), account.sums());
        read.frame(6, &close(1, 5), Marks::default());
        assert_eq!((read.sums().missing, read.sums().clean), (3, 1));
    }
}
