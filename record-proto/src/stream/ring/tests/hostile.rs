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
