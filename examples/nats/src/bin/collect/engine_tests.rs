//! Tests of the engine with streams that are shuffled, repeated and read by collectors that crash.

use std::collections::{BTreeMap, HashMap};

use async_nats::HeaderMap;
use nats_relay::{Address, BatchHeaders, Control, RelayStart};
use proptest::prelude::*;
use record_proto::{Close, Encode, Hello, LogRecord};
use serde_json::json;

use super::{
    engine::{Engine, Message, Times},
    host::Stored,
    notice::Notice,
    prefix::Prefix,
    sums::Sums,
};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;
const START: u64 = 1_700_000_000 * SECOND;

/// One child and its messages: frames are a hello, records with the seqs from 1, and a close.
struct Source {
    address: Address,
    relay: RelayStart,
}

impl Source {
    fn new(host: &str, label: &str, relay: u64) -> Self {
        let address = Address {
            prefix: "logs".into(),
            host: host.into(),
            label: label.into(),
        };
        Self {
            address,
            relay: format!("{relay:016x}").parse().unwrap(),
        }
    }

    fn control(&self, control: &Control) -> Message {
        let body = serde_json::to_vec(control).unwrap().into();
        Message {
            subject: self.address.control(),
            body,
            ..Message::default()
        }
    }

    fn started(&self, previous: Option<RelayStart>) -> Message {
        let Address { host, label, .. } = self.address.clone();
        self.control(&Control::Started {
            relay: self.relay,
            previous,
            child: 17,
            host,
            label,
            time: String::new(),
        })
    }

    fn alive(&self) -> Message {
        self.control(&Control::Alive {
            relay: self.relay,
            child: 17,
            last: None,
        })
    }

    fn ended(&self, last: u64) -> Message {
        let (exit, summary) = ("exit status: 0".to_owned(), json!({}));
        self.control(&Control::Ended {
            relay: self.relay,
            child: 17,
            last: Some(last),
            exit,
            unsent: 0,
            summary,
        })
    }

    /// The frames from `first` to `last` of a child that logs this many records. `time` is that of the first record.
    fn batch(&self, first: u64, last: u64, records: u64, time: u64) -> Message {
        let mut body = Vec::new();
        for ordinal in first..=last {
            match ordinal {
                0 => {
                    let mut hello = Hello::new();
                    (hello.pid, hello.instance) = (Some(17), Some(1));
                    hello.encode_frame(&mut body);
                }
                seq if seq <= records => {
                    let mut record = LogRecord::new(log::Level::Info, "t", "m");
                    (record.pid, record.instance) = (Some(17), Some(1));
                    (record.seq, record.time) = (seq, time + seq * MS);
                    record.encode_frame(&mut body);
                }
                _ => {
                    let mut close = Close::new();
                    (close.pid, close.instance, close.sent) = (Some(17), Some(1), records);
                    close.encode_frame(&mut body);
                }
            }
        }
        let headers = BatchHeaders {
            relay: self.relay,
            child: 17,
            first,
            last,
            level: None,
        };
        Message {
            subject: self.address.batches(),
            headers: headers.to_headers(),
            body: body.into(),
            ..Message::default()
        }
    }
}

fn engine() -> Engine {
    let times = Times {
        window: 500 * MS,
        hole: 5 * SECOND,
    };
    Engine::new(Prefix::new("logs").unwrap(), times)
}

/// Gives each message its sequence, and a time: one every 10 ms.
fn stored(messages: Vec<Message>) -> Vec<Message> {
    let numbered = (1..).zip(messages);
    numbered
        .map(|(sequence, message)| Message {
            sequence,
            stored: START + sequence * 10 * MS,
            ..message
        })
        .collect()
}

fn copy(message: &Message) -> Message {
    let Message {
        sequence,
        stored,
        subject,
        headers,
        body,
    } = message;
    let (subject, headers, body) = (subject.clone(), headers.clone(), body.clone());
    Message {
        sequence: *sequence,
        stored: *stored,
        subject,
        headers,
        body,
    }
}

/// Content is dispatched: host and label, seq, whether it is marked.
type Seen = Vec<(String, u64, bool)>;

fn drain(engine: &mut Engine, all: bool) -> Seen {
    let mut seen = Vec::new();
    while let Some((item, late)) = if all {
        engine.next_of_all()
    } else {
        engine.next()
    } {
        if let Some((origin, record)) = engine.dispatch(&item, late) {
            let name = format!("{}/{}", origin.host, origin.label);
            seen.push((name, record.seq, origin.marks.redelivered));
        }
    }
    seen
}

fn sums(engine: &Engine) -> Sums {
    let mut sums = Sums::default();
    engine
        .hosts()
        .iter()
        .for_each(|host| sums.add(&host.sums()));
    sums
}

fn read_all(messages: Vec<Message>) -> (Engine, Seen) {
    let mut engine = engine();
    let mut seen = Vec::new();
    for message in stored(messages) {
        engine.receive(message);
        engine.tick();
        seen.extend(drain(&mut engine, false));
    }
    seen.extend(drain(&mut engine, true));
    (engine, seen)
}

fn texts(engine: &mut Engine) -> Vec<String> {
    engine
        .take_notices()
        .iter()
        .map(Notice::to_string)
        .collect()
}

#[test]
fn a_child_that_ends_in_good_order_is_complete_and_forgotten() {
    let source = Source::new("h", "w", 1);
    let messages = vec![
        source.started(None),
        source.batch(0, 4, 8, START),
        source.batch(5, 9, 8, START),
        source.ended(9),
    ];
    let (mut engine, seen) = read_all(messages);
    assert!(seen.iter().map(|seen| seen.1).eq(1..=8));
    assert_eq!(
        sums(&engine),
        Sums {
            received: 8,
            clean: 1,
            ..Sums::default()
        }
    );
    let stored = engine.snapshot("h", None, u64::MAX);
    assert_eq!(
        (stored.done, stored.children.len(), stored.past.received),
        (4, 0, 8)
    );
    assert_eq!(engine.take_notices(), []);
}

#[test]
fn a_relay_that_was_replaced_has_ended_unknown_after_the_last_seq() {
    let (old, new) = (Source::new("h", "w", 1), Source::new("h", "w", 2));
    let messages = vec![
        old.started(None),
        old.batch(0, 5, 8, START),
        new.started(Some(old.relay)),
        new.batch(0, 1, 8, START),
    ];
    let (mut engine, _) = read_all(messages);
    let notice = "h/w: -[17] ended unknown after seq 5: its relay 0000000000000001 did not report its end, and \
                  0000000000000002 was started";
    assert_eq!(texts(&mut engine), [notice]);
    let sums = sums(&engine);
    assert_eq!(
        (sums.received, sums.cut_off, sums.open, sums.missing),
        (6, 1, 1, 0)
    );
}

#[test]
fn a_silent_relay_has_ended_unknown_until_it_is_back() {
    let (silent, other) = (Source::new("h", "w", 1), Source::new("other", "w", 2));
    let mut messages = vec![
        silent.started(None),
        silent.batch(0, 5, 8, START),
        other.started(None),
    ];
    // Nothing counts as more than a second, so this takes as many messages.
    messages.extend((0..6200).map(|_| other.alive()));
    let (mut engine, _) = read_all(messages);
    let notice =
        "h/w: -[17] ended unknown after seq 5: its relay 0000000000000001 has been silent for 60 s";
    assert_eq!(texts(&mut engine), [notice]);
    assert_eq!((sums(&engine).cut_off, sums(&engine).open), (1, 0));

    engine.receive(Message {
        sequence: 10_000,
        stored: START + 63 * SECOND,
        ..silent.batch(6, 9, 8, START)
    });
    drain(&mut engine, true);
    assert_eq!(texts(&mut engine), ["h/w: relay 0000000000000001 is back"]);
    assert_eq!(
        (
            sums(&engine).cut_off,
            sums(&engine).clean,
            sums(&engine).received
        ),
        (0, 1, 8)
    );
}

#[test]
fn what_a_relay_numbered_and_did_not_arrive_is_reported() {
    let source = Source::new("h", "w", 1);
    let messages = vec![
        source.started(None),
        source.batch(0, 2, 9, START),
        source.batch(6, 7, 9, START),
        source.ended(10),
    ];
    let (engine, seen) = read_all(messages);
    assert!(seen.iter().map(|seen| seen.1).eq([1, 2, 6, 7]));
    let sums = sums(&engine);
    assert_eq!(
        (sums.received, sums.lost_frames, sums.missing, sums.unclosed),
        (4, 6, 3, 1)
    );
}

#[test]
fn children_are_merged_by_time() {
    let (one, two) = (Source::new("a", "w", 1), Source::new("b", "w", 2));
    let late = vec![
        one.batch(0, 5, 8, START),
        two.batch(0, 5, 8, START - 3 * MS),
    ];
    let (_, seen) = read_all(late);
    let order: Vec<_> = seen
        .iter()
        .map(|(name, seq, _)| format!("{}{seq}", &name[..1]))
        .collect();
    assert_eq!(
        order,
        ["b1", "b2", "b3", "a1", "b4", "a2", "b5", "a3", "a4", "a5"]
    );
}

#[test]
fn other_messages_are_counted_and_reported_once() {
    let source = Source::new("h", "w", 1);
    let other = || Message {
        subject: "logs.h".into(),
        ..Message::default()
    };
    let without_headers = Message {
        headers: HeaderMap::new(),
        ..source.batch(0, 1, 8, START)
    };
    let (mut engine, seen) = read_all(vec![
        other(),
        other(),
        without_headers,
        source.batch(0, 1, 8, START),
    ]);
    assert_eq!(
        (engine.foreign(), seen.len(), texts(&mut engine).len()),
        (3, 1, 1)
    );
}

#[test]
fn many_labels_are_reported_once() {
    let messages = (0..1100)
        .map(|label| Source::new("h", &format!("job{label}"), label).batch(0, 1, 8, START));
    let (mut engine, _) = read_all(messages.collect());
    assert_eq!(
        texts(&mut engine)
            .iter()
            .filter(|text| text.contains("1,000 labels"))
            .count(),
        1
    );
}

/// A small generator: the same seed gives the same run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }
}

/// The messages of several children, some twice and some out of order, as relays send them again after a lost connection.
fn shuffled(sources: &[Source], records: u64, random: &mut Random) -> Vec<Message> {
    let mut queues: Vec<Vec<Message>> = Vec::new();
    for source in sources {
        let mut batches = Vec::new();
        let mut first = 0;
        while first <= records + 1 {
            let last = (first + random.below(7)).min(records + 1);
            batches.push(source.batch(first, last, records, START));
            first = last + 1;
        }
        for _ in 0..batches.len() / 3 {
            let (from, to) = (
                random.below(batches.len() as u64) as usize,
                random.below(batches.len() as u64) as usize,
            );
            if from.abs_diff(to) < 8 {
                batches.swap(from, to);
                let again = copy(&batches[from]);
                batches.insert(to, again);
            }
        }
        batches.insert(0, source.started(None));
        batches.push(source.ended(records + 1));
        batches.reverse();
        queues.push(batches);
    }
    let mut all = Vec::new();
    while queues.iter().any(|queue| !queue.is_empty()) {
        let index = random.below(queues.len() as u64) as usize;
        all.extend(queues[index].pop());
    }
    stored(all)
}

/// The bucket: the entries of the hosts.
#[derive(Default)]
struct Bucket(HashMap<String, Stored>);

impl Bucket {
    /// Writes hosts as a collector does, those without an entry first; a crash may come after any.
    fn write(&mut self, engine: &mut Engine, hosts: &[String], random: &mut Random) -> bool {
        let known: Vec<String> = engine
            .hosts()
            .iter()
            .map(|host| host.name.to_string())
            .collect();
        let (old, new): (Vec<_>, Vec<_>) = known
            .into_iter()
            .partition(|host| self.0.contains_key(host));
        let old = old.into_iter().filter(|host| hosts.contains(host));
        let limit = engine.before_all(&new);
        let new = new.into_iter().map(|host| (host, limit));
        for (host, limit) in new.chain(old.map(|host| (host, u64::MAX))) {
            let open = engine.read() + random.below(5);
            let entry = engine.snapshot(&host, Some(open), limit);
            // As text, as it is stored.
            let text = serde_json::to_string(&entry).unwrap();
            self.0.insert(host, serde_json::from_str(&text).unwrap());
            if random.below(60) == 0 {
                return false;
            }
        }
        true
    }

    /// Reads the stream from the stored position until a crash or the end. Returns whether it came to the end.
    fn run(
        &mut self,
        messages: &[Message],
        seen: &mut Seen,
        random: &mut Random,
    ) -> (bool, Engine) {
        let mut engine = engine();
        self.0
            .iter()
            .for_each(|(host, stored)| engine.restore(host, stored.clone()));
        let from = self.0.values().map(|stored| stored.done).min().unwrap_or(0);
        for message in messages.iter().filter(|message| message.sequence > from) {
            engine.receive(copy(message));
            engine.tick();
            let items: Vec<_> = std::iter::from_fn(|| engine.next()).collect();
            let beyond = items.iter().filter(|(item, _)| {
                self.0
                    .get(&*item.host)
                    .is_none_or(|stored| stored.open < item.sequence)
            });
            let hosts: Vec<_> = beyond.map(|(item, _)| item.host.to_string()).collect();
            if !hosts.is_empty() && !self.write(&mut engine, &hosts, random) {
                return (false, engine);
            }
            for (item, late) in items {
                if let Some((origin, record)) = engine.dispatch(&item, late) {
                    seen.push((
                        format!("{}/{}", origin.host, origin.label),
                        record.seq,
                        origin.marks.redelivered,
                    ));
                }
                if random.below(400) == 0 {
                    return (false, engine);
                }
            }
            if random.below(10) == 0 {
                let all: Vec<String> = engine
                    .hosts()
                    .iter()
                    .map(|host| host.name.to_string())
                    .collect();
                if !self.write(&mut engine, &all, random) {
                    return (false, engine);
                }
            }
        }
        seen.extend(drain(&mut engine, true));
        (true, engine)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_crashes_each_record_comes_once_or_is_marked_and_the_accounts_are_right(seed in 1..u64::MAX) {
        let random = &mut Random(seed);
        let sources = [Source::new("a", "v", 1), Source::new("a", "w", 2), Source::new("b", "v", 3), Source::new("c", "w", 4)];
        let records = 60;
        let messages = shuffled(&sources, records, random);
        let (mut bucket, mut seen) = (Bucket::default(), Vec::new());
        let engine = loop {
            if let (true, engine) = bucket.run(&messages, &mut seen, random) {
                break engine;
            }
        };

        let mut times: BTreeMap<(String, u64), (u32, u32)> = BTreeMap::new();
        for (name, seq, is_marked) in seen {
            let times = times.entry((name, seq)).or_default();
            match is_marked {
                true => times.1 += 1,
                false => times.0 += 1,
            }
        }
        prop_assert_eq!(times.len() as u64, records * sources.len() as u64, "lost");
        for (record, (unmarked, _)) in times {
            prop_assert!(unmarked <= 1, "{:?} came {} times without a mark", record, unmarked);
        }
        let sums = sums(&engine);
        prop_assert_eq!(sums.received, records * sources.len() as u64);
        prop_assert_eq!((sums.clean, sums.missing, sums.lost_frames, sums.open, sums.cut_off), (4, 0, 0, 0, 0));
    }
}
