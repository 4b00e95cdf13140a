//! A writer in a ring whose words somebody else changes.

use super::*;

#[test]
fn a_ring_with_a_tail_that_makes_no_sense_is_broken_from_the_start() {
    let memory = Memory::new(32 * KIB);
    let ring = memory.layout.ring(&memory.words, 0);
    for tail in [7, 1 << 62, 1 << 63, u64::MAX - 7, u64::MAX] {
        ring.tail.store(tail, Relaxed);
        let mut writer = RingWriter::new(ring, 16 * KIB);
        for frame in [0, 100, 8000, usize::MAX / 2] {
            let room = writer.room(frame.min(16 * KIB));
            assert_eq!(room.err(), Some(NoRoom::Broken), "{tail:#x}");
        }
    }
}

#[test]
fn a_tail_that_goes_back_or_passes_the_position_breaks_a_ring() {
    let memory = Memory::new(32 * KIB);
    let mut writer = memory.claim().unwrap();
    for _ in 0..10 {
        log(&memory, &mut writer, &frame(&[1; 100]));
    }
    drain(&memory, &mut memory.reader());
    assert!(writer.room(100).is_ok());
    let tail = writer.words().tail.load(Relaxed);
    assert_eq!(tail, writer.position());
    for wrong in [0, tail - 8, tail + 8, u64::MAX] {
        writer.words().tail.store(wrong, Relaxed);
        assert_eq!(writer.room(100).err(), Some(NoRoom::Broken), "{wrong}");
    }
    writer.words().tail.store(tail, Relaxed);
    assert!(writer.room(100).is_ok());
}

/// Logs so much that a look has several parts, and has the first of them handed out.
fn hand_out_a_part(memory: &Memory, reader: &mut BufferReader) {
    let mut writer = memory.claim().expect("a ring");
    for _ in 0..100 {
        log(memory, &mut writer, &frame(&[7; 4000]));
    }
    reader.look(&memory.words);
    while let Next::Frame(..) = reader.next(&memory.words) {}
    reader.publish(&memory.words, |_| {}, |_, _| {});
}

/// Returns how many frames come in a bounded number of parts and looks, and whether nothing is left then.
fn come(memory: &Memory, reader: &mut BufferReader) -> (usize, bool) {
    let mut frames = 0;
    for _ in 0..50 {
        match reader.next(&memory.words) {
            Next::Nothing => return (frames, true),
            Next::Look => reader.look(&memory.words),
            Next::Part => reader.go_on(&memory.words),
            Next::Frame(..) => {
                frames += 1;
                while let Next::Frame(..) = reader.next(&memory.words) {
                    frames += 1;
                }
            }
        }
        reader.publish(&memory.words, |_| {}, |_, _| {});
    }
    (frames, false)
}

#[test]
fn a_claim_that_is_taken_back_keeps_no_entry_and_no_reader() {
    let memory = Memory::new(8192 * KIB);
    let mut reader = memory.reader();
    hand_out_a_part(&memory, &mut reader);
    memory.header().claimed.store(0, Relaxed);
    reader.look(&memory.words);
    let (frames, is_over) = come(&memory, &mut reader);
    assert!(frames > 50 && is_over, "{frames} frames, {is_over}");
}

#[test]
fn a_position_that_goes_back_to_what_was_read_frees_no_ring_with_entries() {
    let memory = Memory::new(32 * KIB);
    let mut reader = memory.reader();
    let mut writer = memory.claim().expect("a ring");
    for _ in 0..3 {
        log(&memory, &mut writer, &frame(&[7; 8000]));
    }
    let read = writer.position();
    let place = writer.room(14).expect("room");
    writer.commit(place, 1 << 40, &frame(&[7; 10]));
    reader.look(&memory.words);
    let ring = memory.rings().next().expect("a ring");
    ring.head.store(read, Relaxed);
    ring.released.store(1, Relaxed);
    let mut freed = 0;
    while let Next::Frame(..) = reader.next(&memory.words) {}
    reader.publish(&memory.words, |_| {}, |_, _| freed += 1);
    assert_eq!(freed, 0);
    reader.look(&memory.words);
    assert_eq!(come(&memory, &mut reader), (0, true));
    assert_eq!(reader.given_up().len(), 1);
}

#[test]
fn an_entry_that_makes_no_sense_gives_its_ring_up_once() {
    let memory = Memory::new(64 * KIB);
    let (mut reader, good) = (memory.reader(), frame(&[7; 10]));
    let mut writer = memory.claim().expect("a ring");
    log(&memory, &mut writer, &good);
    let at = writer.position() as usize / 8;
    log(&memory, &mut writer, &good);
    writer.words().data[at + 1].store(u64::MAX, Relaxed);
    assert_eq!(drain(&memory, &mut reader), [good]);
    assert_eq!(reader.next(&memory.words), Next::Nothing);
    assert_eq!(reader.given_up().len(), 1);
}

#[test]
fn what_is_written_over_a_frame_after_it_was_checked_changes_nothing_in_it() {
    for (length, comes_whole) in [(100, true), (4000, true), (5000, false)] {
        let memory = Memory::new(64 * KIB);
        let (mut reader, sent) = (memory.reader(), frame(&vec![7; length]));
        let mut writer = memory.claim().expect("a ring");
        log(&memory, &mut writer, &sent);
        reader.look(&memory.words);
        for word in writer.words().data {
            word.store(u64::MAX, Relaxed);
        }
        let Next::Frame(_, came) = reader.next(&memory.words) else {
            panic!("no frame");
        };
        // Of a long one, only the length is kept before it is handed out.
        assert_eq!(came == sent, comes_whole);
        assert_eq!((came.len(), &came[..4]), (sent.len(), &sent[..4]));
    }
}
