use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::thread;

use proptest::prelude::*;

use super::*;

mod hostile;
mod order;

const KIB: usize = 1024;

struct Memory {
    layout: Layout,
    words: Vec<AtomicU64>,
}

impl Memory {
    fn new(bytes: usize) -> Self {
        let layout = Layout::within(bytes).expect("room for a ring");
        let words: Vec<_> = (0..layout.bytes() / 8).map(|_| AtomicU64::new(0)).collect();
        layout.write(&words);
        Self { layout, words }
    }

    fn header(&self) -> Header<'_> {
        self.layout.header(&self.words)
    }

    fn rings(&self) -> impl Iterator<Item = RingWords<'_>> {
        (0..self.layout.rings()).map(|index| self.layout.ring(&self.words, index))
    }

    fn claim(&self) -> Option<RingWriter<'_>> {
        let index = self.header().claim(self.rings(), 7)?;
        let ring = self.layout.ring(&self.words, index);
        Some(RingWriter::new(ring, self.layout.ring_bytes()))
    }

    fn reader(&self) -> BufferReader {
        BufferReader::new(self.layout)
    }
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(payload);
    frame
}

fn number(frame: &[u8]) -> u64 {
    u64::from_be_bytes(*frame[4..].first_chunk().expect("a number"))
}

/// Draws a ticket and commits, as a log call does, and returns what the reader does.
fn log(memory: &Memory, writer: &mut RingWriter<'_>, frame: &[u8]) -> Reader {
    let place = loop {
        match writer.room(frame.len()) {
            Ok(place) => break place,
            Err(NoRoom::Full) => thread::yield_now(),
            Err(other) => panic!("{other:?}"),
        }
    };
    let ticket = memory.header().draw_ticket().expect("a ticket");
    writer.commit(place, ticket, frame);
    memory.header().after_commit(false)
}

/// One look: hands out everything that may be, gives the room back. Returns whether nothing is left for the next look.
fn turn(memory: &Memory, reader: &mut BufferReader, mut f: impl FnMut(usize, &[u8])) -> bool {
    reader.look(&memory.words);
    loop {
        let is_done = match reader.next(&memory.words) {
            Next::Frame(ring, frame) => {
                f(ring, frame);
                continue;
            }
            Next::Part => None,
            Next::Look => Some(false),
            Next::Nothing => Some(true),
        };
        reader.publish(&memory.words, |_| {}, |_, _| {});
        match is_done {
            Some(is_done) => return is_done,
            None => reader.go_on(&memory.words),
        }
    }
}

fn drain(memory: &Memory, reader: &mut BufferReader) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while !turn(memory, reader, |_, frame| frames.push(frame.to_vec())) {}
    frames
}

#[test]
fn a_layout_is_read_as_it_was_written() {
    for bytes in [32 * KIB, 100 * KIB, 1024 * KIB, 8192 * KIB] {
        let memory = Memory::new(bytes);
        assert!(memory.layout.rings() * memory.layout.ring_bytes() <= bytes);
        assert_eq!(Layout::read(&memory.words), Ok(memory.layout));
    }
    assert_eq!(Layout::within(8192 * KIB).map(Layout::rings), Some(16));
    assert_eq!(Layout::within(32 * KIB - 1), None);
}

#[test]
fn a_memory_that_is_no_buffer_is_refused() {
    let memory = Memory::new(32 * KIB);
    let short = &memory.words[..memory.words.len() - 1];
    assert!(matches!(Layout::read(short), Err(LayoutError::Size { .. })));
    assert_eq!(Layout::read(&[]), Err(LayoutError::Magic));
    for (word, value) in [
        (2, 0),
        (2, 65),
        (2, u64::MAX),
        (3, 0),
        (3, 33 * 1024),
        (3, u64::MAX),
    ] {
        let before = memory.words[word].swap(value, Relaxed);
        assert!(matches!(
            Layout::read(&memory.words),
            Err(LayoutError::Size { .. })
        ));
        memory.words[word].store(before, Relaxed);
    }
    memory.words[1].store(2, Relaxed);
    assert_eq!(Layout::read(&memory.words), Err(LayoutError::Version(2)));
    memory.words[0]
        .fetch_update(Relaxed, Relaxed, |word| Some(word.swap_bytes()))
        .unwrap();
    assert_eq!(Layout::read(&memory.words), Err(LayoutError::Magic));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A ring against a queue: whatever the lengths, the limit, and the moments of reading.
    #[test]
    fn frames_come_out_as_they_went_in(
        steps in prop::collection::vec((0_usize..9000, 0_u8..4), 1..300),
        limit in prop::sample::select(vec![16 * KIB, 24 * KIB, 32 * KIB]),
    ) {
        let memory = Memory::new(32 * KIB);
        memory.header().claim(memory.rings(), 1).unwrap();
        let mut writer = RingWriter::new(memory.layout.ring(&memory.words, 0), limit);
        writer.stop_growing();
        let (mut reader, mut queue) = (memory.reader(), VecDeque::new());
        for (step, (length, reads)) in steps.into_iter().enumerate() {
            let frame = frame(&vec![step as u8; length]);
            match writer.room(frame.len()) {
                Ok(place) => {
                    writer.commit(place, 0, &frame);
                    queue.push_back(frame);
                }
                Err(NoRoom::TooLong) => prop_assert!(frame.len() > limit / 4),
                Err(NoRoom::Full) => prop_assert!(!queue.is_empty()),
                Err(other) => prop_assert!(false, "{other:?}"),
            }
            if reads == 0 {
                for frame in drain(&memory, &mut reader) {
                    prop_assert_eq!(Some(frame), queue.pop_front());
                }
                prop_assert!(queue.is_empty());
            }
        }
        prop_assert!(reader.given_up().is_empty());
    }

    /// Any words at all: the reader ends, and gives up what makes no sense.
    #[test]
    fn a_reader_ends_whatever_the_memory_says(
        changes in prop::collection::vec((0_usize..8192, prop_oneof![any::<u64>(), 0..70_000_u64]), 0..200),
    ) {
        let memory = Memory::new(48 * KIB);
        let mut writer = memory.claim().unwrap();
        let mut reader = memory.reader();
        for (at, value) in changes {
            if let Some(word) = memory.words.get(at % 1100) {
                word.store(value, Relaxed);
            }
            if let Ok(place) = writer.room(100) {
                writer.commit(place, value, &frame(&[0; 96]));
            }
            let mut bytes = 0;
            turn(&memory, &mut reader, |_, frame| bytes += frame.len());
            prop_assert!(bytes <= 2 * memory.layout.ring_bytes());
        }
        reader.close(&memory.words, || {});
        drain(&memory, &mut reader);
    }
}

#[test]
fn frames_pass_a_small_ring_from_one_thread_to_another() {
    let memory = Memory::new(32 * KIB);
    let mut writer = memory.claim().unwrap();
    let mut reader = memory.reader();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = 1_u64;
            for n in 0..100_000_u64 {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
                let mut payload = n.to_be_bytes().to_vec();
                payload.resize(8 + (random >> 56) as usize * 8, n as u8);
                log(&memory, &mut writer, &frame(&payload));
            }
        });
        let mut expected = 0;
        while expected < 100_000 {
            turn(&memory, &mut reader, |_, frame| {
                assert_eq!(number(frame), expected);
                assert!(frame[12..].iter().all(|byte| *byte == expected as u8));
                expected += 1;
            });
        }
    });
}

#[test]
fn a_frame_longer_than_a_quarter_is_refused_and_one_of_a_quarter_always_gets_room() {
    let memory = Memory::new(32 * KIB);
    let mut writer = memory.claim().unwrap();
    let mut reader = memory.reader();
    let quarter = frame(&vec![1; 8 * KIB - 4]);
    assert_eq!(writer.room(quarter.len() + 1).unwrap_err(), NoRoom::TooLong);
    for _ in 0..100 {
        // From every place of the ring.
        log(&memory, &mut writer, &frame(&[0; 1000]));
        drain(&memory, &mut reader);
        log(&memory, &mut writer, &quarter);
        assert_eq!(drain(&memory, &mut reader), [&*quarter]);
    }
}

#[test]
fn a_long_frame_makes_a_ring_grow_and_is_too_long_for_one_that_cannot() {
    let memory = Memory::new(1024 * KIB);
    let new = || RingWriter::new(memory.layout.ring(&memory.words, 0), 16 * KIB);
    let length = 30 * KIB;
    let mut writer = new();
    assert_eq!(writer.max_frame(), 16 * KIB);
    assert_eq!(writer.room(length).unwrap_err(), NoRoom::TooLong);
    assert_eq!(writer.room(16 * KIB).unwrap_err(), NoRoom::Unextended);
    writer.extend(32 * KIB);
    assert!(writer.room(16 * KIB).is_ok());
    let mut writer = new();
    writer.stop_growing();
    assert_eq!(writer.max_frame(), 4 * KIB);
    assert_eq!(writer.room(16 * KIB).unwrap_err(), NoRoom::TooLong);
    assert!(writer.room(4 * KIB).is_ok());
}

#[test]
fn no_entry_ends_where_a_jump_would_need_pages_that_the_ring_does_not_have() {
    let memory = Memory::new(1024 * KIB);
    let mut writer = RingWriter::new(memory.layout.ring(&memory.words, 0), 16 * KIB);
    writer.stop_growing();
    let mut reader = memory.reader();
    // Sixteen of them have exactly 16 KiB.
    let frame = frame(&[0; 1024 - 8 - 4]);
    while let Ok(place) = writer.room(frame.len()) {
        writer.commit(place, 0, &frame);
        drain(&memory, &mut reader);
        assert!(writer.position() as usize % (64 * KIB) < 16 * KIB);
        if writer.position() > 300 * KIB as u64 {
            return;
        }
    }
}

#[test]
fn a_full_ring_has_room_again_once_it_was_read() {
    let memory = Memory::new(32 * KIB);
    let mut writer = memory.claim().unwrap();
    let mut reader = memory.reader();
    let frame = frame(&[0; 1020]);
    let mut sent = 0;
    while writer.room(frame.len()).is_ok() {
        log(&memory, &mut writer, &frame);
        sent += 1;
    }
    assert_eq!(writer.room(frame.len()).unwrap_err(), NoRoom::Full);
    assert_eq!(drain(&memory, &mut reader).len(), sent);
    assert!(writer.room(frame.len()).is_ok());
}

#[test]
fn a_writer_that_is_read_after_each_record_uses_few_pages() {
    let memory = Memory::new(1024 * KIB);
    let mut writer = memory.claim().unwrap();
    let mut reader = memory.reader();
    for _ in 0..10_000 {
        log(&memory, &mut writer, &frame(&[0xff; 200]));
        assert_eq!(drain(&memory, &mut reader).len(), 1);
    }
    let ring = memory.layout.ring(&memory.words, 0);
    let used = ring.data.iter().rposition(|word| word.load(Relaxed) != 0);
    assert!(used.unwrap() * 8 < 9 * KIB, "{used:?}");
}

#[test]
fn a_ring_asks_for_more_before_it_is_used_again_from_its_start() {
    let memory = Memory::new(1024 * KIB);
    let mut writer = RingWriter::new(memory.layout.ring(&memory.words, 0), 16 * KIB);
    let frame = frame(&[0; 1020]);
    let commit_until_refused = |writer: &mut RingWriter<'_>| {
        loop {
            match writer.room(frame.len()) {
                Ok(place) => writer.commit(place, 0, &frame),
                Err(error) => return (error, writer.position()),
            }
        }
    };
    let (error, position) = commit_until_refused(&mut writer);
    assert_eq!(error, NoRoom::Unextended);
    assert!(position <= 16 * KIB as u64);
    writer.extend(32 * KIB);
    let (error, position) = commit_until_refused(&mut writer);
    assert_eq!(error, NoRoom::Unextended);
    assert!((17 * KIB as u64..=32 * KIB as u64).contains(&position));
    writer.stop_growing();
    assert_eq!(commit_until_refused(&mut writer), (NoRoom::Full, position));
}

#[test]
fn an_entry_with_a_ticket_that_was_never_drawn_is_late_by_one_look_only() {
    let memory = Memory::new(64 * KIB);
    let (mut liar, mut honest) = (memory.claim().unwrap(), memory.claim().unwrap());
    let mut reader = memory.reader();
    let place = liar.room(12).unwrap();
    liar.commit(place, 1 << 40, &frame(&1_u64.to_be_bytes()));
    log(&memory, &mut honest, &frame(&2_u64.to_be_bytes()));
    let mut seen = Vec::new();
    assert!(!turn(&memory, &mut reader, |_, frame| seen.push(number(frame))));
    assert_eq!(seen, [2]);
    assert!(turn(&memory, &mut reader, |_, frame| seen.push(number(frame))));
    assert_eq!(seen, [2, 1]);
}

#[test]
fn an_entry_with_a_late_ticket_waits_although_the_entry_before_it_in_the_ring_does_not() {
    let memory = Memory::new(64 * KIB);
    let mut writer = memory.claim().unwrap();
    let mut reader = memory.reader();
    log(&memory, &mut writer, &frame(&1_u64.to_be_bytes()));
    // As if its ticket had been drawn after the reader's look at the counter.
    let place = writer.room(12).unwrap();
    writer.commit(place, 2, &frame(&2_u64.to_be_bytes()));
    let mut seen = Vec::new();
    assert!(!turn(&memory, &mut reader, |_, frame| seen.push(number(frame))));
    assert_eq!(seen, [1]);
    assert!(turn(&memory, &mut reader, |_, frame| seen.push(number(frame))));
    assert_eq!(seen, [1, 2]);
}

#[test]
fn a_look_is_handed_out_in_bounded_parts_of_each_ring_and_keeps_the_order() {
    let memory = Memory::new(2048 * KIB);
    let (mut one, mut other) = (memory.claim().unwrap(), memory.claim().unwrap());
    let mut reader = memory.reader();
    let payload = |n: u64| {
        let mut payload = n.to_be_bytes().to_vec();
        payload.resize(1012, 0);
        frame(&payload)
    };
    // 80 KiB in one ring, and then one frame in the other.
    for n in 0..80 {
        log(&memory, &mut one, &payload(n));
    }
    log(&memory, &mut other, &payload(80));
    reader.look(&memory.words);
    // This one came after the look.
    log(&memory, &mut other, &payload(81));
    let part = |reader: &mut BufferReader, end| {
        let mut seen = Vec::new();
        while let Next::Frame(_, frame) = reader.next(&memory.words) {
            seen.push(number(frame));
        }
        assert_eq!(reader.next(&memory.words), end);
        seen
    };
    let first = part(&mut reader, Next::Part);
    assert_eq!(first.len(), 64 * KIB / 1024);
    reader.publish(&memory.words, |_| {}, |_, _| {});
    assert_eq!(one.words().tail.load(Relaxed), 64 * 1024);
    reader.go_on(&memory.words);
    let second = part(&mut reader, Next::Nothing);
    assert!(first.into_iter().chain(second).eq(0..=80));
    reader.look(&memory.words);
    assert_eq!(part(&mut reader, Next::Nothing), [81]);
}

#[test]
fn who_waits_for_frames_to_be_dispatched_is_woken() {
    let memory = Memory::new(64 * KIB);
    let mut writers = [memory.claim().unwrap(), memory.claim().unwrap()];
    let mut reader = memory.reader();
    for writer in &mut writers {
        log(&memory, writer, &frame(b"01234567"));
    }
    writers[1].words().awaited.fetch_add(1, Relaxed);
    reader.look(&memory.words);
    while let Next::Frame(..) = reader.next(&memory.words) {}
    let mut woken = Vec::new();
    assert!(reader.publish(
        &memory.words,
        |word| woken.push(std::ptr::from_ref(word)),
        |_, _| {}
    ));
    let dispatched = writers[1].words().dispatched;
    assert_eq!(woken, [std::ptr::from_ref(dispatched)]);
    assert_eq!(dispatched.load(Relaxed), writers[1].position());
}

#[test]
fn a_reader_that_never_looked_is_asleep() {
    let memory = Memory::new(32 * KIB);
    let mut reader = memory.reader();
    assert!(matches!(
        memory.header().after_commit(false),
        Reader::Asleep(_)
    ));
    reader.awake(&memory.words);
    assert_eq!(memory.header().after_commit(false), Reader::Awake);
}

#[test]
fn a_writer_that_draws_no_tickets_is_read_at_once() {
    let memory = Memory::new(64 * KIB);
    let mut writer = memory.claim().unwrap();
    let place = writer.room(12).unwrap();
    writer.commit(place, 0, &frame(&5_u64.to_be_bytes()));
    assert_eq!(drain(&memory, &mut memory.reader()).len(), 1);
}

#[test]
fn a_commit_before_the_cut_is_handed_out_and_one_after_it_is_told() {
    let memory = Memory::new(64 * KIB);
    let mut writer = memory.claim().unwrap();
    let mut reader = memory.reader();
    reader.awake(&memory.words);
    assert_eq!(
        log(&memory, &mut writer, &frame(b"before..")),
        Reader::Awake
    );
    reader.close(&memory.words, || {});
    assert_eq!(
        log(&memory, &mut writer, &frame(b"after...")),
        Reader::Closed
    );
    // The end is final, whatever the reader does afterwards.
    reader.awake(&memory.words);
    assert_eq!(memory.header().after_commit(false), Reader::Closed);
    // Its first record is after the cut.
    let mut late = memory.claim().unwrap();
    assert_eq!(log(&memory, &mut late, &frame(b"late....")), Reader::Closed);
    assert_eq!(drain(&memory, &mut reader), [frame(b"before..")]);
}

#[test]
fn a_ring_is_free_again_once_it_was_released_and_read() {
    let memory = Memory::new(64 * KIB);
    let mut reader = memory.reader();
    let mut writers = [memory.claim().unwrap(), memory.claim().unwrap()];
    assert!(memory.claim().is_none());
    log(&memory, &mut writers[0], &frame(b"01234567"));
    writers[0].add_dropped(2, 3);
    let [first, _second] = writers;
    let position = first.position();
    first.release();
    assert!(memory.claim().is_none());
    reader.look(&memory.words);
    reader.publish(
        &memory.words,
        |_| {},
        |_, _| panic!("freed before it was read"),
    );
    while reader.next(&memory.words) != Next::Nothing {}
    let mut dropped = Vec::new();
    reader.publish(
        &memory.words,
        |_| {},
        |owner, counts| dropped.push((owner, counts)),
    );
    assert_eq!(dropped, [(7, [0, 3, 0, 0, 0])]);
    let next = memory.claim().unwrap();
    assert_eq!(next.position(), position);
}

#[test]
fn the_counts_of_dropped_records_are_read_without_a_release() {
    let memory = Memory::new(64 * KIB);
    let mut reader = memory.reader();
    let writer = memory.claim().unwrap();
    writer.add_dropped(1, 2);
    writer.add_dropped(5, 1);
    writer.add_dropped(5, 1);
    reader.look(&memory.words);
    assert_eq!(reader.take_dropped(&memory.words, |_| false), []);
    let dropped = reader.take_dropped(&memory.words, |_| true);
    assert_eq!(dropped, [(7, [2, 0, 0, 0, 2])]);
    assert_eq!(reader.take_dropped(&memory.words, |_| true), []);

    // Those that come later are counted by themselves, and a count that goes back counts nothing twice.
    writer.add_dropped(1, 3);
    writer.words().dropped[4].store(1, Relaxed);
    let dropped = reader.take_dropped(&memory.words, |_| true);
    assert_eq!(dropped, [(7, [3, 0, 0, 0, 0])]);
    writer.add_dropped(2, 4);
    writer.release();
    let mut last = Vec::new();
    reader.publish(
        &memory.words,
        |_| {},
        |owner, counts| last.push((owner, counts)),
    );
    assert_eq!(last, [(7, [0, 4, 0, 0, 0])]);
    // The next owner begins at 0.
    let writer = memory.claim().unwrap();
    writer.add_dropped(1, 1);
    reader.look(&memory.words);
    let dropped = reader.take_dropped(&memory.words, |_| true);
    assert_eq!(dropped, [(7, [1, 0, 0, 0, 0])]);
}

#[test]
fn a_ring_that_makes_no_sense_is_given_up_and_the_others_go_on() {
    let memory = Memory::new(64 * KIB);
    let (mut broken, mut sound) = (memory.claim().unwrap(), memory.claim().unwrap());
    let mut reader = memory.reader();
    log(&memory, &mut broken, &frame(b"01234567"));
    broken.words().head.store(1 << 40, Relaxed);
    log(&memory, &mut sound, &frame(b"89abcdef"));
    assert_eq!(drain(&memory, &mut reader), [frame(b"89abcdef")]);
    assert!(matches!(
        reader.given_up(),
        [(0, RingError::Head { seen: 0, .. })]
    ));
    assert_eq!(broken.room(12).unwrap_err(), NoRoom::Broken);
    log(&memory, &mut sound, &frame(b"ghijklmn"));
    assert_eq!(drain(&memory, &mut reader), [frame(b"ghijklmn")]);
}

#[test]
fn a_writer_that_waits_is_woken_once_for_each_position() {
    let memory = Memory::new(32 * KIB);
    let (mut reader, woken) = (memory.reader(), Cell::new(0));
    let mut writer = memory.claim().expect("a ring");
    writer.words().waiting.store(1, Relaxed);
    for round in 1..4 {
        log(&memory, &mut writer, &frame(&[7; 100]));
        reader.look(&memory.words);
        while let Next::Frame(..) = reader.next(&memory.words) {}
        for _ in 0..3 {
            let wake = |_: &AtomicU64| woken.set(woken.get() + 1);
            reader.publish(&memory.words, wake, |_, _| {});
        }
        assert_eq!(woken.get(), round);
    }
}

#[test]
fn a_sleeping_reader_is_seen_until_it_is_awake() {
    let memory = Memory::new(32 * KIB);
    let mut reader = memory.reader();
    reader.fall_asleep(&memory.words, || {});
    let first = memory.header().after_commit(false);
    assert!(matches!(first, Reader::Asleep(_)));
    // A writer that changes the bell does not change what the reader does.
    memory.header().bell.store(77, Relaxed);
    reader.awake(&memory.words);
    assert_eq!(memory.header().after_commit(false), Reader::Awake);
    reader.fall_asleep(&memory.words, || {});
    assert_ne!(memory.header().after_commit(false), first);
}

#[test]
fn a_reader_that_ticks_needs_no_fence_of_its_writers_and_makes_one_before_it_sleeps() {
    let memory = Memory::new(32 * KIB);
    let mut reader = memory.reader();
    let barriers = Cell::new(0);
    let barrier = || barriers.set(barriers.get() + 1);
    reader.fall_asleep(&memory.words, barrier);
    let asleep = memory.header().after_commit(true);
    assert_eq!(
        (asleep, barriers.get()),
        (memory.header().after_commit(false), 0)
    );
    // The reader of no frame does not tick.
    reader.tick(&memory.words);
    assert_eq!(memory.header().after_commit(true), asleep);
    reader.awake(&memory.words);
    reader.tick(&memory.words);
    for has_barrier in [false, true] {
        assert_eq!(memory.header().after_commit(has_barrier), Reader::Awake);
    }
    reader.fall_asleep(&memory.words, barrier);
    assert_eq!(barriers.get(), 1);
    let next = memory.header().after_commit(true);
    assert!(matches!(next, Reader::Asleep(_)) && next != asleep);
    reader.awake(&memory.words);
    reader.tick(&memory.words);
    reader.close(&memory.words, barrier);
    assert_eq!(barriers.get(), 2);
    assert_eq!(memory.header().after_commit(true), Reader::Closed);
}

#[test]
fn a_ticket_counter_that_was_pushed_away_is_refused() {
    let memory = Memory::new(32 * KIB);
    for value in [0, 1 << 63, u64::MAX] {
        memory.header().ticket.store(value, Relaxed);
        assert_eq!(memory.header().draw_ticket(), None, "{value}");
    }
}
