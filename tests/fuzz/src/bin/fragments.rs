//! Fragments of many records, lost, repeated and out of order: what is joined is what was cut, within the bound.

use std::{borrow::Cow, collections::BTreeMap};

use record_proto::{Fragment, Progress, Reassembler, Rejected, split};

use fuzz::{ceiling, driver, input::Input};

fn main() {
    driver::fuzz(one);
}

const LIMITS: [usize; 4] = [1 << 16, 256, 1000, 5000];

/// What the bookkeeping of a few open records takes beyond what is counted for it.
const FIRST_NODES: isize = 2048;

type Key = (Option<u64>, u64);

/// Joins without a limit.
#[derive(Default)]
struct Model {
    open: BTreeMap<Key, (u64, Vec<u8>)>,
}

fn one(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let limit = LIMITS[usize::from(input.u8() & 3)];
    let mut reassembler = Reassembler::new().with_limit(limit);
    let mut model = Model::default();
    let mut held = 0;
    while !input.is_empty() {
        let fragment = fragment(&mut input, &model);
        let room = limit as isize + FIRST_NODES - held;
        let (kept, joined) = ceiling::at_most(room as usize, || {
            ceiling::kept_by(|| reassembler.push(&fragment))
        });
        held += kept;
        let expected = model.join(&fragment);
        let length = model.length(&fragment, &expected);
        // Each unfinished record counts 256 bytes more.
        let is_too_long = length + 256 > limit;
        check(&joined, &expected, is_too_long, reassembler.evicted() > 0);
        if let Progress::Complete(bytes) = &joined {
            held -= bytes.capacity() as isize;
        }
        forget_evicted(&mut model, &fragment, &joined);
        assert!(reassembler.open() <= model.open.len());
    }
    if reassembler.evicted() == 0 {
        assert_eq!(reassembler.open(), model.open.len());
    }
}

/// One of few records or of very many, mostly the piece that is due.
fn fragment<'a>(input: &mut Input<'a>, model: &Model) -> Fragment<'a> {
    let choice = input.u8();
    let pid = [None, Some(1), Some(2), Some(u64::MAX)][usize::from(choice & 3)];
    let stream = match choice >> 2 & 3 {
        3 => input.u64(),
        few => u64::from(few),
    };
    let due = model.open.get(&(pid, stream)).map_or(0, |(next, _)| *next);
    let (index, last) = match choice >> 4 & 7 {
        0..=3 => (due, false),
        4 => (0, false),
        5 => (due, true),
        6 => (input.u64(), input.u8() & 1 == 1),
        _ => (0, true),
    };
    // A bit makes one byte many, so that a short input can be a flood.
    let bytes = match choice >> 7 {
        0 => Cow::Borrowed(input.sized()),
        _ => Cow::Owned(vec![choice; usize::from(input.u16()) % 2000]),
    };
    let mut fragment = split(&[0], pid, stream, 4096).next().expect("one piece");
    (fragment.index, fragment.last, fragment.bytes) = (index, last, bytes);
    fragment
}

impl Model {
    fn join(&mut self, fragment: &Fragment<'_>) -> Progress {
        let key = (fragment.pid, fragment.stream);
        let open = self.open.remove(&key);
        let (next, mut bytes) = match (open, fragment.index) {
            (_, 0) => (0, Vec::new()),
            (None, _) => return Progress::Rejected(Rejected::NoStart),
            (Some((expected, _)), found) if expected != found => {
                return Progress::Rejected(Rejected::OutOfOrder { expected, found });
            }
            (Some(open), _) => open,
        };
        bytes.extend_from_slice(&fragment.bytes);
        if fragment.last {
            return Progress::Complete(bytes);
        }
        self.open.insert(key, (next + 1, bytes));
        Progress::Incomplete
    }

    /// The length of a fragment's record so far; 0 if it was rejected.
    fn length(&self, fragment: &Fragment<'_>, progress: &Progress) -> usize {
        match progress {
            Progress::Complete(bytes) => bytes.len(),
            Progress::Incomplete => self.open[&(fragment.pid, fragment.stream)].1.len(),
            _ => 0,
        }
    }
}

/// The same as without a limit, unless the record is too long, or something had to be given up.
fn check(joined: &Progress, expected: &Progress, is_too_long: bool, evicted: bool) {
    match joined {
        Progress::Rejected(Rejected::TooLong { .. }) => assert!(is_too_long),
        Progress::Rejected(Rejected::NoStart) if evicted => {}
        joined => {
            assert_eq!(joined, expected);
            assert!(!is_too_long || matches!(joined, Progress::Rejected(_)));
        }
    }
}

/// What the reassembler has given up, the model gives up where it shows.
fn forget_evicted(model: &mut Model, fragment: &Fragment<'_>, joined: &Progress) {
    if let Progress::Rejected(_) = joined {
        model.open.remove(&(fragment.pid, fragment.stream));
    }
}
