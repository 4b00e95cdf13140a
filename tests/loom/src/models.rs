use std::sync::Arc;

use loom::{
    model::Builder,
    sync::{Notify, atomic::Ordering::*},
    thread,
};

use super::{
    atomic::{AtomicU64, fence},
    buffer_reader::{BufferReader, Next},
    header::Reader,
    layout::Layout,
    ring_writer::{NoRoom, RingWriter},
};

/// A thread is interrupted at most so often at places where it need not be. Three find all known faults of such code.
const INTERRUPTIONS: usize = 3;

fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(INTERRUPTIONS);
    builder.max_branches = 50_000;
    builder.check(run);
}

struct Memory {
    layout: Layout,
    words: Vec<AtomicU64>,
}

impl Memory {
    fn new(rings: usize) -> Arc<Self> {
        let layout = Layout { rings };
        Arc::new(Self {
            layout,
            words: layout.make(),
        })
    }

    fn claim(&self) -> Option<RingWriter<'_>> {
        let rings = (0..self.layout.rings).map(|index| self.layout.ring(&self.words, index));
        let index = self.layout.header(&self.words).claim(rings, 1)?;
        Some(RingWriter::new(self.layout.ring(&self.words, index), 64))
    }

    /// Logs a number, as a log call does that waits for room.
    fn log(&self, writer: &mut RingWriter<'_>, number: u64) -> Reader {
        self.commit(writer, number);
        self.layout.header(&self.words).after_commit(false)
    }

    fn commit(&self, writer: &mut RingWriter<'_>, number: u64) {
        let header = self.layout.header(&self.words);
        let mut frame = 8_u32.to_be_bytes().to_vec();
        frame.extend(number.to_be_bytes());
        let place = loop {
            match writer.room(frame.len()) {
                Ok(place) => break place,
                Err(NoRoom::Full) => thread::yield_now(),
                Err(other) => panic!("{other:?}"),
            }
        };
        let ticket = header.draw_ticket().expect("a ticket");
        writer.commit(place, ticket, &frame);
    }

    /// Logs a number in a process that the reader can make execute a fence.
    fn log_with_barrier(&self, number: u64, barrier: &Membarrier) -> Reader {
        let mut writer = self.claim().expect("a ring");
        barrier.interrupt();
        self.commit(&mut writer, number);
        barrier.interrupt();
        let seen = self.layout.header(&self.words).after_commit(true);
        barrier.interrupt();
        seen
    }

    fn reader(&self) -> BufferReader {
        BufferReader::new(self.layout)
    }

    /// Makes a turn, and returns the numbers that were handed out.
    fn turn(&self, reader: &mut BufferReader) -> Vec<u64> {
        reader.look(&self.words);
        let numbers = self.hand_out(reader);
        reader.publish(&self.words, |_| {}, |_, _| {});
        assert!(reader.given_up().is_empty(), "{:?}", reader.given_up());
        numbers
    }

    fn hand_out(&self, reader: &mut BufferReader) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Next::Frame(_, frame) = reader.next(&self.words) {
            let (length, number) = frame.split_at(4);
            assert_eq!(length, 8_u32.to_be_bytes(), "a torn entry");
            numbers.push(u64::from_be_bytes(*number.first_chunk().expect("a number")));
        }
        numbers
    }
}

/// `membarrier`, for one writer and one call. The system interrupts a processor between any two instructions to execute
/// a fence there; here the writer asks at the places that make a difference.
struct Membarrier {
    asked: AtomicU64,
    done: AtomicU64,
}

impl Membarrier {
    fn new() -> Arc<Self> {
        let [asked, done] = [0, 0].map(AtomicU64::new);
        Arc::new(Self { asked, done })
    }

    fn call(&self) {
        fence(SeqCst);
        self.asked.store(1, Release);
        while self.done.load(Acquire) == 0 {
            thread::yield_now();
        }
        fence(SeqCst);
    }

    /// A place of the writer's program.
    fn interrupt(&self) {
        // Once: a second fence would stand where the system makes none.
        if self.done.load(Relaxed) == 0 && self.asked.load(Acquire) == 1 {
            self.end();
        }
    }

    /// A processor that goes on to another thread executes a fence too.
    fn end(&self) {
        fence(SeqCst);
        self.done.store(1, Release);
    }
}

#[test]
fn no_entry_is_left_when_a_reader_that_ticked_sleeps() {
    model(|| {
        let memory = Memory::new(1);
        let (bell, barrier) = (Arc::new(Notify::new()), Membarrier::new());
        let mut reader = memory.reader();
        reader.awake(&memory.words);
        reader.tick(&memory.words);
        let writer = {
            let (memory, bell, barrier) = (memory.clone(), bell.clone(), barrier.clone());
            thread::spawn(move || {
                if let Reader::Asleep(_) = memory.log_with_barrier(1, &barrier) {
                    bell.notify();
                }
                barrier.end();
            })
        };
        let mut numbers = memory.turn(&mut reader);
        reader.fall_asleep(&memory.words, || barrier.call());
        numbers.extend(memory.turn(&mut reader));
        while numbers.is_empty() {
            // A lost bell is a deadlock here.
            bell.wait();
            numbers.extend(memory.turn(&mut reader));
        }
        assert_eq!(numbers, [1]);
        writer.join().unwrap();
    });
}

#[test]
fn what_was_acknowledged_before_the_cut_of_a_reader_that_ticked_is_handed_out() {
    model(|| {
        let memory = Memory::new(1);
        let barrier = Membarrier::new();
        let mut reader = memory.reader();
        reader.awake(&memory.words);
        reader.tick(&memory.words);
        let writer = {
            let (memory, barrier) = (memory.clone(), barrier.clone());
            thread::spawn(move || {
                let seen = memory.log_with_barrier(1, &barrier);
                barrier.end();
                seen != Reader::Closed
            })
        };
        reader.close(&memory.words, || barrier.call());
        let numbers = memory.turn(&mut reader);
        let is_acknowledged = writer.join().unwrap();
        assert!(!is_acknowledged || numbers == [1], "it is lost");
    });
}

/// The writer waits until each entry was read, so the next one stands at the start of the ring again.
#[test]
fn an_empty_ring_begins_again_at_its_start() {
    model(|| {
        let memory = Memory::new(1);
        let writer = {
            let memory = memory.clone();
            thread::spawn(move || {
                let mut writer = memory.claim().expect("a ring");
                for number in 1..=3 {
                    memory.log(&mut writer, number);
                    assert_eq!(writer.position() % 64, 24);
                    while number < 3 && writer.words().tail.load(Relaxed) != writer.position() {
                        thread::yield_now();
                    }
                }
            })
        };
        let mut reader = memory.reader();
        let mut numbers = Vec::new();
        while numbers.len() < 3 {
            numbers.extend(memory.turn(&mut reader));
            thread::yield_now();
        }
        assert_eq!(numbers, [1, 2, 3]);
        writer.join().unwrap();
    });
}

/// Two entries fill a ring: the third waits, jumps over its end, and goes round.
#[test]
fn entries_arrive_whole_and_in_order_through_a_full_ring() {
    model(|| {
        let memory = Memory::new(1);
        let writer = {
            let memory = memory.clone();
            thread::spawn(move || {
                let mut writer = memory.claim().expect("a ring");
                for number in 1..=4 {
                    memory.log(&mut writer, number);
                }
            })
        };
        let mut reader = memory.reader();
        let mut numbers = Vec::new();
        while numbers.len() < 4 {
            numbers.extend(memory.turn(&mut reader));
            thread::yield_now();
        }
        assert_eq!(numbers, [1, 2, 3, 4]);
        writer.join().unwrap();
    });
}

#[test]
fn no_entry_is_left_when_the_reader_sleeps() {
    model(|| {
        let memory = Memory::new(2);
        let bell = Arc::new(Notify::new());
        let writers: Vec<_> = (1..=2)
            .map(|number| {
                let (memory, bell) = (memory.clone(), bell.clone());
                thread::spawn(move || {
                    let mut writer = memory.claim().expect("a ring");
                    if let Reader::Asleep(_) = memory.log(&mut writer, number) {
                        bell.notify();
                    }
                })
            })
            .collect();
        let mut reader = memory.reader();
        let mut read = 0;
        while read < 2 {
            read += memory.turn(&mut reader).len();
            if read == 2 {
                break;
            }
            reader.fall_asleep(&memory.words, || {});
            let found = memory.turn(&mut reader).len();
            read += found;
            if found == 0 {
                // A lost bell is a deadlock here.
                bell.wait();
            }
            reader.awake(&memory.words);
        }
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

#[test]
fn a_ring_passes_from_one_writer_to_the_next() {
    model(|| {
        let memory = Memory::new(1);
        let writers: Vec<_> = (1..=2)
            .map(|number| {
                let memory = memory.clone();
                thread::spawn(move || {
                    let mut writer = loop {
                        match memory.claim() {
                            Some(writer) => break writer,
                            None => thread::yield_now(),
                        }
                    };
                    memory.log(&mut writer, number);
                    writer.add_dropped(1, number);
                    writer.release();
                })
            })
            .collect();
        let mut reader = memory.reader();
        let (mut numbers, mut dropped, mut freed) = (Vec::new(), 0, 0);
        while freed < 2 {
            reader.look(&memory.words);
            numbers.extend(memory.hand_out(&mut reader));
            let take = |_, counts: [u64; 5]| {
                dropped += counts[0];
                freed += 1;
            };
            reader.publish(&memory.words, |_| {}, take);
            thread::yield_now();
        }
        assert!(reader.given_up().is_empty());
        numbers.sort();
        assert_eq!((numbers, dropped), (vec![1, 2], 3));
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

#[test]
fn what_was_acknowledged_before_the_cut_is_handed_out() {
    model(|| {
        let memory = Memory::new(2);
        let writers: Vec<_> = (1..=2)
            .map(|number| {
                let memory = memory.clone();
                thread::spawn(move || {
                    let mut writer = memory.claim().expect("a ring");
                    memory.log(&mut writer, number) != Reader::Closed
                })
            })
            .collect();
        let mut reader = memory.reader();
        reader.close(&memory.words, || {});
        let numbers = memory.turn(&mut reader);
        for (number, writer) in (1..=2).zip(writers) {
            let is_acknowledged = writer.join().unwrap();
            assert!(
                !is_acknowledged || numbers.contains(&number),
                "{number} is lost"
            );
        }
    });
}

#[test]
fn an_entry_that_was_logged_before_another_comes_first() {
    model(|| {
        let memory = Memory::new(2);
        let has_logged = Arc::new(AtomicU64::new(0));
        let first = {
            let (memory, has_logged) = (memory.clone(), has_logged.clone());
            thread::spawn(move || {
                // The first ring in the order of the reader's look: an entry there is seen too late most easily.
                let mut writer = memory.claim().expect("a ring");
                memory.log(&mut writer, 1);
                has_logged.store(1, Release);
            })
        };
        let second = {
            let memory = memory.clone();
            thread::spawn(move || {
                let mut writer = memory.claim().expect("a ring");
                if has_logged.load(Acquire) == 1 {
                    memory.log(&mut writer, 2);
                }
            })
        };
        let mut reader = memory.reader();
        let mut numbers = memory.turn(&mut reader);
        numbers.extend(memory.turn(&mut reader));
        assert!(!numbers.starts_with(&[2]), "{numbers:?}");
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// As above, while the reader ticks: no writer executes a fence, and the tickets alone order the positions.
#[test]
fn an_entry_that_was_logged_before_another_comes_first_while_the_reader_ticks() {
    model(|| {
        let memory = Memory::new(2);
        let has_logged = Arc::new(AtomicU64::new(0));
        let mut reader = memory.reader();
        reader.awake(&memory.words);
        reader.tick(&memory.words);
        let log = |memory: &Memory, writer: &mut RingWriter<'_>, number| {
            memory.commit(writer, number);
            memory.layout.header(&memory.words).after_commit(true);
        };
        let first = {
            let (memory, has_logged) = (memory.clone(), has_logged.clone());
            thread::spawn(move || {
                let mut writer = memory.claim().expect("a ring");
                log(&memory, &mut writer, 1);
                has_logged.store(1, Release);
            })
        };
        let second = {
            let memory = memory.clone();
            thread::spawn(move || {
                // Before the first entry: the bit would order it too.
                let mut writer = memory.claim().expect("a ring");
                if has_logged.load(Acquire) == 1 {
                    log(&memory, &mut writer, 2);
                }
            })
        };
        let mut numbers = memory.turn(&mut reader);
        numbers.extend(memory.turn(&mut reader));
        assert!(!numbers.starts_with(&[2]), "{numbers:?}");
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// A writer waits as a futex does: it says so, looks once more, and sleeps unless the tail has moved.
#[test]
fn a_writer_that_waits_for_room_is_woken() {
    model(|| {
        let memory = Memory::new(1);
        let futex = Arc::new(Notify::new());
        let writer = {
            let (memory, futex) = (memory.clone(), futex.clone());
            thread::spawn(move || {
                let mut writer = memory.claim().expect("a ring");
                for number in 1..=3 {
                    while let Err(NoRoom::Full) = writer.room(12) {
                        let words = writer.words();
                        words.waiting.store(1, Relaxed);
                        fence(SeqCst);
                        if let Err(NoRoom::Full) = writer.room(12) {
                            futex.wait();
                        }
                        words.waiting.store(0, Relaxed);
                    }
                    memory.log(&mut writer, number);
                }
            })
        };
        let mut reader = memory.reader();
        let mut read = 0;
        while read < 3 {
            reader.look(&memory.words);
            let found = memory.hand_out(&mut reader).len();
            read += found;
            // Another call would wake the writer whom this one misses.
            if found > 0 {
                reader.publish(&memory.words, |_| futex.notify(), |_, _| {});
            }
            thread::yield_now();
        }
        writer.join().unwrap();
    });
}
