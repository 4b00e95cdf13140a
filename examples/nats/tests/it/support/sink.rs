//! What a collector has printed: which record arrived how often.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read},
    ops::RangeInclusive,
    sync::Arc,
    thread,
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::watch, time::timeout};

/// If nothing arrives for so long, nothing will. Servers that are back are used again after 20 s.
const SILENCE: Duration = Duration::from_secs(60);

/// The lines of all collectors of a test. It survives them, as a file would.
#[derive(Clone)]
pub(crate) struct Sink(Arc<watch::Sender<Received>>);

#[derive(Default)]
pub(crate) struct Received {
    /// How many lines were records.
    pub(crate) records: u64,
    /// How many of them were marked as redelivered.
    pub(crate) redelivered: u64,
    loads: HashMap<String, Load>,
    /// The processes that a collector has reported as ended without a close frame.
    pub(crate) ends: Vec<End>,
    /// What it has printed at its end: the accounts of all hosts.
    pub(crate) summary: Value,
    /// What else it reported.
    pub(crate) notices: Vec<String>,
}

/// A process that ended without a close frame.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct End {
    pub(crate) label: String,
    pub(crate) relay: String,
    pub(crate) after_seq: u64,
    pub(crate) how: String,
    pub(crate) why: String,
}

/// A line that is no record.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Report {
    End(End),
    Notice(String),
    Summary(Value),
}

/// The records of one load.
#[derive(Default)]
struct Load {
    times: Vec<Times>,
    distinct: u64,
}

/// How often a record arrived.
#[derive(Clone, Copy, Default)]
struct Times {
    marked: u32,
    unmarked: u32,
}

/// What is wrong with the records of one load.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    /// More than once, and not marked as redelivered.
    pub(crate) duplicated: u64,
    /// Above those that were logged.
    pub(crate) unknown: u64,
}

impl Sink {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Received::default())))
    }

    /// Reads what a collector prints, on a thread of its own.
    pub(crate) fn read(&self, output: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        let sink = self.0.clone();
        thread::spawn(move || {
            let mut output = BufReader::with_capacity(1 << 16, output);
            let mut line = Vec::new();
            // A collector that is killed may leave half a line, which is the end of its output.
            while output
                .read_until(b'\n', &mut line)
                .is_ok_and(|length| length > 0)
            {
                if line.ends_with(b"\n") {
                    sink.send_modify(|received| received.line(&line));
                }
                line.clear();
            }
        })
    }

    /// Waits until a condition holds. Panics if it does not and nothing arrives any more: a record is lost.
    pub(crate) async fn wait_for(&self, condition: impl FnMut(&Received) -> bool) {
        if !self.comes(condition).await {
            let shown = self.look(Received::shown);
            panic!("nothing has arrived for {SILENCE:?}, and the test waits for more: {shown}");
        }
    }

    /// Waits until a condition holds, or nothing arrives any more. Returns whether it holds.
    async fn comes(&self, mut condition: impl FnMut(&Received) -> bool) -> bool {
        let mut receiver = self.0.subscribe();
        loop {
            if condition(&receiver.borrow_and_update()) {
                return true;
            }
            if timeout(SILENCE, receiver.changed()).await.is_err() {
                return false;
            }
        }
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Received) -> T) -> T {
        look(&self.0.borrow())
    }

    /// Waits until all records of a load are there, however often. Panics if nothing arrives any more before.
    pub(crate) async fn complete(&self, tag: &str, logged: u64) {
        if !self
            .comes(|received| received.distinct(tag) >= logged)
            .await
        {
            let (faults, gaps) =
                self.look(|received| (received.faults(tag, logged), received.gaps(tag)));
            let shown = self.look(Received::shown);
            panic!(
                "{tag}: {faults:?}, gaps {gaps:?}, and nothing has arrived for {SILENCE:?}: {shown}"
            );
        }
    }
}

impl Received {
    /// What a test that fails shows.
    fn shown(&self) -> String {
        let mut loads: Vec<_> = self
            .loads
            .iter()
            .map(|(tag, load)| (tag, load.distinct))
            .collect();
        loads.sort();
        format!(
            "received {loads:?}, ends {:?}, notices {:?}",
            self.ends, self.notices
        )
    }

    fn line(&mut self, line: &[u8]) {
        #[derive(Deserialize)]
        struct Record<'a> {
            #[serde(borrow)]
            message: Option<&'a str>,
            #[serde(default)]
            redelivered: bool,
        }
        let shown = || String::from_utf8_lossy(line).into_owned();
        let record: Record<'_> =
            serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {}", shown()));
        let Some(message) = record.message else {
            return match serde_json::from_slice(line)
                .unwrap_or_else(|error| panic!("{error}: {}", shown()))
            {
                Report::End(end) => self.ends.push(end),
                Report::Notice(text) => self.notices.push(text),
                Report::Summary(summary) => self.summary = summary,
            };
        };
        let (tag, number) = message.split_once(' ').expect("a message of a load");
        let number: usize = number
            .split(' ')
            .next()
            .and_then(|number| number.parse().ok())
            .expect("a number");
        self.records += 1;
        let load = match self.loads.get_mut(tag) {
            Some(load) => load,
            None => self.loads.entry(tag.to_owned()).or_default(),
        };
        if load.times.len() <= number {
            load.times.resize(number + 1, Times::default());
        }
        let times = &mut load.times[number];
        load.distinct += u64::from(!times.any());
        match record.redelivered {
            true => times.marked += 1,
            false => times.unmarked += 1,
        }
        self.redelivered += u64::from(record.redelivered);
    }

    fn times(&self, tag: &str) -> &[Times] {
        self.loads.get(tag).map_or(&[], |load| &load.times)
    }

    /// How many records of a load are there, each counted once.
    pub(crate) fn distinct(&self, tag: &str) -> u64 {
        self.loads.get(tag).map_or(0, |load| load.distinct)
    }

    /// Compares with what a load logged.
    pub(crate) fn faults(&self, tag: &str, logged: u64) -> Faults {
        let times = self.times(tag);
        let known = &times[..times.len().min(logged as usize)];
        let absent = logged - known.len() as u64;
        Faults {
            lost: absent + known.iter().filter(|times| !times.any()).count() as u64,
            duplicated: self.duplicated(tag),
            unknown: (times.len() - known.len()) as u64,
        }
    }

    /// How many records of a load arrived more than once and were not marked.
    pub(crate) fn duplicated(&self, tag: &str) -> u64 {
        self.times(tag)
            .iter()
            .filter(|times| times.unmarked > 1)
            .count() as u64
    }

    /// Asserts that the accounts of the last collector are those of so many records of so many processes, which have all
    /// ended in good order: nothing is missing, and nothing is counted twice.
    pub(crate) fn accounts(&self, records: u64, processes: u64) {
        let sums = &self.summary["all"];
        for (name, figure) in [("received", records), ("clean", processes)] {
            assert_eq!(sums[name], figure, "{name} in {}", self.summary);
        }
        for name in [
            "dropped",
            "missing",
            "lost_frames",
            "malformed",
            "unclosed",
            "cut_off",
            "open",
        ] {
            assert_eq!(sums[name], 0, "{name} in {}", self.summary);
        }
        assert!(self.ends.is_empty(), "{:?}", self.ends);
    }

    /// The ranges of records of a load that did not arrive, below the last one that did.
    pub(crate) fn gaps(&self, tag: &str) -> Vec<RangeInclusive<usize>> {
        let mut gaps: Vec<RangeInclusive<usize>> = Vec::new();
        for (number, times) in self.times(tag).iter().enumerate() {
            match gaps.last_mut() {
                _ if times.any() => {}
                Some(gap) if *gap.end() + 1 == number => *gap = *gap.start()..=number,
                _ => gaps.push(number..=number),
            }
        }
        gaps
    }
}

impl Times {
    fn any(self) -> bool {
        self.marked + self.unmarked > 0
    }
}
